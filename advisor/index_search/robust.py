"""An index by the equality column where only a range on another column carries a lookup.

"Pending invites of a user that have not expired" is one row by the planner's arithmetic, whether it searches by user or
by expiry: it multiplies the shares of conditions that belong together. By user it is one row in any case; by expiry it
is every pending invite when those are all recent. So a lookup by a column with many values gets an index on it, also
where the index of another statement looks as cheap.
"""

from __future__ import annotations

from collections.abc import Iterator

from advisor.index_search.occurrence import Occurrence, occurrences
from advisor.index_search.search import Chosen, Item, Problem

_MANY_VALUES = 100
_LEAST_CALLS = 10.0
_LEAST_SHARE = 0.001  # of the workload's present cost
_WRITES = 0.05  # of what the statement costs at present: what the index may add to writes
_SIZE = 0.5  # of the table


def anchored(problem: Problem, chosen: Chosen) -> Chosen:
    """Return the set with an index by equality for each lookup that rests on a range alone."""
    known = problem.oracle.known
    total = sum(problem.weights[key] * one.base for key, one in known.items())
    for key in sorted(known, key=lambda k: -problem.weights[k] * known[k].base):
        present = problem.weights[key] * known[key].base
        if problem.late() or present < _LEAST_SHARE * total:
            break
        if problem.weights[key] < _LEAST_CALLS or known[key].failed is not None:
            continue
        for one in occurrences(known[key].statement, problem.facts):
            chosen = _anchored(problem, chosen, key, one, present)
    return chosen


def _anchored(problem: Problem, chosen: Chosen, key: str, one: Occurrence, present: float) -> Chosen:
    facts = problem.facts
    telling = {
        each.name
        for each in one.equal
        if each.use.expression is None and facts.distinct(one.relation, each.use.columns) >= _MANY_VALUES
    }
    now = problem.oracle.cost(key, chosen)
    used = problem.oracle.known[key].used(chosen & problem.oracle.known[key].relevant)
    mine = [problem.items[handle] for handle in used if problem.items[handle].candidate.table == one.relation]
    if not telling or not mine or any(_holds(item, telling) for item in mine):
        return chosen
    if not all(_by_range(item, one) for item in mine):
        return chosen
    for item in _anchors(problem, one, telling):
        more = chosen | {item.handle}
        relevant = problem.oracle.known[key].relevant
        if item.handle not in relevant or item.handle in problem.forbidden or not problem.allowed(more):
            continue
        cost = problem.oracle.cost(key, more)
        taken = problem.oracle.known[key].used(more & relevant)
        writes = problem.upkeep(more, one.relation) - problem.upkeep(chosen, one.relation)
        losses = sum(
            problem.weights[other] * max(0.0, problem.oracle.cost(other, more) - problem.oracle.cost(other, chosen))
            for other in item.statements
        )
        if item.handle in taken and cost <= now and writes + losses <= _WRITES * present:
            return more
    return chosen


def _holds(item: Item, names: set[str]) -> bool:
    return bool(names & {column.key for column in item.candidate.columns})


def _by_range(item: Item, one: Occurrence) -> bool:
    """Return whether the index is searched by a range of the statement only."""
    return item.candidate.columns[0].key in {each.name for each in one.ranges}


def _anchors(problem: Problem, one: Occurrence, telling: set[str]) -> Iterator[Item]:
    """Yield indexes on all the columns the lookup compares for equality, the smallest first."""
    largest = _SIZE * problem.facts.pages(one.relation) * 8192
    found = [
        item
        for item in problem.items.values()
        if item.candidate.table == one.relation
        and item.candidate.access_method == "btree"
        and item.candidate.columns[0].key in telling
        and not item.candidate.include
        and item.size_bytes <= largest
    ]
    yield from sorted(found, key=lambda item: (item.size_bytes, len(item.candidate.columns), item.handle))
