"""An index wider than anybody needs, on a real server: the steps are run as told, and no plan gets dearer."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest

from advisor.model.report import Report
from advisor.pipeline import ReportOptions, Source, make_report, open_source
from advisor.progress import Silent
from advisor.render import render
from advisor.render.order import actions

pytestmark = pytest.mark.server
MONTHS = timedelta(days=60)
READS = ("select * from visits where customer = %s", "select count(*) from visits where customer = %s")


def report_of(dsn: str) -> Report:
    """Return the report of the server as if its counters had been counting for two months."""
    with open_source(Source(dsn=dsn), None, Silent()) as (snapshot, session):
        assert snapshot.database_counters is not None
        begin = snapshot.server.collected_at - MONTHS
        snapshot = replace(
            snapshot,
            server=replace(snapshot.server, started_at=begin),
            database_counters=replace(snapshot.database_counters, stats_reset=begin),
            statements_view=replace(snapshot.statements_view, stats_reset=begin, dealloc=0),
        )
        return make_report(snapshot, ReportOptions(subjects=("index",)), session)


def until_scans_are_counted(dsn: str) -> None:
    """Wait for the counters of a session that has ended: until 14 a process of its own keeps them."""
    deadline = time.monotonic() + 20
    with psycopg.connect(dsn, autocommit=True) as admin:
        while time.monotonic() < deadline:
            row = admin.execute(
                "select idx_scan from pg_stat_user_indexes where indexrelname = 'visits_wide'"
            ).fetchone()
            if row is not None and row[0]:
                return
            time.sleep(0.1)
    pytest.fail("no scan was counted")


@pytest.mark.parametrize("major", [13, 15, 18])
def test_built_dropped_and_nothing_is_slower(make_database: Callable[..., str], major: int) -> None:
    dsn = make_database(major)
    with psycopg.connect(dsn, autocommit=True) as admin:
        for text in (
            "create extension pg_stat_statements",
            "create table visits (id bigint primary key, customer bigint, shop bigint, seen bigint, filler text)",
            "insert into visits select i, i % 20000, i % 500, 0, repeat('x', 40) from generate_series(1, 800000) i",
            "create index visits_wide on visits (customer, shop, seen, id)",
            "vacuum analyze visits",
            "select pg_stat_statements_reset()",
        ):
            admin.execute(text.encode())
        for number in range(30):
            for text in READS:
                admin.execute(text.encode(), (number,), prepare=False)
            admin.execute("update visits set seen = seen + 1 where id = %s", (number,))
    until_scans_are_counted(dsn)
    report = report_of(dsn)
    assert report.indexes is not None
    assert report.indexes.create, render(report, "text")
    (created,), (drop,) = report.indexes.create, report.indexes.drop
    assert created.columns == ("customer",) and created.replaces == ("public.visits_wide",)
    assert "shop, seen, id" in created.reason and "(HOT)" in created.reason and "60 days" in created.reason
    assert (drop.index.name, drop.kind, drop.hurt) == ("visits_wide", "replaced", ())
    steps = [(action.rule, action.sql) for action in actions(report) if action.subject == "index"]
    assert [rule for rule, _ in steps] == ["index/create", "index/drop_replaced"]
    with psycopg.connect(dsn, autocommit=True) as admin:
        before = plans(admin)
        for _, lines in steps:
            for line in lines:
                admin.execute(line.encode())
        admin.execute("analyze visits")
        built = admin.execute("select pg_relation_size(%s::regclass)", (created.name,)).fetchone()
        assert built is not None and built[0] == pytest.approx(created.size_bytes, rel=0.2)
        for old, new in zip(before, plans(admin), strict=True):
            assert new <= 1.05 * old
    again = report_of(dsn)
    assert again.indexes is not None and (again.indexes.create, again.indexes.drop) == ((), ())


def plans(admin: psycopg.Connection[tuple[object, ...]]) -> list[float]:
    found = []
    for text in READS:
        row = admin.execute(f"explain (format json) {text}".encode().replace(b"%s", b"77")).fetchone()
        assert row is not None and isinstance(row[0], list)
        found.append(float(row[0][0]["Plan"]["Total Cost"]))
    return found


def test_a_statement_that_needs_the_second_column_keeps_it(make_database: Callable[..., str]) -> None:
    dsn = make_database(15)
    with psycopg.connect(dsn, autocommit=True) as admin:
        for text in (
            "create extension pg_stat_statements",
            "create table visits (id bigint primary key, customer bigint, shop bigint, seen bigint, filler text)",
            "insert into visits select i, i % 200, i % 5000, 0, repeat('x', 40) from generate_series(1, 800000) i",
            "create index visits_wide on visits (customer, shop, seen)",
            "vacuum analyze visits",
            "select pg_stat_statements_reset()",
        ):
            admin.execute(text.encode())
        for number in range(30):
            admin.execute(
                "select filler from visits where customer = %s and shop = %s", (number, number), prepare=False
            )
        admin.execute("select seen from visits where customer = 3 and shop < 50")
    until_scans_are_counted(dsn)
    report = report_of(dsn)
    assert report.indexes is not None
    assert not [one for one in report.indexes.create if one.frees_bytes]
