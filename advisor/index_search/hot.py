"""The heartbeat rule: an index must not cost a busy table its HOT updates for the sake of a few reads."""

from __future__ import annotations

from dataclasses import dataclass

from advisor.index_search.search import Chosen, Problem
from advisor.index_search.write_cost import Update, breaks_hot, candidate_columns, hot_share
from advisor.units import format_count

_MATTERS = 0.8  # a statement counts as served when its cost without the index rises above cost / 0.8
_CALLS_PER_UPDATE = 0.5
_HOT_NOW = 0.3  # share of HOT updates below which there is little left to lose


@dataclass(frozen=True, slots=True)
class Refusal:
    """An index the rule takes out, with the sentence for people."""

    handle: str
    reason: str


def refusals(problem: Problem, chosen: Chosen) -> list[Refusal]:
    """Return the chosen indexes that would end HOT updates without serving enough reads.

    Each is tested by itself against its best substitute that keeps HOT, so that a useful one shields no useless one.
    """
    found = []
    for handle in sorted(chosen):
        candidate = problem.items[handle].candidate
        relation = candidate.table
        if hot_share(relation, problem.facts) < _HOT_NOW:
            continue
        broken = [u for u in problem.writes.updates.get(relation, ()) if breaks_hot(candidate, u, problem.facts)]
        calls = sum(update.calls for update in broken)
        if not broken or calls == 0:
            continue
        served = _served(problem, chosen, handle, broken)
        if served < _CALLS_PER_UPDATE * calls:
            columns = sorted(
                candidate_columns(candidate, problem.facts) & frozenset().union(*(u.columns for u in broken))
            )
            found.append(
                Refusal(
                    handle,
                    f"{', '.join(columns)} is changed by {format_count(calls)} updates that today touch no index "
                    "(HOT); with this index every one of them would have to write to all indexes of the table, for "
                    f"{format_count(served)} calls that gain from it",
                )
            )
    return found


def lookalikes(problem: Problem, handle: str) -> set[str]:
    """Return other forms of a refused index: they hold the same changing column for none but the same statements."""
    item = problem.items[handle]
    updates = problem.writes.updates.get(item.candidate.table, ())
    offending = frozenset().union(*(u.columns for u in updates if breaks_hot(item.candidate, u, problem.facts)))
    columns = offending & candidate_columns(item.candidate, problem.facts)
    return {
        other
        for other, theirs in problem.items.items()
        if theirs.candidate.table == item.candidate.table
        and columns & candidate_columns(theirs.candidate, problem.facts)
        and set(theirs.statements) <= set(item.statements)
    }


def _served(problem: Problem, chosen: Chosen, handle: str, broken: list[Update]) -> float:
    """Return the calls of statements that clearly need the index, even beside its best HOT-keeping substitute."""
    item = problem.items[handle]
    without = chosen - {handle}
    best = without
    for other in _substitutes(problem, handle, broken):
        if problem.change(best, without | {other}) < 0:
            best = without | {other}
    oracle = problem.oracle
    return sum(
        problem.weights[key] for key in item.statements if oracle.cost(key, chosen) < _MATTERS * oracle.cost(key, best)
    )


def _substitutes(problem: Problem, handle: str, broken: list[Update]) -> list[str]:
    statements = set(problem.items[handle].statements)
    return [
        other
        for other, item in problem.items.items()
        if other != handle
        and statements & set(item.statements)
        and not any(breaks_hot(item.candidate, update, problem.facts) for update in broken)
    ]
