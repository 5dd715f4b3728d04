"""The lower bound against every choice there is, the budget's answers against shorter ones, and ends before the end."""

from __future__ import annotations

import random
import signal
from itertools import combinations

import pytest

from advisor.index_search import SearchOptions, advise_indexes
from advisor.index_search.bound import lower_bound
from advisor.index_search.facts import Facts
from advisor.index_search.oracle import Oracle
from advisor.index_search.planner import Candidate
from advisor.index_search.programme import Offer, Programme, solve
from advisor.index_search.search import Item, Problem, search
from advisor.index_search.write_cost import collect_writes
from advisor.model.catalog import IndexColumn
from advisor.model.lookup import Catalog
from advisor.model.names import RelationName
from advisor.progress import Silent
from tests.search.fake import FakePlanner, columns, snapshot, statement, statistics, table, workload

_MB = 1 << 20
_NAMES = tuple("abcdefghij")
_SHOT = snapshot(
    [table("t", rows=5_000_000, pages=50_000, relallvisible=50_000)],
    columns("t", id="int8", **dict.fromkeys(_NAMES, "int8")),
    (),
    [statistics("t", name, -0.5) for name in _NAMES],
)
_CATALOG = Catalog(_SHOT)


class Table:
    """Random costs: single indexes and pairs make each statement cheaper; the cheapest that is there is used."""

    def __init__(self, seed: int, raised: bool = False) -> None:
        chance = random.Random(seed)
        self.handles = [f"t ({name})" for name in _NAMES]
        self.sizes = {handle: chance.randint(1, 40) for handle in self.handles}
        self.ways: dict[str, list[tuple[frozenset[str], float]]] = {}
        for key in "pqrs":
            self.ways[key] = [
                (frozenset(chance.sample(self.handles, chance.choice((1, 1, 2)))), chance.uniform(50, 950))
                for _ in range(8)
            ]
        self.raised = raised

    def costs(self, key: str, on: frozenset[str]) -> tuple[float, set[str]]:
        found = [(cost, sorted(needs)) for needs, cost in self.ways[key] if needs <= on]
        cost, used = min(found, default=(1000.0, []))
        # A planner that is misled by many indexes.
        return cost * (1 + 0.05 * (self.raised and len(on) > 6)), set(used)

    def total(self, chosen: frozenset[str]) -> float:
        return sum(100 * self.costs(key, chosen)[0] for key in self.ways)


def problem_of(costs: Table, megabytes: int) -> Problem:
    planner = FakePlanner(costs.costs)
    candidates = {
        handle: Candidate(
            table=RelationName("public", "t"), access_method="btree", columns=(IndexColumn(column=handle[3]),)
        )
        for handle in costs.handles
    }
    planner.prepare(list(candidates.values()))
    statements = [statement(_CATALOG, key, "select * from t where a = 1", 100) for key in "pqrs"]
    oracle = Oracle(planner, statements)
    oracle.plan(list("pqrs"), frozenset())
    for known in oracle.known.values():
        known.base = known.best = known.triples[0][2]
        known.relevant = frozenset(candidates)
    facts = Facts(_SHOT, _CATALOG, SearchOptions(budget_bytes=megabytes * _MB))
    items = {
        handle: Item(handle, candidate, costs.sizes[handle] * _MB, 1.0, statements=tuple("pqrs"))
        for handle, candidate in candidates.items()
    }
    return Problem(
        oracle=oracle, items=items, weights=dict.fromkeys("pqrs", 100.0), writes=collect_writes(statements, facts),
        facts=facts, tables_bytes=400 * _MB, budget_bytes=megabytes * _MB, max_indexes=None, deadline=float("inf"),
    )  # fmt: skip


def best_of_all(costs: Table, megabytes: int) -> float:
    return min(
        costs.total(frozenset(chosen))
        for count in range(len(costs.handles) + 1)
        for chosen in combinations(costs.handles, count)
        if sum(costs.sizes[handle] for handle in chosen) <= megabytes
    )


@pytest.mark.parametrize("seed", range(12))
def test_no_choice_is_below_the_bound_and_the_answer_is_near_the_best(seed: int) -> None:
    costs = Table(seed)
    megabytes = random.Random(seed).choice((20, 50, 90))
    problem = problem_of(costs, megabytes)
    chosen = search(problem)
    assert sum(costs.sizes[handle] for handle in chosen) <= megabytes
    best = best_of_all(costs, megabytes)
    answer = costs.total(chosen)
    bound = lower_bound(problem, {key: (1000.0, costs.costs(key, chosen)[0]) for key in "pqrs"}, 0.0)
    assert bound.cost is not None and bound.cost <= best * (1 + 1e-6)
    assert bound.violations == 0 and bound.checks > 0
    # Greedy, exchanges and the programme together: at most the tokens that an index costs within a budget.
    assert answer <= best * 1.01


