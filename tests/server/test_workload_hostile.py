"""Odd names, odd encodings, odd texts: every statement is either planned or named with its reason."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest
from psycopg import pq

from advisor.collect import collect
from advisor.connect import open_connection
from advisor.model.lookup import Catalog
from advisor.model.workload import Workload
from advisor.progress import Silent
from advisor.whatif.session import PlanningSession
from advisor.workload.read import read_workload

pytestmark = pytest.mark.server


def run(dsn: str, *commands: bytes) -> None:
    """Run commands as bytes, so that no driver looks at them."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        for command in commands:
            result = connection.pgconn.exec_(command)
            assert result.status in (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK), (command, result.error_message)


def read(dsn: str) -> Workload:
    with open_connection(dsn) as connection:
        snapshot = collect(connection)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("set default_transaction_read_only = on")
        return read_workload(snapshot, Catalog(snapshot), PlanningSession(connection), Silent())


@pytest.mark.parametrize("major", [13, 18])
def test_hostile_identifiers(make_database: Callable[..., str], major: int) -> None:
    dsn = make_database(major, "template template0 encoding 'UTF8'")
    table = '"Mixed $1 Schema"."we""ird; drop table x; --"'
    run(
        dsn,
        b"create extension pg_stat_statements",
        b'create schema "Mixed $1 Schema"',
        f"""create table {table} ("$1" int primary key, "select" text, "naïve 'ü'" timestamptz, "a.b" text[],
            "CamelCase" varchar(20), "/*" jsonb, "--" numeric)""".encode(),
        f"""insert into {table} select i, 's' || i % 7, now() - i * interval '1 hour', array['x' || i % 5], 'c' || i,
            '{{"a": 1}}', i from generate_series(1, 2000) i""".encode(),
        b"analyze",
        b"select pg_stat_statements_reset()",
        *(
            text.encode()
            for text in (
                f"""select "select" from {table} where "$1" = 5""",
                f"""select "$1" from {table} where "select" = 's1' and "naïve 'ü'" > now() - interval '3' day""",
                f"""select count(*) from {table} t where 'x1' = any (t."a.b") and "CamelCase" like 'c1%'""",
                f"""select extract(year from "naïve 'ü'") from {table} where "/*" @> '{{"a": 1}}' and "--" < 7""",
                f"""update {table} set "select" = 'it''s; drop' where "$1" in (1, 2, 3)""",
                f"""with "x y" as (select * from {table} where "--" between 1 and 5) select "$1" from "x y" limit 3""",
                f"""select '/* no comment' as "-- no comment either", $x$ ; $x$ from {table} where "$1" < 3""",
            )
        ),
    )
    workload = read(dsn)
    lost = [item for item in workload.unusable if item.category in ("unplannable", "unparsable")]
    assert not lost
    assert len(workload.statements) == 7
    for statement in workload.statements:
        assert statement.relations[0].name == 'we"ird; drop table x; --'
        assert statement.uses


@pytest.mark.parametrize("major", [15])
def test_sql_ascii_database(make_database: Callable[..., str], major: int) -> None:
    dsn = make_database(major, "template template0 encoding 'SQL_ASCII' lc_collate 'C' lc_ctype 'C'")
    run(
        dsn,
        b"create extension pg_stat_statements",
        b"create table caf\xe9 (id int primary key, name text)",
        b"create table plain (id int primary key, name text)",
        b"insert into plain select i, 'n\xfc' || i % 5 from generate_series(1, 1000) i",
        b"analyze",
        b"select pg_stat_statements_reset()",
        b"select id from plain where name = 'n\xfc1'",
        b"select id as caf\xe9 from plain where id = 3",
        b"select id from caf\xe9 where id = 3",
    )
    workload = read(dsn)
    assert any(statement.original.startswith("select id from plain where name") for statement in workload.statements)
    seen = len(workload.statements) + len([u for u in workload.unusable if u.category in ("unplannable", "unparsable")])
    assert seen == 3


@pytest.mark.parametrize("major", [15])
def test_empty_database(make_database: Callable[..., str], major: int) -> None:
    workload = read(make_database(major))
    assert workload.statements == ()


@pytest.mark.parametrize("major", [15])
def test_long_and_deep_texts(make_database: Callable[..., str], major: int) -> None:
    """A megabyte of text, 20,000 list items, 1,000 nested operators: bounded, and the others are not touched."""
    dsn = make_database(major)
    items = ", ".join(str(number) for number in range(20000))
    run(
        dsn,
        b"create extension pg_stat_statements",
        b"create table t (id int primary key, a text)",
        b"insert into t select i, 'a' || i from generate_series(1, 1000) i",
        b"analyze",
        b"select pg_stat_statements_reset()",
        b"select id from t where id = 5",
        f"select a from t where id in ({items})".encode(),
        f"select id, a from t where a = '{'x' * 1_000_000}'".encode(),
        f"select id from t where id = {'+'.join(['1'] * 1000)}".encode(),
        f"insert into t values {', '.join(f'({10000 + n}, $${n}$$)' for n in range(3000))}".encode(),
    )
    workload = read(dsn)
    originals = [statement.original for statement in workload.statements]
    assert any(text.startswith("select id from t where id = $1") for text in originals)
    listed = next(statement for statement in workload.statements if "in (" in statement.original.lower())
    assert len(listed.parameter_types) == 1
    assert any("select id, a from t" in text for text in originals)
    assert [item.category for item in workload.unusable if item.text.startswith("insert")] == ["bulk_load"]
