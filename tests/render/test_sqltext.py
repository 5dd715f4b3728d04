"""SQL laid out for people must stay the same SQL."""

from __future__ import annotations

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.model.names import RelationName, quote_literal
from advisor.render.sqltext import block, commented, fold, indented, is_sql, paste_safe, terminated
from tests.render.samples import HOSTILE

# Pieces of SQL that must come through any layout unbroken.
ATOMS = ["'a  b'", "'it''s;'", "E'a\\'  b'", '"a  ""b"', "$$x  'y$$", "$t$ a  $$ b $t$", "(", ")", ",", "on", "WHERE"]


@pytest.mark.parametrize(
    ("sql", "wanted"),
    [
        ("select 1", "select 1;"),
        ("select 1;", "select 1;"),
        ("  select 1 ; ", "select 1 ;"),
        ("select ';'", "select ';';"),
        ("select 1 -- all", "select 1 -- all\n;"),
        ("select 1; -- all", "select 1; -- all"),
        ("-- nothing", "-- nothing"),
        ("-- first\nselect 1", "-- first\nselect 1;"),
        ("", ""),
        ("select $$ a; $$", "select $$ a; $$;"),
    ],
)
def test_terminated(sql: str, wanted: str) -> None:
    assert terminated(sql) == wanted


@given(st.lists(st.sampled_from(ATOMS), min_size=1, max_size=30), st.integers(10, 60))
def test_fold_changes_only_bare_blanks(words: list[str], width: int) -> None:
    sql = " ".join(words)
    folded = "\n".join(fold(sql, width))
    for atom in ATOMS[:6]:
        assert folded.count(atom) == sql.count(atom)
    assert folded.split() == sql.split()


def test_fold_leaves_scripts_alone() -> None:
    script = "do $$\nbegin\n  delete from t; -- it's fine\nend $$" + " " * 100
    assert "\n".join(fold(script, 40)) == script


def test_indent_stays_out_of_quotes() -> None:
    assert indented("select 'a\nb',\n1", "  ") == "  select 'a\nb',\n  1"


def test_long_index_is_broken_at_its_clauses() -> None:
    ddl = "CREATE INDEX CONCURRENTLY \"i on t\" ON public.t (a, b) INCLUDE (c) WHERE note = 'x WHERE y'"
    assert block([ddl], 60, "  ").splitlines() == [
        '  CREATE INDEX CONCURRENTLY "i on t"',
        "      ON public.t (a, b)",
        "      INCLUDE (c)",
        "      WHERE note = 'x WHERE y';",
    ]


@pytest.mark.parametrize("breaker", ["\n", "\r", "\v", "\f", "\x1c", "\x85", "\u2028", "\u2029"])
def test_comment_cannot_be_left(breaker: str) -> None:
    assert all(line.startswith("--") for line in commented(f"a{breaker}drop table t").splitlines())


def test_advice_and_statements_are_told_apart() -> None:
    assert is_sql("GRANT pg_monitor TO a")
    assert not is_sql("Grant it in the console.")
    assert not is_sql("")


@pytest.mark.server
def test_hostile_names_and_values_mean_the_same_to_the_server(database: str) -> None:
    name = RelationName(HOSTILE[:20] + "\x1b\t", HOSTILE[:15] + "\r\n\\\u202e" + '"')
    value = "a\x1b\u202e'\\b"
    statements = [
        f"CREATE SCHEMA {name.schema and RelationName(name.schema, 'x')}".rsplit(".", 1)[0],
        f"CREATE TABLE {name} (a text DEFAULT {quote_literal(value)})",
        f"CREATE INDEX ON {name} (a)",
    ]
    script = block(statements, 40, "    ")
    assert "\x1b" not in script
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(script.encode())
        row = connection.execute(
            "select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace"
            " where c.relkind = 'r' and n.nspname !~ '^(pg_|information_schema)'"
        ).fetchone()
        assert row == (name.schema, name.name)
        connection.execute(f"insert into {name} default values".encode())
        assert connection.execute(f"select a from {name}".encode()).fetchone() == (value,)


@given(st.text())
def test_paste_safe_changes_nothing_harmless(text: str) -> None:
    harmless = "".join(char for char in text if char.isprintable())
    assert paste_safe(f"select '{harmless.replace(chr(39), '')}'") == f"select '{harmless.replace(chr(39), '')}'"
