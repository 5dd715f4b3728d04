"""The counters of several nodes as one, without a server."""

from __future__ import annotations

import statistics
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from advisor.index_search.drops import statistics_window
from advisor.model.activity import StatementsView
from advisor.model.snapshot import Snapshot
from advisor.workload.replicas import nodes_read, with_standbys
from tests.rules.cases import NOW, fill_snapshot


def _row(queryid: int | None, times: list[float], role: str = "app", **more: Any) -> dict[str, Any]:
    return {
        "queryid": queryid, "role": role, "toplevel": True, "query": f"select {queryid}", "calls": len(times),
        "total_exec_time": sum(times), "min_exec_time": min(times), "max_exec_time": max(times),
        "mean_exec_time": statistics.mean(times), "stddev_exec_time": statistics.pstdev(times),
        "rows": len(times), **more,
    }  # fmt: skip


def _node(name: str, since: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name, "status": "read", "uses_known": True,
        "server": {"started_at": since, "collected_at": "-0 s"},
        "statements_view": {"status": "ok", "stats_reset": since, "dealloc": 2}, **more,
    }  # fmt: skip


def _snapshot(**more: Any) -> Snapshot:
    return fill_snapshot(
        {"server": {"started_at": "-40 d"}, "statements_view": {"status": "ok", "stats_reset": "-40 d", "dealloc": 1}}
        | more
    )


def test_statements_add_up_as_if_counted_in_one_place() -> None:
    here, there = [1.0, 3.0, 8.0], [2.0, 2.0, 50.0, 6.0]
    merged = with_standbys(
        _snapshot(
            statements=[_row(1, here, shared_blks_read=5), _row(2, [1.0])],
            replicas=[
                _node("db2", "-40 d", statements=[_row(1, there, shared_blks_read=7, query=None), _row(3, [9.0])])
            ],
        )
    )
    rows = {row.queryid: row for row in merged.statements}
    assert rows.keys() == {1, 2, 3}
    both = rows[1]
    assert (both.calls, both.shared_blks_read, both.query) == (7, 12, "select 1")
    assert both.mean_exec_time == pytest.approx(statistics.mean(here + there))
    assert both.stddev_exec_time == pytest.approx(statistics.pstdev(here + there))
    assert (both.min_exec_time, both.max_exec_time) == (1.0, 50.0)
    assert [(share.node, share.calls) for share in both.nodes] == [("db2", 4)]
    assert rows[2].nodes == ()
    assert rows[3].nodes[0].calls == 1
    assert merged.statements_view.dealloc == 3


def test_another_role_and_unnamed_statements_stay_apart() -> None:
    merged = with_standbys(
        _snapshot(
            statements=[_row(1, [1.0]), _row(None, [1.0])],
            replicas=[_node("db2", "-40 d", statements=[_row(1, [1.0], role="report"), _row(None, [1.0])])],
        )
    )
    assert len(merged.statements) == 4


def test_the_window_is_what_all_nodes_have_counted() -> None:
    snapshot = _snapshot(statements=[_row(1, [1.0])], replicas=[_node("db2", "-2 d", statements=[_row(1, [1.0])])])
    merged = with_standbys(snapshot)
    assert merged.statements_view.stats_reset == NOW - timedelta(days=2)
    assert [gap.what for gap in merged.gaps] == ["equal windows on all nodes"]
    assert "db2" in (merged.gaps[0].why or "")
    assert statistics_window(snapshot) == timedelta(days=2)
    assert [(node.name, node.status, node.calls, node.since) for node in nodes_read(merged)] == [
        ("db2", "read", 1, NOW - timedelta(days=2))
    ]


def test_a_previous_snapshot_gives_every_node_the_same_window() -> None:
    before = _snapshot(
        server={"collected_at": "-1 d"}, statements=[_row(1, [1.0])],
        replicas=[_node("db2", "-40 d", statements=[_row(1, [1.0] * 10)]) | {
            "server": {"started_at": "-40 d", "collected_at": "-1 d"}}],
    )  # fmt: skip
    now = _snapshot(
        statements=[_row(1, [1.0])], statements_view={"status": "ok", "stats_reset": "-1 d"},
        replicas=[_node("db2", "-40 d", statements=[_row(1, [1.0] * 25)])],
    )  # fmt: skip
    merged = with_standbys(now, before)
    assert merged.statements[0].calls == 1 + 15
    assert merged.gaps == ()


def test_scans_add_up_by_name() -> None:
    index = {"schema": "public", "name": "i", "table": {"schema": "public", "name": "t"}, "idx_scan": 2}
    table = {"schema": "public", "name": "t", "kind": "r", "counters": {"seq_scan": 1, "n_live_tup": 10}}
    use = {"schema": "public", "name": "i", "idx_scan": 5, "last_idx_scan": "-1 h"}
    reads = {"schema": "public", "name": "t", "seq_scan": 4, "idx_scan": 5, "last_seq_scan": "-2 h"}
    merged = with_standbys(
        _snapshot(
            indexes=[index],
            tables=[table],
            replicas=[
                _node("db2", "-40 d", indexes=[use], tables=[reads]),
                _node("db3", "-40 d", indexes=[use | {"last_idx_scan": "-3 h"}]),
            ],
        )
    )
    assert merged.indexes[0].idx_scan == 12
    assert merged.indexes[0].last_idx_scan == NOW - timedelta(hours=1)
    counters = merged.tables[0].counters
    assert counters is not None
    assert (counters.seq_scan, counters.idx_scan, counters.n_live_tup) == (5, 5, 10)
    assert counters.last_seq_scan == NOW - timedelta(hours=2)


def test_nodes_that_were_not_read_change_nothing() -> None:
    snapshot = _snapshot(
        statements=[_row(1, [1.0])], replicas=[{"name": "db2", "status": "unreachable", "why": "no answer"}]
    )
    assert with_standbys(snapshot) is snapshot
    assert [(node.name, node.status, node.why) for node in nodes_read(snapshot)] == [
        ("db2", "unreachable", "no answer")
    ]
    # A standby without pg_stat_statements still counts scans.
    blind = _node("db2", "-40 d", statements_view={"status": "absent"})
    merged = with_standbys(replace(_snapshot(replicas=[blind]), statements=snapshot.statements))
    assert merged.statements == snapshot.statements
    assert merged.statements_view == StatementsView(status="ok", stats_reset=NOW - timedelta(days=40), dealloc=1)
