"""The choice of indexes against prepared cost tables."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from advisor.index_search import SearchOptions, advise_indexes
from advisor.index_search.guard import guarded_cost
from advisor.index_search.planner import Plan
from advisor.model.lookup import Catalog
from advisor.model.report import IndexAdvice
from advisor.model.snapshot import Snapshot
from advisor.model.workload import Binding
from advisor.progress import Silent
from tests.search.fake import (
    FakePlanner,
    columns,
    counters,
    index,
    snapshot,
    statement,
    statistics,
    table,
    workload,
)

TABLES = snapshot(
    [table("a"), table("b"), table("tiny", rows=100, pages=3)],
    [
        *columns("a", id="int8", x="int8", y="int8", z="int8", flag="bool"),
        *columns("b", id="int8", a_id="int8", w="int8"),
        *columns("tiny", id="int8", x="int8"),
    ],
    [index("a_pkey", "a", "id", is_unique=True, is_primary=True, constraint="a_pkey")],
    [
        statistics("a", "x", -0.5),
        statistics("a", "y", 1000),
        statistics("a", "z", 2000),
        statistics("a", "flag", 2, most_common_vals="{t,f}", most_common_freqs=(0.95, 0.05)),
        statistics("b", "a_id", 5000),
        statistics("b", "w", 5000),
    ],
)


def advise(shot: Snapshot, planner: FakePlanner, *queries: tuple[str, str, float], **options: object) -> IndexAdvice:
    catalog = Catalog(shot)
    statements = [statement(catalog, key, sql, calls) for key, sql, calls in queries]
    return advise_indexes(shot, catalog, workload(*statements), planner, SearchOptions(**options), Silent())


def bodies(advice: IndexAdvice) -> set[str]:
    return {proposal.ddl.partition(" ON ")[2] for proposal in advice.create}


def prefer(*table_of_costs: tuple[str, str, float]) -> FakePlanner:
    """A planner in which (statement, handle, cost) gives the cost of using one index; 1000 without."""

    def costs(key: str, on: frozenset[str]) -> tuple[float, set[str]]:
        found = [(cost, handle) for owner, handle, cost in table_of_costs if owner == key and handle in on]
        if not found:
            return 1000.0, set()
        cost, handle = min(found)
        return cost, {handle}

    return FakePlanner(costs)


def test_the_best_key_is_chosen_and_complete() -> None:
    planner = prefer(("q", "a (x)", 10.0), ("q", "a (x, y)", 5.0))
    advice = advise(TABLES, planner, ("q", "select * from a where x = 1 and y > 5", 100))
    assert bodies(advice) == {"public.a (x)"} or bodies(advice) == {"public.a (x, y)"}
    proposal = advice.create[0]
    assert proposal.ddl.startswith("CREATE INDEX CONCURRENTLY a_x")
    assert proposal.undo_ddl == f"DROP INDEX CONCURRENTLY public.{proposal.name}"
    assert proposal.cost_before == 100_000 and proposal.cost_after < 2000
    assert proposal.statements[0].cost_before == 1000
    assert advice.cost_before == 100_000 and advice.cost_after == proposal.cost_after
    assert dict(advice.statement_costs)["q"] == (1000, proposal.statements[0].cost_after)


def test_indexes_that_pay_only_together_are_found() -> None:
    def costs(key: str, on: frozenset[str]) -> tuple[float, set[str]]:
        pair = {"a (x)", "b (a_id)"}
        return (10.0, pair) if pair <= on else (1000.0, set())

    advice = advise(TABLES, FakePlanner(costs), ("q", "select * from a join b on b.a_id = a.id where a.x = 1", 100))
    assert bodies(advice) == {"public.a (x)", "public.b (a_id)"}


def test_one_shared_index_beats_two_siblings() -> None:
    planner = prefer(("p", "a (x)", 10.0), ("p", "a (x, y)", 11.0), ("q", "a (x, y)", 10.0), ("q", "a (x)", 40.0))
    advice = advise(
        TABLES,
        planner,
        ("p", "select * from a where x = 1", 100),
        ("q", "select * from a where x = 1 and y = 2", 100),
    )
    assert bodies(advice) == {"public.a (x, y)"}


@pytest.mark.parametrize(
    ("options", "expected"), [({"max_indexes": 1}, 1), ({"budget_bytes": (1 << 20) + 5}, 1), ({}, 2)]
)
def test_limits_hold(options: dict[str, int], expected: int) -> None:
    planner = prefer(("p", "a (x)", 10.0), ("q", "b (w)", 20.0))
    advice = advise(
        TABLES, planner, ("p", "select * from a where x = 1", 100), ("q", "select * from b where w = 1", 90), **options
    )
    assert len(advice.create) == expected
    assert "public.a (x)" in bodies(advice)


def test_one_refused_statement_stops_nothing() -> None:
    planner = prefer(("p", "a (x)", 10.0))
    advice = advise(
        TABLES, planner, ("broken", "select * from b where w = 1", 100), ("p", "select * from a where x = 1", 100)
    )
    assert bodies(advice) == {"public.a (x)"}
    assert any("could not be planned" in note and "relation vanished" in note for note in advice.notes)


def test_no_time_still_gives_an_answer() -> None:
    slow = prefer(("p", "a (x)", 10.0))
    plan_many = slow.plan_many

    def delayed(*args: object, **kwargs: object) -> object:
        time.sleep(0.02)
        return plan_many(*args, **kwargs)  # type: ignore[arg-type]

    slow.plan_many = delayed  # type: ignore[method-assign]
    queries = [(f"q{n}", f"select * from a where y = {n}", 1.0) for n in range(60)]
    advice = advise(TABLES, slow, ("p", "select * from a where x = 1", 100), *queries, time_limit=0.1)
    assert advice.cost_before > 0
    assert any("time limit" in note for note in advice.notes)


def test_empty_workload_and_empty_database() -> None:
    assert advise(TABLES, prefer()).create == ()
    empty = snapshot([])
    assert advise(empty, prefer()).create == ()


def test_tiny_tables_flags_and_existing_indexes_are_refused_with_reasons() -> None:
    advice = advise(
        TABLES,
        prefer(),
        ("p", "select * from tiny where x = 1", 100),
        ("q", "select * from a where flag", 100),
        ("r", "select * from a where id = 1", 100),
    )
    reasons = {rejection.ddl: rejection.reason for rejection in advice.rejected}
    assert advice.create == ()
    assert "reading it whole" in reasons["CREATE INDEX ON public.tiny (x)"]
    assert not any("(id)" in ddl for ddl in reasons)


def test_a_heartbeat_column_keeps_its_hot_updates() -> None:
    shot = snapshot(
        [table("s", counters=counters(updates=100_000, hot=99_000))],
        columns("s", id="int8", seen="timestamptz", owner="int8"),
        [index("s_pkey", "s", "id", is_unique=True, is_primary=True, constraint="s_pkey")],
        [statistics("s", "seen", -1.0), statistics("s", "owner", -0.2)],
    )
    planner = prefer(("read", "s (seen)", 10.0), ("read2", "s (owner)", 10.0), ("beat", "s (never)", 1.0))
    advice = advise(
        shot,
        planner,
        ("beat", "update s set seen = now() where id = 1", 50_000),
        ("read", "select * from s where seen > '2026-01-01'", 500),
        ("read2", "select * from s where owner = 3", 500),
    )
    assert bodies(advice) == {"public.s (owner)"}
    why = next(r.reason for r in advice.rejected if r.ddl == "CREATE INDEX ON public.s (seen)")
    assert "HOT" in why and "50,000 updates" in why


@pytest.mark.parametrize(
    ("assigned", "updates", "kept"),
    [("mail = $1, owner = $2", 2_000, True), ("mail = $1, owner = $2", 50_000, False), ("mail = $1", 2_000, False)],
)
def test_reads_that_save_far_more_than_updates_lose_get_their_index(assigned: str, updates: float, kept: bool) -> None:
    """A form saves an address with all other fields, and sign-in searches by it: no heartbeat like a counter."""
    shot = snapshot(
        [table("s", counters=counters(updates=100_000, hot=99_000))],
        columns("s", id="int8", mail="text", owner="int8"),
        [index("s_pkey", "s", "id", is_unique=True, is_primary=True, constraint="s_pkey")],
        [statistics("s", "mail", -1.0)],
    )
    advice = advise(
        shot,
        prefer(("read", "s (mail)", 10.0), ("save", "s (never)", 1.0)),
        ("save", f"update s set {assigned} where id = $3", updates),
        ("read", "select * from s where mail = $1", 500),
    )
    assert bodies(advice) == ({"public.s (mail)"} if kept else set())


@pytest.mark.parametrize(("existing", "proposed"), [("id", False), ("y", True)])
def test_a_second_index_on_a_column_must_show(existing: str, proposed: bool) -> None:
    """What an index that begins with the same column does nearly as well needs no other."""
    shot = snapshot(
        [table("a"), table("b")],
        [*columns("a", id="int8", x="int8", y="int8", n="int8"), *columns("b", id="int8")],
        [index("a_key", "a", existing, "n", is_unique=True)],
        [statistics("a", "id", -0.3), statistics("a", "x", 1000), statistics("a", "y", -0.3)],
    )

    def costs(key: str, on: frozenset[str]) -> tuple[float, set[str]]:
        if key == "both":
            return (600.0, {"a (id, x)"}) if "a (id, x)" in on else (1000.0, set())
        return 1000.0, set()

    advice = advise(
        shot,
        FakePlanner(costs),
        ("both", "select * from a where id = $1 and x = $2", 40),
        ("report", "select sum(id) from b", 10_000),
    )
    assert bool(advice.create) == proposed


def test_literals_make_a_partial_index_and_say_so() -> None:
    shot = snapshot(
        [table("jobs", rows=1_000_000, pages=20_000)],
        columns("jobs", id="int8", status="text", created="timestamptz"),
        [index("jobs_pkey", "jobs", "id", is_unique=True, is_primary=True, constraint="jobs_pkey")],
        [
            statistics(
                "jobs", "status", 3, most_common_vals="{done,failed,new}", most_common_freqs=(0.98, 0.015, 0.005)
            ),
            statistics("jobs", "created", -1.0),
        ],
    )
    catalog = Catalog(shot)
    bindings = (Binding(values=("new",), weight=1.0, origin="literal"),)
    sql = "select * from jobs where status = $1 order by created limit 10"
    one = replace(statement(catalog, "q", sql, 100, bindings), repeated=((1, "new", 5),))
    rarely = replace(one, repeated=((1, "new", 3),))  # of three values one, three times: that may be chance
    planner = prefer(("q", "jobs (created) WHERE status = 'new'", 2.0), ("q", "jobs (status, created)", 2.0))
    small = planner.prepare

    def prepare(candidates: object) -> object:
        return tuple(
            replace(p, size_bytes=8192 * 3 if p.candidate.predicate else 30 << 20)
            for p in small(candidates)  # type: ignore[arg-type]
        )

    planner.prepare = prepare  # type: ignore[method-assign, assignment]
    advice = advise_indexes(shot, catalog, workload(one), planner, SearchOptions(), Silent())
    assert bodies(advice) == {"public.jobs (created) WHERE status = 'new'"}
    assert advice.create[0].confidence == "medium"
    assert "generic plan" in advice.create[0].evidence
    advice = advise_indexes(shot, catalog, workload(rarely), planner, SearchOptions(), Silent())
    assert bodies(advice) == {"public.jobs (status, created)"}


@pytest.mark.parametrize(
    ("condition", "repeated"),
    [
        ("status in ($1, $2)", ((1, "new", 9), (2, "it's late", 9))),
        ("status = any ($1)", ((1, '{new,"it\'s late"}', 9),)),
    ],
)
def test_a_list_that_is_always_the_same_makes_a_partial_index(
    condition: str, repeated: tuple[tuple[int, str, int], ...]
) -> None:
    shot = snapshot(
        [table("jobs", rows=1_000_000, pages=20_000)],
        columns("jobs", id="int8", status="text", created="timestamptz"),
        [],
        [
            statistics(
                "jobs", "status", 3, most_common_vals='{done,"it\'s late",new}', most_common_freqs=(0.98, 0.015, 0.005)
            ),
            statistics("jobs", "created", -1.0),
        ],
    )
    catalog = Catalog(shot)
    bindings = (Binding(values=tuple(value for _, value, _ in repeated), weight=1.0, origin="literal"),)
    sql = f"select * from jobs where {condition} order by created limit 10"
    one = replace(statement(catalog, "q", sql, 100, bindings), repeated=repeated)
    planner = prefer(("q", "jobs (created) WHERE status IN ('new', 'it''s late')", 2.0))
    advice = advise_indexes(shot, catalog, workload(one), planner, SearchOptions(), Silent())
    assert bodies(advice) == {"public.jobs (created) WHERE status IN ('new', 'it''s late')"}
    other = replace(one, repeated=repeated[:-1])
    assert not advise_indexes(shot, catalog, workload(other), planner, SearchOptions(), Silent()).create


def test_what_an_index_does_to_statements_it_was_not_meant_for() -> None:
    """The planner takes an index in the order of a LIMIT without a gain to show: no plan that gains uses it."""
    shot = snapshot(
        [table("jobs", rows=1_000_000, pages=20_000)],
        columns("jobs", id="int8", status="text", created="timestamptz", note="int8"),
        [index("jobs_status", "jobs", "status")],
        [statistics("jobs", "status", 3), statistics("jobs", "created", -1.0), statistics("jobs", "note", 40)],
    )

    def costs(key: str, on: frozenset[str]) -> tuple[float, set[str]]:
        tree = next((name for name in on if name == "jobs (created)"), None)
        if key == "queue":
            return (900.0, {tree}) if tree else (50.0, set())
        return (10.0, {tree}) if tree else (1000.0, set())

    advice = advise(
        shot,
        FakePlanner(costs),
        ("report", "select note from jobs where created > '2026-01-01'", 20),
        ("queue", "select id from jobs where status = 'new' order by created limit 5", 1000),
    )
    assert bodies(advice) == set()


def test_no_index_only_for_the_sort_of_a_range_that_nobody_has_seen() -> None:
    def costs(key: str, on: frozenset[str]) -> tuple[float, set[str]]:
        if key == "slowest" and "a (z, y)" in on:
            return 30.0, {"a (z, y)"}
        return (300.0, {"a (y)"}) if "a (y)" in on else (1000.0, set())

    advice = advise(
        TABLES,
        FakePlanner(costs),
        ("slowest", "select * from a where y > $1 order by z desc limit 20", 100),
        ("newest", "select count(*) from a where y > $1", 100),
    )
    assert bodies(advice) == {"public.a (y)"}


def test_an_index_is_praised_for_what_it_does_itself() -> None:
    def costs(key: str, on: frozenset[str]) -> tuple[float, set[str]]:
        by_x, by_y = "a (x)" in on, "a (y)" in on
        if key == "both":
            return (10.0, on & {"a (x)", "a (y)"}) if by_x and by_y else (12.0, {"a (x)"}) if by_x else (1000.0, set())
        return (5.0, {"a (y)"}) if by_y else (1000.0, set())

    advice = advise(
        TABLES,
        FakePlanner(lambda key, on: (costs(key, on)[0], set(costs(key, on)[1]))),
        ("both", "select * from a where x = 1 and y = 2", 100),
        ("one", "select * from a where y = 2", 100),
    )
    praised = {proposal.columns: [effect.query for effect in proposal.statements] for proposal in advice.create}
    assert praised[("x",)] == ["select * from a where x = 1 and y = 2"]
    assert praised[("y",)] == ["select * from a where y = 2"]


def test_what_an_index_adds_to_another_is_what_it_wins() -> None:
    def costs(key: str, on: frozenset[str]) -> tuple[float, set[str]]:
        if {"a (x)", "a (y)"} <= on:
            return 10.0, {"a (x)", "a (y)"}
        return (80.0, {"a (x)"}) if "a (x)" in on else (1000.0, set())

    advice = advise(TABLES, FakePlanner(costs), ("both", "select * from a where x = 1 and y = 2", 100))
    assert {one.columns: one.cost_before for one in advice.create} == {("x",): 100_000, ("y",): 8_000}


def test_an_existing_prefix_is_replaced() -> None:
    shot = snapshot(
        [table("a")],
        columns("a", id="int8", x="int8", y="int8"),
        [index("a_x", "a", "x")],
        [statistics("a", "x", 100), statistics("a", "y", -1.0)],
    )
    planner = prefer(("q", "a (x, y)", 5.0))
    advice = advise(shot, planner, ("q", "select * from a where x = 1 order by y limit 5", 100))
    assert bodies(advice) == {"public.a (x, y)"}
    assert advice.create[0].replaces == ("public.a_x",)
    assert [(d.index.name, d.kind) for d in advice.drop] == [("a_x", "replaced")]
    assert advice.drop[0].undo_ddl.startswith("CREATE INDEX CONCURRENTLY a_x ON")


def test_an_index_that_two_new_ones_replace_is_dropped_once() -> None:
    shot = snapshot(
        [table("a")],
        columns("a", id="int8", x="int8", y="int8", z="int8"),
        [index("a_x", "a", "x")],
        [statistics("a", "x", 100), statistics("a", "y", -1.0), statistics("a", "z", -1.0)],
    )
    planner = prefer(("q", "a (x, y)", 5.0), ("r", "a (x, z)", 5.0))
    by_y, by_z = (f"select * from a where x = 1 order by {name} limit 5" for name in "yz")
    advice = advise(shot, planner, ("q", by_y, 100), ("r", by_z, 100))
    assert bodies(advice) == {"public.a (x, y)", "public.a (x, z)"}
    assert [drop.index.name for drop in advice.drop] == ["a_x"]
    assert sorted(len(proposal.replaces) for proposal in advice.create) == [0, 1]


def limit_plan(filtered: bool, run: float, rows: float) -> Plan:
    scan = {"Node Type": "Index Scan", "Startup Cost": 0.0, "Total Cost": run, "Plan Rows": rows}
    if filtered:
        scan["Filter"] = "(x = 1)"
    total = run * 10 / rows
    limit = {"Node Type": "Limit", "Startup Cost": 0.0, "Total Cost": total, "Plan Rows": 10, "Plans": [scan]}
    return Plan(total_cost=total, startup_cost=0, rows=10, used=frozenset(), tree=limit)


def test_what_a_partial_index_holds_is_no_filter() -> None:
    # The next job of a queue: FOR UPDATE looks at the state once more, and the index has no others.
    plan = limit_plan(filtered=True, run=1_700, rows=470)
    plan.tree["Plans"][0] |= {"Relation Name": "jobs", "Filter": "(state = 'queued'::job_state)"}
    plan = replace(plan, used=frozenset({"h7"}))
    assert guarded_cost(plan, {"jobs": 400_000}) == pytest.approx(1_700)
    assert guarded_cost(plan, {"jobs": 400_000}, {"h7": "state = 'queued'"}) == pytest.approx(plan.total_cost)
    assert guarded_cost(plan, {"jobs": 400_000}, {"h7": "state = 'sent'"}) == pytest.approx(1_700)


def test_a_limit_over_a_filtered_scan_is_not_trusted() -> None:
    hopeful = limit_plan(filtered=True, run=50_000, rows=100)
    assert guarded_cost(hopeful) == pytest.approx(5 * hopeful.total_cost)
    assert guarded_cost(limit_plan(filtered=False, run=50_000, rows=100)) == hopeful.total_cost
    # A filter that keeps nearly all rows: a row costs no more than a page.
    harmless = limit_plan(filtered=True, run=1000, rows=1000)
    assert guarded_cost(harmless) == harmless.total_cost
    # Never more than the whole scan.
    few = limit_plan(filtered=True, run=50_000, rows=11)
    # Rare rows that the index itself finds, each on a page of its own, are another matter than rare rows on a walk.
    found = limit_plan(filtered=True, run=5_000, rows=3_000)
    found.tree["Plans"][0] |= {"Relation Name": "jobs", "Index Cond": "((state = 1) AND (due < now()))"}
    assert guarded_cost(found, {"jobs": 300_000}) == pytest.approx(found.total_cost)
    found.tree["Plans"][0]["Index Cond"] = "(due < now())"
    assert guarded_cost(found, {"jobs": 300_000}) == pytest.approx(5_000)
    assert guarded_cost(few) == pytest.approx(50_000)
