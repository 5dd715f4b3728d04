"""Index advice for a whole workload: candidates, costs, search, heartbeat rule, and the words around the answer."""

from __future__ import annotations

import time

from advisor.index_search.bound import lower_bound
from advisor.index_search.brin_choice import brin_instead
from advisor.index_search.candidates import Pool, collect_candidates
from advisor.index_search.candidates.served import is_prefix
from advisor.index_search.correlated import statistics_notes
from advisor.index_search.ddl import Names
from advisor.index_search.discover import discover
from advisor.index_search.drops import advise_drops, drop_notes
from advisor.index_search.facts import Facts
from advisor.index_search.hot import lookalikes, refusals
from advisor.index_search.interrupt import Stop, stopped_by_interrupt
from advisor.index_search.key_order import equalities_first
from advisor.index_search.measured import believe_measured_time, measured_notes
from advisor.index_search.merge import merged_candidates, reshaped_candidates
from advisor.index_search.options import SearchOptions
from advisor.index_search.oracle import Oracle
from advisor.index_search.planner import Candidate, Planner
from advisor.index_search.prepare import offer, prepare_items
from advisor.index_search.proposals import Outcome, proposals
from advisor.index_search.refine import refined
from advisor.index_search.rejections import rejections
from advisor.index_search.relevance import peel
from advisor.index_search.robust import anchored
from advisor.index_search.search import Chosen, Item, Problem, search
from advisor.index_search.shorten import shorter_indexes
from advisor.index_search.unbaited import offer_unbaited
from advisor.index_search.unforeseen import foreseen, settled
from advisor.index_search.unhelped import unhelped_notes
from advisor.index_search.write_cost import collect_writes
from advisor.model.lookup import Catalog
from advisor.model.report import IndexAdvice
from advisor.model.snapshot import Snapshot
from advisor.model.workload import Workload
from advisor.progress import Progress

_PEEL_SHARE = 0.6  # of the time limit, at most, for learning which candidates matter
_HOT_ROUNDS = 4
_MERGE_ROUNDS = 3
_FORESEEN_ROUNDS = 4
_MAX_INCLUDED = 4  # in a merged index
_MAX_INCLUDED_IN_BUDGET = 10
_SLIGHT = 0.05  # of a statement's present cost: what an index beside others must save to be worth its upkeep,
_HALF = 0.5
_CLEARLY = 3.0  # or the statement must be this many times dearer without it
# and what it saves must be this share of the workload, or of what a statement costs on average.
_NOTICED, _NOTICED_OF_EACH = 0.0005, 0.05
_MISSED = 3.0  # times dearer: less than that does not justify a second index on the same leading columns
_IN_ORDER = 0.95  # |correlation|
_MAX_PREPARED = 10_000  # the candidates of the dearest statements


def advise_indexes(
    snapshot: Snapshot,
    catalog: Catalog,
    workload: Workload,
    planner: Planner,
    options: SearchOptions,
    progress: Progress,
) -> IndexAdvice:
    """Return indexes to create and to drop, chosen for the workload as a whole by the planner's costs.

    Statements the planner refuses are left out and noted. The answer at `options.time_limit` is the best found by
    then; every proposal in it was planned.
    """
    with stopped_by_interrupt() as stop:
        return _advise(snapshot, catalog, workload, planner, options, progress, stop)


