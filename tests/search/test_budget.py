"""Spending a storage budget: what fits together, what an exchange finds, what a budget never allows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from advisor.index_search import SearchOptions, advise_indexes
from advisor.index_search.planner import Candidate, PreparedCandidate
from advisor.model.lookup import Catalog
from advisor.model.report import IndexAdvice
from advisor.progress import Silent
from tests.search.fake import FakePlanner, columns, snapshot, statement, statistics, table, workload

_MB = 1 << 20
_NAMES = ("x", "y", "z", "u", "v")
_SHOT = snapshot(
    [table("a", rows=5_000_000, pages=50_000, relallvisible=50_000)],
    columns("a", id="int8", **dict.fromkeys(_NAMES, "int8")),
    (),
    [statistics("a", name, -0.5) for name in _NAMES],
)


class Sized(FakePlanner):
    """A cost table in which (statement, index body) gives cost, and a size per index body; others are huge."""

    def __init__(self, costs: dict[tuple[str, str], float], sizes: dict[str, int]) -> None:
        self._table = costs
        self._sizes = sizes
        super().__init__(self._best)

    def _best(self, key: str, on: frozenset[str]) -> tuple[float, set[str]]:
        known = [(self._table[key, body], body) for body in on if (key, body) in self._table]
        cost, body = min(known, default=(1000.0, ""))
        return cost, {body} if body else set()

    def prepare(self, candidates: Sequence[Candidate]) -> tuple[PreparedCandidate, ...]:
        return tuple(
            replace(one, size_bytes=self._sizes.get(one.handle, 900) * _MB) for one in super().prepare(candidates)
        )


def advise(planner: FakePlanner, megabytes: int, *queries: tuple[str, str]) -> IndexAdvice:
    catalog = Catalog(_SHOT)
    statements = [statement(catalog, key, sql, 100) for key, sql in queries]
    options = SearchOptions(budget_bytes=megabytes * _MB, time_limit=20)
    return advise_indexes(_SHOT, catalog, workload(*statements), planner, options, Silent())


def found(advice: IndexAdvice) -> set[str]:
    return {proposal.ddl.partition("public.")[2] for proposal in advice.create}


THREE = (
    ("p", "select id from a where x = 1"),
    ("q", "select id from a where y = 1"),
    ("r", "select id from a where z = 1"),
)


@pytest.mark.parametrize(
    ("sizes", "best"),
    [
        ({"a (x)": 60, "a (y)": 50, "a (z)": 50}, {"a (y)", "a (z)"}),  # the largest gain blocks two others
        ({"a (x)": 100, "a (y)": 1, "a (z)": 60}, {"a (x)"}),  # the best per byte blocks the best
        ({"a (x)": 40, "a (y)": 30, "a (z)": 30}, {"a (x)", "a (y)", "a (z)"}),  # it all fits: nothing is left unused
    ],
)
def test_the_best_filling_is_found(sizes: dict[str, int], best: set[str]) -> None:
    gains = {"a (x)": 900.0, "a (y)": 500.0, "a (z)": 500.0}
    if sizes["a (y)"] == 1:
        gains["a (y)"] = 100.0
    costs = {(key, body): 1000.0 - gains[body] for key, body in zip("pqr", gains, strict=True)}
    advice = advise(Sized(costs, sizes), 100, *THREE)
    assert found(advice) == best
    assert sum(proposal.size_bytes for proposal in advice.create) <= 100 * _MB


def test_what_wins_little_is_built_where_a_budget_has_room() -> None:
    costs = {("p", "a (x)"): 10.0, ("q", "a (y)"): 920.0}
    queries = THREE[:2]
    sizes = {"a (x)": 10, "a (y)": 10}
    assert found(advise(Sized(costs, sizes), 100, *queries)) == {"a (x)", "a (y)"}
    # Without a budget eight per cent of one statement are not worth an index.
    catalog = Catalog(_SHOT)
    statements = [statement(catalog, key, sql, 100) for key, sql in queries]
    free = advise_indexes(_SHOT, catalog, workload(*statements), Sized(costs, sizes), SearchOptions(), Silent())
    assert found(free) == {"a (x)"}


def test_wide_covering_indexes_are_tried_where_a_budget_allows_them() -> None:
    wide = "a (x) INCLUDE (id, y, z, u, v)"
    planner = Sized({("p", wide): 10.0, ("p", "a (x)"): 500.0}, {wide: 80, "a (x)": 20})
    query = ("p", "select id, y, z, u, v from a where x > 1")
    assert found(advise(planner, 100, query)) == {wide}
    assert found(advise(planner, 50, query)) == {"a (x)"}


def test_equalities_come_before_ranges_where_it_costs_nothing() -> None:
    costs = {("p", "a (x, y)"): 10.0, ("p", "a (y, x)"): 11.0}
    catalog = Catalog(_SHOT)
    first = statement(catalog, "p", "select * from a where y = 1 order by x, y", 100)
    second = statement(catalog, "q", "select * from a where x > 7", 100)
    for both, expected in ((False, "a (y, x)"), (True, "a (x, y)")):
        if both:
            costs |= {("q", "a (x)"): 12.0, ("q", "a (x, y)"): 10.0}
        planner = Sized(costs, {"a (x, y)": 1, "a (y, x)": 1, "a (x)": 1})
        statements = (first, second) if both else (first,)
        advice = advise_indexes(_SHOT, catalog, workload(*statements), planner, SearchOptions(), Silent())
        assert found(advice) == {expected}
