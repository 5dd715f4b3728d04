"""Extended statistics are proposed where more rows come back than the planner expects, and they help."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import psycopg
import pytest

from advisor.pipeline import ReportOptions, Source, make_report, open_source
from advisor.progress import Silent
from tests.server.test_logs import log_files, logging_cluster

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


@pytest.mark.parametrize(("major", "form"), [(13, "text"), (18, "text"), (18, "json")])
def test_measured_plans_in_a_log_show_it_below_a_sum(major: int, form: str) -> None:
    with logging_cluster(major, log_min_duration_statement="-1") as cluster:
        with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
            for statement in (
                'create table places (id int primary key, city text, "Code" text, kind int)',
                "insert into places select i, 'c' || i % 120, 'z' || i % 120, i / 120 % 7"
                " from generate_series(1, 24000) i",
                "create table kinds (kind int primary key, name text)",
                "insert into kinds select i, 'k' || i from generate_series(0, 6) i",
                "vacuum (analyze) places",
                "analyze kinds",
                "set auto_explain.log_min_duration = 0; set auto_explain.log_analyze = on",
                f"set auto_explain.log_format = {form}",
            ):
                connection.execute(statement.encode())
            query = (
                "select k.name, count(*) from places p join kinds k using (kind)"
                """ where p.city = %s and p."Code" = %s and p.id > 0 group by 1"""
            )
            for number in range(3):
                connection.execute(query, (f"c{number}", f"z{number}"))
            connection.execute("select count(*) from places where city = %s and kind = %s", ("c1", 3))
            connection.execute("select 'the end' as mark")
        log = next(file for file in log_files(cluster, "the end") if file.suffix == ".csv")
        with open_source(Source(dsn=cluster.dsn(), log_files=(log,)), None, Silent()) as (snapshot, session):
            report = make_report(snapshot, ReportOptions(subjects=("index",)), session)
    assert report.indexes is not None
    notes = [note for note in report.indexes.notes if "CREATE STATISTICS" in note]
    assert len(notes) == 1, "city and kind are independent"
    assert re.match(
        r"A scan of places in the log found 200 rows where the planner expected [12]: Code and city", notes[0]
    )
    assert 'ON "Code", city FROM public.places' in notes[0]