def _advise(
    snapshot: Snapshot,
    catalog: Catalog,
    workload: Workload,
    planner: Planner,
    options: SearchOptions,
    progress: Progress,
    stop: Stop,
) -> IndexAdvice:
    started = time.monotonic()
    deadline = started + options.time_limit
    facts = Facts(snapshot, catalog, options)
    weights = {statement.key: statement.calls for statement in workload.statements}
    pool = collect_candidates(sorted(workload.statements, key=lambda s: -(s.total_exec_time or 0.0)), facts)
    pool.conditions.update((str(index.relation), index.predicate) for index in snapshot.indexes if index.predicate)
    oracle = Oracle(planner, workload.statements, facts.rows_by_name, pool.conditions)
    spending = options.budget_bytes is not None
    with progress.step("Planning with candidate indexes", len(oracle.known)) as step:
        learned = started + _PEEL_SHARE * options.time_limit

        def late() -> bool:
            return stop.asked or time.monotonic() > learned

        if spending:
            items = discover(planner, oracle, pool, weights, facts, late, step)
        else:
            items = prepare_items(planner, pool, pool.all[:_MAX_PREPARED], {}, facts)
            by_handle = {handle: item.candidate for handle, item in items.items()}
            handles = {candidate: handle for handle, candidate in by_handle.items()}
            own = {
                key: frozenset(handles[one] for one in made if one in handles)
                for key, made in pool.by_statement.items()
            }
            peel(oracle, by_handle, weights, catalog, late, step, own)
        cut_short = late()
    _link(items, oracle)
    if spending or options.max_indexes is not None:
        # Without limits each index pays for itself or does not; with them it is spared to serve another statement.
        believe_measured_time(oracle)
    relations = {relation for statement in workload.statements for relation in statement.relations}
    problem = Problem(
        oracle=oracle,
        items=items,
        weights=weights,
        writes=collect_writes(workload.statements, facts),
        facts=facts,
        tables_bytes=sum(facts.pages(relation) for relation in relations) * 8192,
        budget_bytes=options.budget_bytes,
        max_indexes=options.max_indexes,
        deadline=deadline,
        stop=stop,
        cut_short=cut_short,
    )
    oracle.nearby = problem.nearby
    refused: dict[str, str] = {}
    with progress.step("Choosing indexes") as step:
        chosen = search(problem)
        for _ in range(0 if spending else _FORESEEN_ROUNDS):
            if problem.late() or not foreseen(problem, chosen):
                break
            chosen = search(problem, chosen)
        if not spending and not problem.late() and offer_unbaited(problem, planner, pool, chosen):
            chosen = search(problem, chosen)
        for _ in range(_MERGE_ROUNDS if spending else 1):
            merged = _with_merged(problem, planner, pool, chosen)
            if merged == chosen:
                break
            chosen = merged
        for _ in range(_HOT_ROUNDS):
            found = refusals(problem, chosen)
            if not found:
                break
            for refusal in found:
                refused[refusal.handle] = refusal.reason
                problem.forbidden |= {refusal.handle, *lookalikes(problem, refusal.handle)}
            chosen = search(problem, chosen - problem.forbidden)
            step.advance()
    chosen -= problem.forbidden
    with progress.step("Refining the choice"):
        if not spending:
            chosen = equalities_first(problem, planner, pool, _needed(problem, chosen))
            chosen = _contributing(problem, chosen)
        chosen = brin_instead(problem, chosen)
        if not spending:
            chosen = anchored(problem, _needed(problem, refined(problem, planner, pool, chosen)))
            for _ in range(_FORESEEN_ROUNDS):
                if problem.late() or not (tables := foreseen(problem, chosen)):
                    break
                chosen = settled(problem, chosen, tables)
    outcome = Outcome(problem=problem, pool=pool, chosen=chosen, hot_refused=refused, names=Names(catalog))
    with progress.step("Weighing each proposal"):
        drops = advise_drops(snapshot, catalog, workload, planner)
        gone = {drop.index for drop in drops}
        create, replaced = proposals(outcome, deadline, gone)
    drops += tuple(drop for drop in replaced if drop.index not in gone)
    with progress.step("Looking for indexes that are too wide"):
        shorter, wider = shorter_indexes(outcome, planner, workload, {drop.index for drop in drops})
    costs = outcome.statement_costs
    bound = lower_bound(problem, costs, started)
    return IndexAdvice(
        create=create + shorter,
        drop=drops + wider,
        rejected=rejections(outcome),
        cost_before=sum(weights[key] * before for key, (before, _) in costs.items()),
        cost_after=sum(weights[key] * after for key, (_, after) in costs.items()),
        cost_bound=bound.cost,
        bound_checks=bound.checks,
        bound_violations=bound.violations,
        bound_excess=bound.worst,
        statements=len(workload.statements),
        unusable=workload.unusable,
        candidates=len(items) + len(pool.refused),
        plans_asked=oracle.plans_asked,
        planner=planner.description,
        complete=not (cut_short or stop.asked or time.monotonic() > deadline),
        notes=(
            *_notes(problem, cut_short or time.monotonic() > deadline),
            *measured_notes(oracle),
            *unhelped_notes(problem, planner, outcome.chosen),
            *statistics_notes(problem, planner),
            *drop_notes(snapshot),
        ),
        statement_costs=tuple(costs.items()),
    )


def _link(items: dict[str, Item], oracle: Oracle) -> None:
    """Note for each item the statements it is relevant to."""
    statements: dict[str, list[str]] = {}
    for key, known in oracle.known.items():
        for handle in known.relevant:
            statements.setdefault(handle, []).append(key)
    for handle, item in items.items():
        item.statements = tuple(statements.get(handle, ()))


def _with_merged(problem: Problem, planner: Planner, pool: Pool, chosen: Chosen) -> Chosen:
    """Offer the search merged forms of the chosen indexes (siblings on one prefix, united INCLUDE lists)."""
    options = problem.facts.options
    included = _MAX_INCLUDED if options.budget_bytes is None else _MAX_INCLUDED_IN_BUDGET
    taken = [problem.items[handle] for handle in sorted(chosen)]
    parents = merged_candidates(taken, options.max_width, included)
    serving: dict[Candidate, tuple[str, ...]] = {}
    if options.budget_bytes is not None and options.covering:
        statements = [known.statement for known in problem.oracle.known.values() if known.relevant]
        for candidate, (handles, keys) in reshaped_candidates(taken, statements, problem.facts, included).items():
            parents.setdefault(candidate, handles)
            serving[candidate] = keys
    known = {item.candidate for item in problem.items.values() if item.statements}
    new = {candidate: handles for candidate, handles in parents.items() if candidate not in known}
    if not new or problem.late():
        return chosen
    offer(problem, planner, pool, new, serving)
    improved = search(problem, chosen)
    return improved if problem.change(chosen, improved) < 0 else chosen


