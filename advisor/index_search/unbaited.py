"""An index in the order of a LIMIT kept from the statements that it misleads.

"The thirty written to last" needs an index on that time, and with it the planner walks through all topics for "the
thirty written to last that have this tag". Where the statement it is meant for states a condition that the misled ones
do not, an index on the rows of that condition alone serves the one and cannot be taken for the others; that the
condition keeps nearly all rows does not matter.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from advisor.index_search.candidates import Pool
from advisor.index_search.candidates.partial import stated
from advisor.index_search.occurrence import occurrences
from advisor.index_search.planner import Candidate, Planner
from advisor.index_search.prepare import offer
from advisor.index_search.search import Chosen, Problem

_DEARER = 1.05
_GAINS = 0.9
_MAX_CONDITIONS = 3


def offer_unbaited(problem: Problem, planner: Planner, pool: Pool, chosen: Chosen) -> bool:
    """Offer the search a partial form of each chosen index that misleads statements; return whether there is any."""
    new: dict[Candidate, tuple[str, ...]] = {}
    for handle in sorted(chosen):
        candidate = problem.items[handle].candidate
        if candidate.access_method != "btree" or candidate.predicate is not None:
            continue
        helped, misled = _effects(problem, chosen, handle)
        if not helped or not misled:
            continue
        conditions = _telling_apart(problem, handle, helped, misled)
        if not conditions or len(conditions) > _MAX_CONDITIONS:
            continue
        partial = replace(candidate, predicate=" AND ".join(sorted(conditions)))
        share = 1.0
        for one in conditions.values():
            share *= one
        pool.shares.setdefault(partial, share)
        new[partial] = (handle,)
    known = {item.candidate for item in problem.items.values()}
    offered = offer(problem, planner, pool, new) if new else {}
    return any(candidate not in known for candidate in offered)


def _effects(problem: Problem, chosen: Chosen, handle: str) -> tuple[list[str], list[str]]:
    """Return the statements that an index helps beside the others, and those it makes dearer."""
    without = chosen - {handle}
    helped, misled = [], []
    for key in problem.items[handle].statements:
        now, then = problem.oracle.cost(key, chosen), problem.oracle.cost(key, without)
        if now < _GAINS * then:
            helped.append(key)
        elif now > _DEARER * then:
            misled.append(key)
    return helped, misled


def _telling_apart(problem: Problem, handle: str, helped: list[str], misled: list[str]) -> dict[str, float]:
    """Return conditions that every helped statement states and not every misled one, with their shares of rows."""
    theirs = _stated(problem, handle, misled)
    return {text: share for text, share in _stated(problem, handle, helped).items() if text not in theirs}


def _stated(problem: Problem, handle: str, keys: Iterable[str]) -> dict[str, float]:
    """Return the conditions on the index's table that all of some statements state wherever they read it."""
    table = problem.items[handle].candidate.table
    common: dict[str, float] | None = None
    for key in keys:
        for one in occurrences(problem.oracle.known[key].statement, problem.facts):
            if one.relation == table:
                found = stated(one, problem.facts)
                common = found if common is None else {text: common[text] for text in common if text in found}
    return common or {}