def test_plans_that_more_indexes_made_dearer_are_counted() -> None:
    problem = problem_of(Table(3, raised=True), 300)
    chosen = search(problem)
    costs = {key: (1000.0, problem.oracle.cost(key, chosen)) for key in "pqrs"}
    bound = lower_bound(problem, costs, 0.0)
    assert bound.violations > 0
    assert bound.worst == pytest.approx(0.05, abs=0.01)


def test_a_programme_prefers_the_pair_that_fits() -> None:
    offers = [[Offer(0b001, 0, 60.0), Offer(0b110, 0, 100.0), Offer(0, 0b010, 30.0)]]
    programme = Programme(sizes=(10, 5, 6), room=10.0, most=None, allowed=0b111, offers=offers)
    alone = solve(programme, 5.0)
    assert alone is not None and alone.chosen == 0b001
    programme.room = 11.0
    pair = solve(programme, 5.0)
    assert pair is not None and pair.chosen == 0b110
    assert pair.most_gain == pytest.approx(100.0)
    programme.most = 1
    fewer = solve(programme, 5.0)
    assert fewer is not None and fewer.chosen == 0b001


@pytest.mark.parametrize("incumbent", [0, 0b001, 0b010, 0b110])
def test_a_known_choice_spares_the_solver_a_search_and_changes_no_answer(incumbent: int) -> None:
    offers = [
        [Offer(0b001, 0, 60.0), Offer(0b110, 0, 100.0), Offer(0, 0b010, 30.0)],
        [Offer(0b010, 0, 20.0), Offer(0b100, 0b001, 15.0)],
    ]
    programme = Programme(sizes=(10, 5, 6), room=11.0, most=None, allowed=0b111, offers=offers)
    solution = solve(programme, 5.0, incumbent=incumbent)
    assert solution is not None and solution.chosen == 0b110
    assert solution.most_gain == pytest.approx(120.0)


def test_covering_is_never_worse_than_without() -> None:
    chance = random.Random(5)
    gains = {name: chance.uniform(100, 900) for name in _NAMES}

    def costs(key: str, on: frozenset[str]) -> tuple[float, set[str]]:
        own = [one for one in on if one.startswith(f"t ({key}")]
        ways = [(1000.0 - gains[key] - (50.0 if "INCLUDE" in one else 0.0), one) for one in own]
        cost, used = min(ways, default=(1000.0, ""))
        return cost, {used} if used else set()

    for megabytes in (2, 4):
        after = []
        for covering in (False, True):
            statements = [statement(_CATALOG, n, f"select id, {n} from t where {n} = 1", 100) for n in _NAMES[:6]]
            options = SearchOptions(budget_bytes=megabytes * _MB, covering=covering, max_width=2)
            advice = advise_indexes(_SHOT, _CATALOG, workload(*statements), FakePlanner(costs), options, Silent())
            assert sum(one.size_bytes for one in advice.create) <= megabytes * _MB
            assert all(("INCLUDE" in one.ddl) <= covering for one in advice.create)
            after.append(advice.cost_after)
        assert after[1] <= after[0]


@pytest.mark.parametrize("budget", [None, 30 * _MB])
def test_ctrl_c_ends_the_search_with_the_best_so_far(budget: int | None) -> None:
    asked = 0

    def costs(key: str, on: frozenset[str]) -> tuple[float, set[str]]:
        nonlocal asked
        asked += 1
        if asked == 30:
            signal.raise_signal(signal.SIGINT)
        own = [one for one in on if one == f"t ({key})"]
        return (10.0, set(own)) if own else (1000.0, set())

    statements = [statement(_CATALOG, n, f"select id, {n} from t where {n} = 1", 100) for n in _NAMES]
    options = SearchOptions(budget_bytes=budget)
    advice = advise_indexes(_SHOT, _CATALOG, workload(*statements), FakePlanner(costs), options, Silent())
    assert asked >= 30
    assert any("Ctrl-C ended the search" in note for note in advice.notes)
    assert advice.cost_after <= advice.cost_before
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_tenth_of_a_second_is_enough_for_an_answer_within_the_budget() -> None:
    statements = [statement(_CATALOG, n, f"select id, {n} from t where {n} = 1", 100) for n in _NAMES]
    options = SearchOptions(budget_bytes=2 * _MB, time_limit=0.1)

    def costs(key: str, on: frozenset[str]) -> tuple[float, set[str]]:
        own = [one for one in on if one == f"t ({key})"]
        return (10.0, set(own)) if own else (1000.0, set())

    advice = advise_indexes(_SHOT, _CATALOG, workload(*statements), FakePlanner(costs), options, Silent())
    assert sum(one.size_bytes for one in advice.create) <= 2 * _MB
