"""Deletes of referenced rows count as look-ups on the referencing side, also where no statement text shows them."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from advisor.model.report import Report
from advisor.pipeline import ReportOptions, Source, make_report, open_source
from advisor.progress import Silent
from advisor.render.order import is_covered

pytestmark = pytest.mark.server


def report_of(dsn: str, track: str) -> Report:
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in (
            "create extension pg_stat_statements",
            "create table authors (id int primary key)",
            "create table books (id int primary key, author int references authors (id) on delete cascade, t text)",
            "create table notes (id int primary key, author int references authors (id), t text)",
            "insert into authors select generate_series(1, 3000)",
            "insert into books select i, 1 + i % 2500, repeat('x', 90) from generate_series(1, 40000) i",
            "insert into notes select i, 1 + i % 2500, repeat('x', 90) from generate_series(1, 40000) i",
            "vacuum (analyze) authors, books, notes",
            "select pg_stat_reset()",
            "select pg_stat_statements_reset()",
            f"set pg_stat_statements.track = '{track}'",
        ):
            connection.execute(statement.encode())
        for number in range(2901, 2941):
            connection.execute("delete from authors where id = %s", (number,))
    with open_source(Source(dsn=dsn), None, Silent()) as (snapshot, session):
        return make_report(snapshot, ReportOptions(subjects=("index", "health")), session)


@pytest.mark.parametrize("track", ["top", "all"])
def test_both_sides_are_found_once(make_database: Callable[..., str], track: str) -> None:
    report = report_of(make_database(15), track)
    assert report.indexes is not None
    proposed = {proposal.table.name: proposal for proposal in report.indexes.create}
    assert proposed["books"].columns == ("author",)
    assert proposed["notes"].columns == ("author",)
    calls = {effect.calls for table in ("books", "notes") for effect in proposed[table].statements}
    assert all(count == pytest.approx(40, rel=0.02) for count in calls), "not counted twice where they are texts too"
    if track == "top":
        assert "rows deleted from authors" in proposed["books"].evidence
    found = [finding for finding in report.findings if finding.rule.endswith("foreign_key_without_index")]
    assert len(found) == 2 and all(is_covered(report, finding) for finding in found), "the report says it once"
