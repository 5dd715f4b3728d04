"""BRIN instead of a B-tree on append-only columns: a thousandth of the size, searches at most twice as dear."""

from __future__ import annotations

from advisor.index_search.facts import Facts
from advisor.index_search.search import Chosen, Item, Problem

_MIN_CORRELATION = 0.99
_LOSS = 2.0  # a statement may become this many times dearer
_CHEAPER = 20  # the B-tree must be this many times larger


def brin_instead(problem: Problem, chosen: Chosen) -> Chosen:
    """Return the chosen indexes, B-trees on well correlated columns exchanged where every statement bears it.

    A statement that reads in the column's order with a LIMIT loses far more than that, and keeps its B-tree.
    """
    for handle in sorted(chosen):
        other = _counterpart(problem, problem.items[handle], problem.facts)
        if other is None or other.handle in chosen or other.handle in problem.forbidden:
            continue
        exchanged = (chosen - {handle}) | {other.handle}
        cost = problem.oracle.cost
        keys = set(problem.items[handle].statements) | set(other.statements)
        if all(cost(key, exchanged) <= _LOSS * cost(key, chosen) for key in keys) and problem.allowed(exchanged):
            chosen = exchanged
    return chosen


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
