"""BRIN instead of a B-tree on append-only columns: a thousandth of the size, and nearly as fast for ranges.

The planner makes BRIN look worse than it is: a bitmap's pages count as scattered, while the rows of a range of an
append-only column lie together. So where the planner takes the BRIN index at all (by its own costs, as it will in
production), what it really reads is the range and the rest of the blocks at its two ends.
"""

from __future__ import annotations

from advisor.index_search.candidates.brin import PAGES_PER_RANGE
from advisor.index_search.facts import Facts
from advisor.index_search.search import Chosen, Item, Problem
from advisor.model.workload import Statement

_MIN_CORRELATION = 0.99
_LOSS = 2.0  # a statement may become this many times dearer,
_SLIGHT = 0.002  # or lose this share of what the workload will cost;
_OF_PRESENT = 0.02  # this share of its own present cost is no loss: of what it wins it wins nearly all
_CHEAPER = 20  # the B-tree must be this many times larger
_PAGE = 1.75  # cost units of a page at an end of the range: read in order, its rows looked at and thrown away


def brin_instead(problem: Problem, chosen: Chosen) -> Chosen:
    """Return the chosen indexes, B-trees on well correlated columns exchanged where every statement bears it.

    A statement that reads in the column's order with a LIMIT loses far more than that, and keeps its B-tree.
    """
    for handle in sorted(chosen):
        other = _counterpart(problem, problem.items[handle], problem.facts)
        if other is None or other.handle in chosen or other.handle in problem.forbidden:
            continue
        exchanged = (chosen - {handle}) | {other.handle}
        if problem.allowed(exchanged) and _bearable(problem, chosen, exchanged, problem.items[handle], other):
            chosen = exchanged
    return chosen


def _bearable(problem: Problem, chosen: Chosen, exchanged: Chosen, tree: Item, brin: Item) -> bool:
    """Return whether no statement loses much, and all together less than what the B-tree costs."""
    cost, known = problem.oracle.cost, problem.oracle.known
    total = sum(problem.weights[key] * cost(key, chosen) for key in known)
    lost = 0.0
    for key in {*tree.statements, *brin.statements}:
        now, then = cost(key, chosen), cost(key, exchanged)
        if then > _LOSS * now:
            taken = known[key].used(exchanged & known[key].relevant)
            if _stops_early(known[key].statement, brin) or brin.handle not in taken:
                return False
            then = min(then, now + 2 * PAGES_PER_RANGE * _PAGE)
            if then - now <= _OF_PRESENT * known[key].base:
                continue
            if then > _LOSS * now and problem.weights[key] * (then - now) > _SLIGHT * total:
                return False
        lost += problem.weights[key] * max(0.0, then - now)
    return lost <= problem.price(tree.handle)


def _stops_early(statement: Statement, brin: Item) -> bool:
    """Return whether a LIMIT may end the reading of the range: not where all of it is summed up or sorted first."""
    uses = [use for use in statement.uses if use.role in ("order", "group", "distinct")]
    table, name = brin.candidate.table, brin.candidate.columns[0].column
    follows = any(use.role == "order" and use.relation == table and use.columns == (name,) for use in uses)
    return statement.has_limit and (follows or not uses)


def _counterpart(problem: Problem, item: Item, facts: Facts) -> Item | None:
    candidate = item.candidate
    name = candidate.columns[0].column
    if candidate.access_method != "btree" or len(candidate.columns) > 1 or candidate.predicate or name is None:
        return None
    if facts.correlation(candidate.table, name) < _MIN_CORRELATION:
        return None
    for other in problem.items.values():
        theirs = other.candidate
        same = theirs.table == candidate.table and theirs.columns[0].column == name
        if same and theirs.access_method == "brin" and other.size_bytes * _CHEAPER <= item.size_bytes:
            return other
    return None
