"""Two snapshots make a window."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from advisor.errors import UsageError
from advisor.model.activity import StatementCounters, StatementsView
from advisor.model.catalog import Table
from advisor.model.server import Server
from advisor.model.snapshot import Snapshot
from advisor.workload.difference import since

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def row(queryid: int, calls: int, total: float, **more: object) -> StatementCounters:
    base = StatementCounters(
        queryid=queryid, role="app", toplevel=True, query=f"select {queryid} from t", calls=calls,
        total_exec_time=total, min_exec_time=0.1, max_exec_time=9.0, mean_exec_time=total / calls, stddev_exec_time=1.0,
        rows=calls * 2, plans=0, total_plan_time=0.0, shared_blks_hit=calls * 10, shared_blks_read=calls,
        shared_blks_dirtied=0, shared_blks_written=0,
    )  # fmt: skip
    return replace(base, **more)  # type: ignore[arg-type]


def snapshot(at: datetime, *statements: StatementCounters, size: int = 1000, reset: datetime = NOON) -> Snapshot:
    return Snapshot(
        tool_version="test",
        server=Server(
            version_num=160004, version="16.4", database="shop", user="u", is_superuser=False, in_recovery=False,
            started_at=None, collected_at=at, encoding="UTF8", lc_collate="C", lc_ctype="C", system_identifier="1",
        ),
        settings=(),
        tables=(Table(oid=1, schema="public", name="t", kind="r", owner="o", total_bytes=size, reltuples=5),),
        statements_view=StatementsView(status="ok", stats_reset=reset, dealloc=3),
        statements=statements,
    )  # fmt: skip


def test_counters_are_subtracted() -> None:
    before = snapshot(NOON + timedelta(hours=1), row(1, 100, 1000.0), row(2, 10, 50.0), size=1000)
    now = snapshot(NOON + timedelta(hours=2), row(1, 150, 1100.0), row(2, 10, 50.0), row(3, 4, 8.0), size=1500)
    window = since(now, before)
    assert {r.queryid: r.calls for r in window.statements} == {1: 50, 3: 4}, "what did not run is not in the window"
    first = window.statements[0]
    assert (first.total_exec_time, first.mean_exec_time, first.rows, first.shared_blks_hit) == (100.0, 2.0, 100, 500)
    assert window.statements_view.stats_reset == before.server.collected_at
    assert window.statements_view.dealloc == 0
    assert [(s.relation, s.total_bytes) for s in window.sizes] == [("public.t", 1000)]


def test_another_primary_is_nothing_to_subtract() -> None:
    def on(timeline: int | None, hour: int) -> Snapshot:
        found = snapshot(NOON + timedelta(hours=hour))
        return replace(found, server=replace(found.server, timeline=timeline))

    with pytest.raises(UsageError, match="timeline 1, and this one writes timeline 2"):
        since(on(2, 2), on(1, 1))
    assert since(on(2, 2), on(None, 1)).statements == (), "a file that does not say is believed"


def test_an_entry_that_was_evicted_counts_as_new() -> None:
    before = snapshot(NOON + timedelta(hours=1), row(1, 100, 1000.0), row(2, 50, 5.0, stats_since=NOON))
    now = snapshot(
        NOON + timedelta(hours=2), row(1, 7, 70.0), row(2, 60, 6.0, stats_since=NOON + timedelta(minutes=90))
    )
    assert {r.queryid: r.calls for r in since(now, before).statements} == {1: 7, 2: 60}


def test_a_reset_is_told() -> None:
    before = snapshot(NOON + timedelta(hours=1), row(1, 100, 1000.0))
    reset = NOON + timedelta(minutes=90)
    window = since(snapshot(NOON + timedelta(hours=2), row(1, 7, 70.0), reset=reset), before)
    assert window.statements[0].calls == 7
    assert window.statements_view.stats_reset == reset
    assert any("reset" in gap.why for gap in window.gaps)


def test_what_does_not_belong_together_is_refused() -> None:
    early, late = snapshot(NOON, row(1, 1, 1.0)), snapshot(NOON + timedelta(hours=1), row(1, 2, 2.0))
    with pytest.raises(UsageError, match="not older"):
        since(early, late)
    other = replace(early, server=replace(early.server, database="blog"))
    with pytest.raises(UsageError, match="another server or name"):
        since(late, other)
    old = replace(early, server=replace(early.server, version_num=150004))
    with pytest.raises(UsageError, match="PostgreSQL 15"):
        since(late, old)
