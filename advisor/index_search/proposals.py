"""From the chosen set to complete proposals: effects on every statement, DDL, reasons, doubts."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from advisor.index_search.bands import band_text
from advisor.index_search.candidates import Pool
from advisor.index_search.candidates.served import is_prefix
from advisor.index_search.ddl import Names, create_sql, drop_sql
from advisor.index_search.drops import protected, replan
from advisor.index_search.effects import effect
from advisor.index_search.explain import (
    build_class,
    calls_text,
    confidence,
    cost_text,
    key_names,
    purpose,
    share_text,
)
from advisor.index_search.outdated import outdated
from advisor.index_search.search import Chosen, Item, Problem
from advisor.index_search.widths import normalised
from advisor.index_search.write_cost import write_cost
from advisor.model.catalog import Index
from advisor.model.names import RelationName, quote_ident
from advisor.model.report import IndexDrop, IndexProposal, StatementEffect
from advisor.model.workload import Statement

_HELPED = 0.95
_LEAST_GAIN = 0.15  # of what the helped statements cost; below that nobody would notice
# What saves less of the whole workload than this must make its statements this much cheaper, where they cost less than
# so much a call: nobody builds an index for the last third of what is fast already.
_SLIGHT, _LEAST_GAIN_WHEN_SLIGHT, _FAST = 0.005, 0.8, 500.0
_HURT = 1.05
_ITS_DOING = 0.1  # of what a statement saves with several indexes of a table: what one of them must add to be named
_HELPED_IN_BUDGET = 0.995  # a budget is there to be used: everything that counts in the sum
_LEAST_GAIN_IN_BUDGET = 0.005


@dataclass(slots=True)
class Outcome:
    """What the search ended with."""

    problem: Problem
    pool: Pool
    chosen: Chosen
    hot_refused: dict[str, str]
    names: Names
    statement_costs: dict[str, tuple[float, float]] = field(default_factory=dict)  # key -> now, with all chosen
    used_by: dict[str, frozenset[str]] = field(default_factory=dict)  # key -> handles its final plan uses
    too_little: frozenset[str] = frozenset()  # chosen by the numbers, but no statement gains enough to show


def proposals(
    outcome: Outcome, deadline: float, gone: set[RelationName]
) -> tuple[tuple[IndexProposal, ...], tuple[IndexDrop, ...]]:
    """Return the proposals, the most valuable first, and drops of existing indexes they replace, beside those `gone`.

    Indexes that no final plan uses are taken out; costs are those with everything chosen in place.
    """
    problem = outcome.problem
    keys = [key for key, known in problem.oracle.known.items() if known.failed is None]
    while True:
        _score(outcome, keys)
        total = sum(problem.weights[key] * cost for key, (cost, _) in outcome.statement_costs.items())
        kept = frozenset(handle for handle in outcome.chosen if _worthwhile(outcome, handle, total))
        outcome.too_little |= outcome.chosen - kept
        if kept == outcome.chosen:
            break
        # The other plans stay as they are.
        keys = [key for key, used in outcome.used_by.items() if used - kept]
        outcome.chosen = kept
    made: list[tuple[float, IndexProposal]] = []
    drops: list[IndexDrop] = []
    by_handle: dict[str, IndexProposal] = {}
    for handle in sorted(outcome.chosen, key=lambda h: (len(problem.items[h].candidate.columns), h)):
        proposal = _proposal(outcome, problem.items[handle])
        if proposal is None:
            continue
        done = {drop.index for drop in drops}  # by another new index that begins with the same columns
        found = _replaced(outcome, problem.items[handle], proposal, deadline)
        replaced = [drop for drop in found if drop.index not in done]
        drops.extend(replaced)
        gain = proposal.cost_before - proposal.cost_after
        made.append((gain, _with_replaced(proposal, replaced)))
        by_handle[handle] = proposal
    made.sort(key=lambda pair: (-pair[0], pair[1].name))
    if problem.budget_bytes is None:
        drops.extend(outdated(problem, outcome.chosen, by_handle, gone | {drop.index for drop in drops}))
    return tuple(proposal for _, proposal in made), tuple(drops)


def least_gain(problem: Problem) -> float:
    """Return the share of their cost that an index must save its statements."""
    return _LEAST_GAIN if problem.budget_bytes is None else _LEAST_GAIN_IN_BUDGET


def _with_replaced(proposal: IndexProposal, replaced: list[IndexDrop]) -> IndexProposal:
    return replace(proposal, replaces=tuple(str(drop.index) for drop in replaced)) if replaced else proposal


def _worthwhile(outcome: Outcome, handle: str, total: float) -> bool:
    """Return whether anybody would notice the index; `total` is what the whole workload costs now.

    What other statements lose was weighed when it was chosen; it must not hide what these gain.
    """
    weights = outcome.problem.weights
    costs = outcome.statement_costs
    keys = [key for key, used in outcome.used_by.items() if handle in used and costs[key][1] < costs[key][0]]
    before = sum(weights[key] * costs[key][0] for key in keys)
    after = sum(weights[key] * costs[key][1] for key in keys)
    if before <= 0:
        return False
    slight = outcome.problem.budget_bytes is None and before - after < _SLIGHT * total
    if slight and (_only_covers(outcome.problem, outcome.problem.items[handle]) or _is_copy(outcome, handle, keys)):
        return False
    least = least_gain(outcome.problem)
    # Nor one beside an index that finds the same rows by its first column.
    fast = all(costs[key][0] < _FAST for key in keys) or outcome.problem.items[handle].beside_existing
    if slight and fast:
        least = max(least, _LEAST_GAIN_WHEN_SLIGHT)
    return 1 - after / before >= least


def _only_covers(problem: Problem, item: Item) -> bool:
    """Return whether an existing index has the same keys, so that all there is to win are included columns."""
    return any(
        len(index.columns) == len(item.candidate.columns) and superseded(index, item)
        for index in problem.facts.indexes(item.candidate.table)
    )


def _is_copy(outcome: Outcome, handle: str, keys: Sequence[str]) -> bool:
    """Return whether statements only read the index from end to end, as a narrower copy of the table.

    Such an index also stands in the way of those that ask for its columns' order.
    """
    candidate = outcome.problem.items[handle].candidate
    if candidate.access_method != "btree" or candidate.predicate is not None:
        return False
    first = candidate.columns[0].key
    return not any(
        use.relation == candidate.table
        and (use.expression or (use.columns and use.columns[0])) == first
        and use.role not in ("output", "set", "insert")
        for key in keys
        for use in outcome.problem.oracle.known[key].statement.uses
    )


def _score(outcome: Outcome, keys: Sequence[str]) -> None:
    """Plan statements with everything chosen."""
    oracle = outcome.problem.oracle
    answers = oracle.ask(keys, outcome.chosen, frozenset()) if outcome.chosen else {}
    for key in keys:
        base = oracle.known[key].base
        outcome.statement_costs[key] = base, answers[key][0] if key in answers else base
        outcome.used_by[key] = answers[key][1] & outcome.chosen if key in answers else frozenset()


def _proposal(outcome: Outcome, item: Item) -> IndexProposal | None:
    problem = outcome.problem
    helped: list[StatementEffect] = []
    hurt: list[StatementEffect] = []
    statements = []
    keys: list[str] = []
    before_sum = after_sum = 0.0
    bound = _HELPED if problem.budget_bytes is None else _HELPED_IN_BUDGET
    for key, before in _earned(outcome, item.handle).items():
        after = outcome.statement_costs[key][1]
        statement = problem.oracle.known[key].statement
        if after < bound * before:
            helped.append(effect(statement, before, after))
            keys.append(key)
            statements.append(statement)
            before_sum += problem.weights[key] * before
            after_sum += problem.weights[key] * after
        elif after > _HURT * before:
            hurt.append(effect(statement, before, after))
    if not helped:
        return None
    helped.sort(key=lambda e: -(e.cost_before - e.cost_after) * e.calls)
    facts = problem.facts
    candidate = item.candidate
    name, ddl, undo = create_sql(candidate, outcome.names, facts.catalog)
    literal = candidate in outcome.pool.literal
    sure, doubt = confidence(item, literal, facts, before_sum, after_sum)
    if sure == "high" and any(statement.doubted for statement in statements):
        sure, doubt = "medium", "the server plans a statement it helps otherwise than the what-if planner does"
    guesses = dict.fromkeys(guess for statement in statements for guess in statement.assumed)
    if guesses and any(key.expression is not None for key in candidate.columns):
        sure, doubt = "low", "; ".join(guesses)
    calls = sum(one.calls for one in helped)
    top = helped[0]
    count = "1 statement" if len(helped) == 1 else f"{len(helped)} statements"
    reason = (
        f"{purpose(candidate, statements)} {count} with {calls_text(calls)} in the window: the most expensive goes "
        f"from cost {cost_text(top.cost_before)} to {cost_text(top.cost_after)} per call.{share_text(item)}"
    )
    expression = any(key.expression is not None for key in candidate.columns)
    dearest = max(keys, key=lambda key: _saved(outcome, key))
    bands = band_text(problem.oracle, dearest, outcome.chosen)
    evidence = "; ".join(part for part in (_evidence(statements, literal), bands, doubt) if part)
    return IndexProposal(
        ddl=ddl,
        undo_ddl=undo,
        table=candidate.table,
        name=name,
        method=candidate.access_method,
        columns=key_names(candidate.columns),
        size_bytes=item.size_bytes,
        cost_before=before_sum,
        cost_after=after_sum,
        statements=tuple(helped),
        hurt=tuple(hurt),
        write_cost=write_cost(candidate.table, ((candidate, item.share),), problem.writes, facts),
        reason=reason,
        confidence=sure,
        evidence=evidence,
        build_class=build_class(item, facts.pages(candidate.table) * 8192, facts.rows(candidate.table)),
        after_ddl=(f"ANALYZE {candidate.table}",) if expression else (),
    )


def _earned(outcome: Outcome, handle: str) -> dict[str, float]:
    """Return the statements that use the index, with what each costs without it.

    Not those that another index of the table serves nearly as well, unless there are no others: then what counts is
    what the index adds to that one.
    """
    problem, costs = outcome.problem, outcome.statement_costs
    using = [key for key, used in outcome.used_by.items() if handle in used]
    table = problem.items[handle].candidate.table
    found, added = {}, {}
    for key in using:
        before, after = costs[key]
        beside = [other for other in outcome.used_by[key] - {handle} if problem.items[other].candidate.table == table]
        without = problem.oracle.cost(key, outcome.chosen - {handle}) if beside else before
        if after >= before or without - after >= _ITS_DOING * (before - after):
            found[key] = before
        else:
            added[key] = without
    return found or added


def _saved(outcome: Outcome, key: str) -> float:
    before, after = outcome.statement_costs[key]
    return outcome.problem.weights[key] * (before - after)


def _evidence(statements: Sequence[Statement], literal: bool) -> str:
    sources = {source for statement in statements for source in statement.sources}
    origins = {binding.origin for statement in statements for binding in statement.bindings if binding.values}
    parts = []
    if sources:
        parts.append("statements from " + ", ".join(sorted(sources)))
    if literal or origins & {"literal", "constant"}:
        parts.append("values seen in recorded statements")
    elif origins:
        parts.append("values drawn from the planner statistics")
    else:
        parts.append("constants of the statements themselves")
    return "; ".join(parts)


def _replaced(outcome: Outcome, item: Item, proposal: IndexProposal, deadline: float) -> list[IndexDrop]:
    """Return drops of existing indexes whose keys the new index begins with, when no statement misses them."""
    problem = outcome.problem
    catalog = problem.facts.catalog
    found: list[IndexDrop] = []
    gone: frozenset[str] = frozenset()
    for index in problem.facts.indexes(item.candidate.table):
        if time.monotonic() > deadline + 10 or not superseded(index, item):
            continue
        hurt, checked = replan(problem.oracle, catalog, index, gone, outcome.chosen)
        if hurt:
            continue
        gone |= {str(index.relation)}
        ddl, undo = drop_sql(index)
        found.append(
            IndexDrop(
                ddl=ddl,
                undo_ddl=undo,
                index=index.relation,
                table=index.table,
                reason=f"the proposed {quote_ident(proposal.name)} begins with the same columns; drop this one once "
                "that is built",
                kind="replaced",
                size_bytes=index.size_bytes or 0,
                confidence="medium",
                checked=checked,
            )
        )
    return found


def superseded(index: Index, item: Item) -> bool:
    """Return whether the new index can do all an existing one does."""
    candidate = item.candidate
    if protected(index) or index.access_method != "btree" or candidate.access_method != "btree":
        return False
    if not (index.is_valid and index.is_live) or index.is_clustered:
        return False
    held = {key.column for key in candidate.columns} | set(candidate.include)
    same_rows = candidate.predicate is None or (
        index.predicate is not None and normalised(index.predicate) == normalised(candidate.predicate)
    )
    return same_rows and is_prefix(index.columns, candidate.columns) and set(index.include) <= held
