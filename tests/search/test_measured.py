"""Where measured time counts more than the planner's cost, and where it must not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from advisor.index_search import SearchOptions, advise_indexes
from advisor.index_search.measured import believe_measured_time
from advisor.index_search.oracle import Known, Oracle
from advisor.model.activity import StatementCounters
from advisor.model.lookup import Catalog
from advisor.model.report import IndexAdvice
from advisor.progress import Silent
from advisor.workload.sources import _counters
from tests.search.fake import FakePlanner, columns, snapshot, statement, statistics, table, workload

NAMES = "abcdef"
SHOT = snapshot(
    [table(name) for name in NAMES],
    [column for name in NAMES for column in columns(name, id="int8", x="int8")],
    statistics=[statistics(name, "x", -0.5) for name in NAMES],
)
CATALOG = Catalog(SHOT)
USUAL_MS = 3.0  # a call that costs 1000


def planner(**present: float) -> FakePlanner:
    """Each statement costs 1000, or what is given, without an index and 5 with its own."""

    def costs(key: str, on: frozenset[str]) -> tuple[float, set[str]]:
        own = {handle for handle in on if handle.startswith(f"{key} ")}
        return (5.0, own) if own else (present.get(key, 1000.0), set())

    return FakePlanner(costs)


def slower(kind: str = "select", calls: float = 50, **times: float) -> dict[str, float]:
    """Return by how much each statement counts as slower than planned; `times`: ms a call where not the usual."""
    statements = [
        replace(
            statement(CATALOG, name, f"select * from {name} where x = 1", calls),
            kind=kind if name in times else "select",
            work_time=calls * times.get(name, USUAL_MS),
        )
        for name in NAMES
    ]
    oracle = Oracle(planner(), statements)
    oracle.plan(list(NAMES), frozenset())
    for known in oracle.known.values():
        known.base = known.triples[0][2]
    believe_measured_time(oracle)
    return {key: known.slower for key, known in oracle.known.items()}


def test_only_what_is_far_off_counts_and_only_beyond_the_usual() -> None:
    assert slower(a=30 * USUAL_MS, b=2.5 * USUAL_MS, c=0.1 * USUAL_MS) == pytest.approx(
        dict.fromkeys("bcdef", 1) | {"a": 10}
    )
    assert slower(a=1e6)["a"] == 100, "clipped"


def test_weak_evidence_is_none() -> None:
    assert set(slower(calls=3, a=30 * USUAL_MS).values()) == {1.0}, "few calls may all have met a cold cache"
    assert slower(kind="update", a=30 * USUAL_MS)["a"] == 1.0, "what writing takes no index on its condition saves"
    assert slower(a=0.0)["a"] == 1.0


def test_the_present_plan_is_slow_and_what_is_left_of_it_is_not() -> None:
    known = Known(statement(CATALOG, "a", "select * from a where x = 1"), base=1000.0, slower=20.0)
    assert known.felt(1000) == 20_000
    assert known.felt(50) == 50, "another way to the rows costs what the planner says"
    assert known.felt(900) == pytest.approx(19_900), "a little cheaper is the same plan in essence"
    assert known.felt(1500) == pytest.approx(20_500)
    costs = [known.felt(cost) for cost in range(0, 2000, 10)]
    assert costs == sorted(costs)
    assert replace(known, slower=1.0).felt(700) == 700


def advice(slow: float, **options: int) -> IndexAdvice:
    """Return the advice where statement b is planned at a third of the others' cost and takes `slow` times its due."""
    statements = [
        replace(
            statement(CATALOG, name, f"select * from {name} where x = 1", 100),
            work_time=100 * USUAL_MS * (slow / 3 if name == "b" else 1),
        )
        for name in NAMES
    ]
    return advise_indexes(SHOT, CATALOG, workload(*statements), planner(b=333.0), SearchOptions(**options), Silent())


@pytest.mark.parametrize("limit", [{"max_indexes": 1}, {"budget_bytes": 1 << 20}])
def test_under_a_limit_what_takes_the_time_is_served_first(limit: dict[str, int]) -> None:
    served = advice(30.0, **limit)
    assert [proposal.table.name for proposal in served.create] == ["b"]
    assert any("measured time" in note and "from b" in note for note in served.notes)
    assert served.create[0].cost_before == pytest.approx(33_300), "what is told are the planner's costs"
    usual = advice(2.0, **limit)
    assert [proposal.table.name for proposal in usual.create] != ["b"]
    assert not any("measured time" in note for note in usual.notes)


def test_without_a_limit_nothing_changes() -> None:
    one, other = advice(30.0), advice(1.0)
    assert len(one.create) == len(NAMES)
    assert [(p.ddl, p.cost_before) for p in one.create] == [(p.ddl, p.cost_before) for p in other.create]
    assert one.notes == other.notes


def row(**changes: float) -> StatementCounters:
    counted = StatementCounters(
        queryid=1, role="app", toplevel=True, query="select 1", calls=100, total_exec_time=5000.0, min_exec_time=1.0,
        max_exec_time=900.0, mean_exec_time=50.0, stddev_exec_time=10.0, rows=100, plans=0, total_plan_time=0.0,
        shared_blks_hit=1000, shared_blks_read=0, shared_blks_dirtied=0, shared_blks_written=0,
    )  # fmt: skip
    return replace(counted, **changes)


def test_waits_are_not_work() -> None:
    assert _counters(row()).work_time == pytest.approx(4000, rel=0.01)
    assert _counters(row(stddev_exec_time=120.0)).work_time == pytest.approx(100, rel=0.01), (
        "now and then it waits long"
    )
    assert _counters(row(min_exec_time=45.0, stddev_exec_time=120.0)).work_time == pytest.approx(4500, rel=0.01)
    assert _counters(row(shared_blk_read_time=3000.0, shared_blks_read=5)).work_time == pytest.approx(1000, rel=0.01)
    assert _counters(row(shared_blks_read=10_000)).work_time == pytest.approx(2000, rel=0.01)
    assert _counters(row(rows=10_000_000)).work_time == 0.0
