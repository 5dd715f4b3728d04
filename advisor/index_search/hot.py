"""The heartbeat rule: an index must not cost a busy table its HOT updates for the sake of a few reads."""

from __future__ import annotations

from dataclasses import dataclass, replace

from advisor.index_search.search import Chosen, Problem
from advisor.index_search.write_cost import UPDATE_COST, Update, breaks_hot, candidate_columns
from advisor.units import format_count

_MATTERS = 0.8  # a statement counts as served when its cost without the index rises above cost / 0.8
_CALLS_PER_UPDATE = 0.5
_STATES = 10
# Where updates only move rows from state to state or out of a partial index, each row pays once; and where they write
# other columns, too, and are not many times more frequent than the reads, it is no heartbeat: there what reads save
# counts, this many times more.
_PAYS = 20.0
_MANY_TIMES = 10.0


@dataclass(frozen=True, slots=True)
class Refusal:
    """An index the rule takes out, with the sentence for people."""

    handle: str
    reason: str


def refusals(problem: Problem, chosen: Chosen) -> list[Refusal]:
    """Return the chosen indexes that would end HOT updates without serving enough reads.

    Each is tested by itself against its best substitute that keeps HOT, so that a useful one shields no useless one.
    That few updates are HOT now is no excuse: a fillfactor below 100 can bring them back, unless an index forbids it.
    """
    found = []
    for handle in sorted(chosen):
        candidate = problem.items[handle].candidate
        relation = candidate.table
        broken = [u for u in problem.writes.updates.get(relation, ()) if breaks_hot(candidate, u, problem.facts)]
        calls = sum(update.calls for update in broken)
        if not broken or calls == 0:
            continue
        served, saved = _served(problem, chosen, handle, broken)
        lost = _lost(problem, chosen, handle, broken)
        # A form saves its columns together; what is written alone, and often, is a counter or a time.
        alone = any(len(update.columns) == 1 for update in broken)
        beat = (alone or served * _MANY_TIMES < calls) and not _transitions(problem, handle, broken)
        if not beat and saved >= _PAYS * lost:
            continue
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
    """Return other forms of a refused index: they hold the same changing column for none but the same statements.

    A partial form that work leaves once it is done is another matter: it is judged when its turn comes.
    """
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
        and not _transitions(problem, other, [u for u in updates if breaks_hot(theirs.candidate, u, problem.facts)])
    }


def _transitions(problem: Problem, handle: str, broken: list[Update]) -> bool:
    """Return whether the updates change columns of the predicate or states alone, as work that gets done does.

    A state is a column of few values, no flag: a row passes through each of them once or so.
    """
    candidate = problem.items[handle].candidate
    facts = problem.facts
    whole = candidate_columns(replace(candidate, predicate=None), facts)
    changed = frozenset().union(*(update.columns for update in broken)) & whole
    return all(
        (column := facts.column(candidate.table, name)) is not None
        and column.base_type.name != "bool"
        and facts.distinct(candidate.table, (name,)) <= _STATES
        for name in changed
    )


def _lost(problem: Problem, chosen: Chosen, handle: str, broken: list[Update]) -> float:
    """Return the cost of the HOT updates lost: an entry in every index of the table for each."""
    relation = problem.items[handle].candidate.table
    indexes = len(problem.facts.indexes(relation)) + len(chosen & problem.by_table()[relation])
    return sum(update.rows for update in broken) * UPDATE_COST * indexes


def _served(problem: Problem, chosen: Chosen, handle: str, broken: list[Update]) -> tuple[float, float]:
    """Return calls and savings of statements that clearly need the index, beside its best HOT-keeping substitute."""
    item = problem.items[handle]
    without = chosen - {handle}
    best = without
    for other in _substitutes(problem, handle, broken):
        if problem.change(best, without | {other}) < 0:
            best = without | {other}
    oracle = problem.oracle
    calls = saved = 0.0
    for key in item.statements:
        now, then = oracle.cost(key, chosen), oracle.cost(key, best)
        if now < _MATTERS * then:
            calls += problem.weights[key]
            saved += problem.weights[key] * (then - now)
    return calls, saved


def _substitutes(problem: Problem, handle: str, broken: list[Update]) -> list[str]:
    statements = set(problem.items[handle].statements)
    return [
        other
        for other, item in problem.items.items()
        if other != handle
        and statements & set(item.statements)
        and not any(breaks_hot(item.candidate, update, problem.facts) for update in broken)
    ]
