"""Bad input of every kind in one report: each text is left out by itself and explained, the others are served."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import jsonschema
import psycopg
import pytest

from advisor.model.report import Report
from advisor.model.workload import UnusableStatement
from advisor.pipeline import ReportOptions, Source, make_report, open_source
from advisor.progress import Silent
from advisor.render import json_schema, render
from advisor.workload.files import split_statements
from tests.server.test_cli import pgadvise

pytestmark = pytest.mark.server
MAJORS = [15, 18]
JOINED = 60
FILE = """-- calls: 300
select id from orders where at > '2026-01-01' and customer = 17;
selec id frm orders;
select 1 + 1;
select id from never_there where a = 4;
select id from orders where customer = %(who)s and at > %(since)s;
insert into orders values (1, 2;
\\d orders
select note from orders where customer = 12 and (note = 'a
"""


def report_of(dsn: str, *files: Path, subjects: tuple[str, ...] = ("index",)) -> Report:
    with open_source(Source(dsn=dsn, workload_files=files), None, Silent()) as (snapshot, session):
        return make_report(snapshot, ReportOptions(subjects=subjects), session)


def said_of(report: Report, beginning: str) -> UnusableStatement:
    """Return the one line about the texts that begin so."""
    assert report.indexes is not None
    found = [text for text in report.indexes.unusable if text.text.startswith(beginning)]
    assert len(found) == 1, (beginning, found)
    return found[0]


def joins() -> str:
    return "j0 " + " ".join(f"join j{n} on j{n}.id = j{n - 1}.next" for n in range(1, JOINED))


def tables(admin: psycopg.Connection[Any]) -> None:
    """Make what the statements work on; the joined tables are large enough for indexes of their own."""
    for text in (
        "create extension pg_stat_statements",
        "create table orders (id int primary key, customer int, note text, at timestamptz)",
        "insert into orders select i, i % 5000, 'n' || i, now() - i * interval '1 minute'"
        " from generate_series(1, 50000) i",
        "create table gone (id int, a int)",
        "create temporary table scratch (id int, a int)",
        *(
            f"create table j{n} as select i as id, i as next, repeat('x', 50) as filler from generate_series(1, 2000) i"
            for n in range(JOINED)
        ),
        "analyze",
        "select pg_stat_statements_reset()",
    ):
        admin.execute(text.encode())


def every_kind_of_text(admin: psycopg.Connection[Any]) -> None:
    """Run the normal statements, and beside them everything that cannot be planned or is hard to."""
    for number in range(20):
        admin.execute(f"select note from orders where customer = {number}".encode())
    long = "x" * 1_000_000
    for text in (
        "select a from gone where id = 5",
        "select a from scratch where id = 6",
        f"select at from orders where id in ({', '.join(str(n) for n in range(2000))})",
        f"select id from orders /* {long} */ where customer = 8",
        f"select count(*) from orders where note = '{long}'",
        # The server itself is spared the search for an order of the joins.
        "set join_collapse_limit = 1",
        f"select count(*) from {joins()}",
        "create index passing on orders (at)",
        "drop index passing",
        "alter table orders add column extra int",
        "alter table orders drop column extra",
        "begin",
        "declare walk cursor for select id from orders where customer = 77",
        "fetch 3 from walk",
        "close walk",
        "commit",
        "drop table gone",
        "select 1",
        "vacuum j0",
    ):
        admin.execute(text.encode())
    with admin.cursor() as cursor:
        with cursor.copy("copy j0 from stdin") as copy:
            copy.write("5000\t7\tx\n")
        for text in ("copy orders to stdout", "copy (select note from orders where customer = 12) to stdout"):
            with cursor.copy(text.encode()) as copy:
                assert sum(1 for _ in copy)


@pytest.mark.parametrize("major", MAJORS)
def test_everything_bad_in_one_report(make_database: Callable[..., str], major: int, tmp_path: Path) -> None:
    """A database with all of it, a session whose text the server has cut, and a file of texts."""
    dsn = make_database(major)
    file = tmp_path / "queries.sql"
    file.write_text(FILE)
    with ExitStack() as stack:
        admin = stack.enter_context(psycopg.connect(dsn, autocommit=True))
        cut = stack.enter_context(psycopg.connect(dsn, autocommit=True))
        tables(admin)
        wide = ", ".join(f"'z{number}'" for number in range(400))
        cut.execute(f"select id /* wide */ from orders where note in ({wide}) union select 5".encode())
        admin.execute(
            "select pg_stat_statements_reset(0, 0, queryid) from pg_stat_statements where query like '%/* wide */%'"
        )
        every_kind_of_text(admin)
        report = report_of(dsn, file)
    each_text_is_left_out_by_itself_and_explained(report)
    the_statements_beside_them_are_served(report)
    people_read_the_reasons(report)


def each_text_is_left_out_by_itself_and_explained(report: Report) -> None:
    assert report.indexes is not None
    assert [(gap.what, gap.costs) for gap in report.gaps] == [
        ("the rest of 1 text in pg_stat_statements", "these statements are listed and not planned")
    ]
    expected = {
        "select a from gone": ("unplannable", 1, 'relation "gone" does not exist'),
        "select a from scratch": ("unplannable", 1, "temporary"),
        "select id from orders /* x": ("unplannable", 1, "too long to analyse: 1.0 million characters"),
        "create index passing": ("utility", 1, "no plan to improve"),
        "drop index passing": ("utility", 1, "no plan to improve"),
        "alter table orders add": ("utility", 1, "no plan to improve"),
        "vacuum j0": ("utility", 1, "no plan to improve"),
        "fetch 3 from walk": ("utility", 1, "no plan to improve"),
        "copy orders to stdout": ("utility", 1, "copies a whole table out"),
        "copy j0 from stdin": ("bulk_load", 1, "bulk load by COPY"),
        "select $1": ("no_table", 1, "reads no table"),
        "selec id frm orders": ("unparsable", 1, 'syntax error at or near "selec"'),
        "select 1 + 1": ("no_table", 1, "reads no table"),
        "select id from never_there": ("unplannable", 1, 'relation "never_there" does not exist'),
        "insert into orders values (1, 2": ("unparsable", 1, "stops in the middle"),
        "select note from orders where customer = 12 and (note": ("unparsable", 1, "stops in the middle"),
        "\\d orders": ("utility", 1, "psql command"),
        "select id /* wide */ from orders": ("unparsable", 1, "cut it at track_activity_query_size"),
    }
    for beginning, (category, calls, why) in expected.items():
        said = said_of(report, beginning)
        assert (said.category, said.calls) == (category, calls), said.text[:80]
        assert why in said.reason, said
    lost = [text for text in report.indexes.unusable if text.category in ("unparsable", "unplannable", "hidden")]
    assert len(lost) == 8, [(text.text[:60], text.reason) for text in lost]


def the_statements_beside_them_are_served(report: Report) -> None:
    assert report.indexes is not None
    proposed = {(proposal.table.name, proposal.columns[0]): proposal for proposal in report.indexes.create}
    helped = {effect.query[:40]: effect.calls for effect in proposed["orders", "customer"].statements}
    assert any(calls == 300 for calls in helped.values()), helped
    # The COPY of a query is the same statement as the query.
    assert helped["select note from orders where customer ="] == 21
    summary = {row.query[:24]: row for row in report.workload}
    assert summary["declare walk cursor for "].notes == ("the query inside DECLARE",)
    listed = summary["select at from orders wh"]
    assert listed.cost_before is not None and "a list of values is bound as one array" in listed.notes
    assert summary["select count(*) from ord"].cost_before, "a value of a megabyte is one parameter"
    joined = summary["select count(*) from j0 "]
    assert joined.cost_before is not None and joined.cost_after is not None
    assert joined.cost_after <= joined.cost_before
    rare = [note for note in report.indexes.notes if "where note = $1" in note]
    assert rare and all("times cheaper, which 1 call in the window does not pay" in note for note in rare), rare
    placeholders = [row for row in report.workload if "at > $" in row.query]
    assert len(placeholders) == 1, "a driver's placeholders become parameters"


def people_read_the_reasons(report: Report) -> None:
    """The dearest five reasons with a text each, the rest counted; a page of HTML and the JSON have them all."""
    text = render(report, "text")
    assert "unparsable 4" in text and "unplannable 4" in text and "asked by pgadvise" in text
    for reason in ("truncated text: it stops in the middle of a statement: 2 texts, 2 calls", "insert into orders"):
        assert reason in text, text[text.index("WORKLOAD") :]
    assert "and 2 more reasons" in text
    markdown, page = render(report, "markdown"), render(report, "html")
    assert "truncated text: it stops in the middle of a statement: 2 texts, 2 calls" in markdown
    for reason in ("does not exist (dropped, temporary, or in another schema)", "track_activity_query_size"):
        assert reason in page
    assert len(page) < 1_000_000, "a text of a megabyte is not repeated"
    document = json.loads(render(report, "json"))
    jsonschema.validate(document, json_schema())
    reasons = {entry["reason"] for entry in document["indexes"]["workload"]["unusable"]}
    assert any("too long to analyse" in reason for reason in reasons)


NAMES = (
    'we"ird', "two words", "größe €", "select", "ü" * 31 + "x", "UPPER", "semi;colon--", "tab\there", "$1", "a.b",
    "it's", "back\\slash", "percent%s", "{brace}", "new\nline",
)  # fmt: skip


@pytest.mark.parametrize("major", MAJORS)
def test_indexes_on_odd_names_can_be_made_as_printed(make_database: Callable[..., str], major: int) -> None:
    dsn = make_database(major)
    quoted = ['"' + name.replace('"', '""') + '"' for name in NAMES]
    places = [f'"far away".{name}' if number % 2 else f"public.{name}" for number, name in enumerate(quoted)]
    with psycopg.connect(dsn, autocommit=True) as admin:

        def run(text: str) -> None:
            result = admin.pgconn.exec_(text.encode())
            assert not result.error_message, (text, result.error_message.decode())

        run("create extension pg_stat_statements")
        run('create schema "far away"')
        for name, place in zip(quoted, places, strict=True):
            run(f"create table {place} (id int primary key, {name} int, filler text)")
            run(f"insert into {place} select i, i % 5000, repeat('x', 50) from generate_series(1, 20000) i")
        run("analyze")
        run("select pg_stat_statements_reset()")
        for name, place in zip(quoted, places, strict=True):
            for number in range(30):
                run(f"select id from {place} where {name} = {number}")
        report = report_of(dsn)
        assert report.indexes is not None
        assert sorted(proposal.columns[0] for proposal in report.indexes.create) == sorted(NAMES)
        assert not [text for text in report.indexes.unusable if text.category in ("unparsable", "unplannable")]
        for piece in split_statements(render(report, "sql")):
            run(piece.text)
        again = report_of(dsn)
        assert again.indexes is not None and again.indexes.create == (), "they are used"
        for proposal in report.indexes.create:
            run(proposal.undo_ddl)


@pytest.mark.parametrize("major", MAJORS)
def test_a_role_with_nothing_but_login(make_database: Callable[..., str], major: int) -> None:
    """What it may not see is a gap with the GRANT that closes it; nothing is called fine that nobody looked at."""
    dsn = make_database(major)
    with psycopg.connect(dsn, autocommit=True) as admin:
        tables(admin)
        for number in range(40):
            admin.execute(f"select note from orders where customer = {number}".encode())
        admin.execute("create role pgadvise_nobody login")
        try:
            guest = dsn.replace("user=postgres", "user=pgadvise_nobody")
            assert guest != dsn
            report = report_of(guest, subjects=("index", "health"))
            assert report.indexes is not None and report.indexes.create == ()
            hidden = [text for text in report.indexes.unusable if text.category == "hidden"]
            assert sum(text.calls for text in hidden) >= 40
            fixes = {gap.what.split(" of ")[0]: gap.fix for gap in report.gaps}
            assert fixes["texts"] == "GRANT pg_read_all_stats TO pgadvise_nobody;"
            assert fixes["statistics"] == "GRANT pg_read_all_data TO pgadvise_nobody;"
            text = render(report, "text")
            assert "no statement could be judged" in text and "nothing to change" not in text
            assert "All is well" not in text
            assert "GRANT pg_read_all_stats TO pgadvise_nobody;" in text
            command = pgadvise("report", "--dsn", guest, "-f", "text")
            assert command.returncode == 0, command.stderr
            # With the grants it is told, the same role gets the index.
            admin.execute("grant pg_read_all_stats, pg_read_all_data to pgadvise_nobody")
            better = report_of(guest)
            assert better.indexes is not None
            assert [proposal.columns for proposal in better.indexes.create] == [("customer",)]
        finally:
            admin.execute("drop role pgadvise_nobody")


@pytest.mark.parametrize("major", MAJORS)
@pytest.mark.parametrize("extension", [False, True])
def test_nothing_to_go_by(make_database: Callable[..., str], major: int, extension: bool, tmp_path: Path) -> None:
    """An empty database, and one without pg_stat_statements: said, with what would help; a file serves instead."""
    dsn = make_database(major)
    with psycopg.connect(dsn, autocommit=True) as admin:
        if extension:
            admin.execute("create extension pg_stat_statements")
        report = report_of(dsn)
        assert report.indexes is not None
        assert (report.indexes.create, report.indexes.drop) == ((), ())
        assert "no statement could be judged" in render(report, "text")
        wanted = [gap for gap in report.gaps if gap.what == "pg_stat_statements"]
        assert [gap.fix for gap in wanted] == ([] if extension else ["CREATE EXTENSION pg_stat_statements;"])
        assert all("no index is proposed" in (gap.costs or "") for gap in wanted)
        admin.execute("create table t (id int primary key, a int)")
        admin.execute("insert into t select i, i from generate_series(1, 20000) i")
        admin.execute("analyze")
    file = tmp_path / "queries.sql"
    file.write_text("-- calls: 500\nselect id from t where a = 5;\n")
    served = report_of(dsn, file)
    assert served.indexes is not None
    assert [proposal.columns for proposal in served.indexes.create] == [("a",)]
