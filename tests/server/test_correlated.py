"""Extended statistics are proposed where more rows come back than the planner expects, and they help."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import psycopg
import pytest

from advisor.pipeline import ReportOptions, Source, make_report, open_source
from advisor.progress import Silent

pytestmark = pytest.mark.server


def notes_of(dsn: str) -> list[str]:
    with open_source(Source(dsn=dsn), None, Silent()) as (snapshot, session):
        report = make_report(snapshot, ReportOptions(subjects=("index",)), session)
    assert report.indexes is not None
    return [note for note in report.indexes.notes if "CREATE STATISTICS" in note]


def test_city_and_code(make_database: Callable[..., str]) -> None:
    dsn = make_database(15)
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in (
            "create extension pg_stat_statements",
            'create table places (id int primary key, city text, "Code" text, kind int)',
            "insert into places select i, 'c' || i % 120, 'z' || i % 120, i / 120 % 7 from generate_series(1, 60000) i",
            "vacuum (analyze) places",
            "select pg_stat_statements_reset()",
        ):
            connection.execute(statement.encode())
        for number in range(20):
            connection.execute('select id from places where city = %s and "Code" = %s', (f"c{number}", f"z{number}"))
            connection.execute("select id from places where city = %s and kind = %s", (f"c{number}", number % 7))
        found = notes_of(dsn)
        assert len(found) == 1, "city and kind are independent"
        assert "500 rows a call where the planner expects 4 at most" in found[0]
        ddl, undo = (
            re.search(r"(CREATE STATISTICS .*?);", found[0]),
            re.search(r"undo: (DROP STATISTICS .*?)\)", found[0]),
        )
        assert ddl is not None and undo is not None
        connection.execute(ddl[1].encode())
        connection.execute("analyze places")
        row = connection.execute(
            """explain (format json) select id from places where city = 'c7' and "Code" = 'z7'"""
        ).fetchone()
        assert row is not None
        plan = json.loads(json.dumps(row[0]))[0]["Plan"]
        assert 250 < plan["Plan Rows"] < 1000
        assert notes_of(dsn) == [], "said once"
        connection.execute(undo[1].encode())
