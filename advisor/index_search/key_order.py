"""Equalities before ranges and sort columns.

By the planner's averages (due_date, class_id) and (class_id, due_date) often cost the same for "of one class, from
today on", above all when few rows are left anyway. Only the latter stays fast when the range grows.
"""

from __future__ import annotations

from dataclasses import replace

from advisor.index_search.candidates import Pool
from advisor.index_search.planner import Candidate, Planner
from advisor.index_search.prepare import offer
from advisor.index_search.search import Chosen, Problem

_TOLERANCE = 0.02  # of a statement's present cost: what the better order may cost on paper


def equalities_first(problem: Problem, planner: Planner, pool: Pool, chosen: Chosen) -> Chosen:
    """Return the set with keys reordered where every statement that uses the index bears it."""
    for handle in sorted(chosen):
        if problem.late():
            break
        better = _reordered(problem, chosen, handle)
        if better is None:
            continue
        other = offer(problem, planner, pool, {better: (handle,)}).get(better)
        if other is None or other in problem.forbidden:
            continue
        exchanged = (chosen - {handle}) | {other}
        cost = problem.oracle.cost
        known = problem.oracle.known
        if problem.allowed(exchanged) and all(
            cost(key, exchanged) <= cost(key, chosen) + _TOLERANCE * known[key].base
            for key in {*problem.items[handle].statements, *problem.items[other].statements}
        ):
            chosen = exchanged
    return chosen


def _reordered(problem: Problem, chosen: Chosen, handle: str) -> Candidate | None:
    """Return the index with the columns that all its statements compare for equality first; None if they are."""
    item = problem.items[handle]
    candidate = item.candidate
    if candidate.access_method != "btree" or len(candidate.columns) < 2:
        return None
    shared: set[str] | None = None
    for key in item.statements:
        known = problem.oracle.known[key]
        problem.oracle.cost(key, chosen)  # so that the plan under this set is known
        if handle in known.used(chosen & known.relevant):
            equal = {
                use.expression or use.columns[0]
                for use in known.statement.uses
                if use.relation == candidate.table and use.role in ("equality", "in")
            }
            shared = equal if shared is None else shared & equal
    if not shared or candidate.columns[0].key in shared:
        return None
    first = tuple(column for column in candidate.columns if column.key in shared)
    if not first:
        return None
    return replace(candidate, columns=first + tuple(column for column in candidate.columns if column.key not in shared))