def _needed(problem: Problem, chosen: Chosen) -> Chosen:
    """Drop what a longer chosen index makes superfluous without a visible loss."""
    for handle in sorted(chosen, key=lambda h: len(problem.items[h].candidate.columns)):
        mine = problem.items[handle].candidate
        for other in sorted(chosen & problem.by_table()[mine.table] - {handle}):
            theirs = problem.items[other].candidate
            covered = (
                mine.table == theirs.table
                and mine.access_method == theirs.access_method == "btree"
                and mine.predicate == theirs.predicate
                and is_prefix(mine.columns, theirs.columns)
                and set(mine.include) <= {key.column for key in theirs.columns} | set(theirs.include)
            )
            if covered and not _missed(problem, chosen, handle, other):
                chosen -= {handle}
                break
    return chosen


def _contributing(problem: Problem, chosen: Chosen) -> Chosen:
    """Drop indexes that others nearly replace: two for one statement that use them for different values."""
    cost = problem.oracle.cost
    present = [problem.weights[key] * known.base for key, known in problem.oracle.known.items()]
    noticed = sum(present) * min(_NOTICED, _NOTICED_OF_EACH / max(1, len(present)))
    for handle in sorted(chosen, key=lambda h: -problem.items[h].size_bytes):
        without = chosen - {handle}
        contributes = False
        for key in problem.items[handle].statements:
            known = problem.oracle.known[key]
            now, then = cost(key, chosen), cost(key, without)
            used = known.used(chosen & known.relevant)
            if handle in used:
                alone = not any(_same_table(problem, handle, other) for other in used - {handle})
                near = problem.by_table()[problem.items[handle].candidate.table]
                alone &= not any(_siblings(problem, handle, other) for other in without & near)
                if then < _HALF * known.base and _sorts_what_is_narrowed(problem, key, handle, without):
                    continue
                clearly = then - now > _SLIGHT * known.base or then > _CLEARLY * now
                contributes |= alone or (clearly and problem.weights[key] * (then - now) > noticed)
        if not contributes:
            chosen = without
    return chosen


def _sorts_what_is_narrowed(problem: Problem, key: str, handle: str, without: Chosen) -> bool:
    """Return whether an index only spares the sort of what another one narrows down to a range nobody has seen.

    "The slowest of the last hour": whether that hour is worth walking through all that was slow depends on the hour.
    """
    statement = problem.oracle.known[key].statement
    if any(binding.origin == "literal" for binding in statement.bindings):
        return False
    candidate = problem.items[handle].candidate
    roles: dict[str, set[str]] = {}
    for use in statement.uses:
        if use.relation == candidate.table and use.role != "output":
            roles.setdefault(use.expression or use.columns[0], set()).add(use.role)
    return roles.get(candidate.columns[0].key) == {"order"} and any(
        "range" in roles.get(problem.items[other].candidate.columns[0].key, ())
        for other in without & problem.by_table()[candidate.table]
    )


def _same_table(problem: Problem, handle: str, other: str) -> bool:
    return problem.items[handle].candidate.table == problem.items[other].candidate.table


def _siblings(problem: Problem, handle: str, other: str) -> bool:
    """Return whether two indexes on all rows begin with the same column."""
    mine, theirs = problem.items[handle].candidate, problem.items[other].candidate
    return (
        mine.table == theirs.table
        and mine.access_method == theirs.access_method
        and mine.predicate is None
        and theirs.predicate is None
        and mine.columns[0].key == theirs.columns[0].key
    )


def _missed(problem: Problem, chosen: Chosen, handle: str, other: str) -> bool:
    """Return whether any statement gets clearly dearer without the index, with `other` in its place."""
    cost = problem.oracle.cost
    for key in problem.items[handle].statements:
        known = problem.oracle.known[key]
        if other not in known.relevant:
            known.relevant |= {other}
            known.costs.clear()
    without = chosen - {handle}
    for key in problem.items[handle].statements:
        if cost(key, without) > _MISSED * cost(key, chosen):
            known = problem.oracle.known[key]
            if not (_in_table_order(problem, handle) and other in known.used(without & known.relevant)):
                return True
    return False


def _in_table_order(problem: Problem, handle: str) -> bool:
    """Return whether an index of one column follows the order of the table.

    The planner believes only part of that of an index with more columns, and counts scattered pages for rows that lie
    together all the same.
    """
    candidate = problem.items[handle].candidate
    name = candidate.columns[0].column
    if name is None or len(candidate.columns) > 1:
        return False
    return problem.facts.correlation(candidate.table, name) >= _IN_ORDER


def _notes(problem: Problem, late: bool) -> tuple[str, ...]:
    notes = []
    failed = [known for known in problem.oracle.known.values() if known.failed is not None]
    if failed:
        notes.append(
            f"{len(failed)} statement{'s' if len(failed) != 1 else ''} could not be planned and took no part; "
            f"the first: {failed[0].failed}"
        )
    if problem.stop.asked:
        notes.append("Ctrl-C ended the search: these are the best indexes found by then.")
    elif late:
        notes.append("The time limit ended the search; a longer one (--time-limit) may find more.")
    return tuple(notes)
