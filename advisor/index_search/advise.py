"""Index advice for a whole workload: candidates, costs, search, heartbeat rule, and the words around the answer."""

from __future__ import annotations

import time

from advisor.index_search.brin_choice import brin_instead
from advisor.index_search.candidates import Pool, collect_candidates
from advisor.index_search.candidates.served import is_prefix, same_key
from advisor.index_search.ddl import Names
from advisor.index_search.drops import advise_drops, drop_notes
from advisor.index_search.facts import Facts
from advisor.index_search.hot import lookalikes, refusals
from advisor.index_search.merge import merged_candidates
from advisor.index_search.options import SearchOptions
from advisor.index_search.oracle import Oracle
from advisor.index_search.planner import Candidate, Planner
from advisor.index_search.proposals import Outcome, proposals, superseded
from advisor.index_search.rejections import rejections
from advisor.index_search.relevance import peel
from advisor.index_search.search import Chosen, Item, Problem, search
from advisor.index_search.size import estimate_index_size
from advisor.index_search.write_cost import collect_writes
from advisor.model.lookup import Catalog
from advisor.model.report import IndexAdvice
from advisor.model.snapshot import Snapshot
from advisor.model.workload import Workload
from advisor.progress import Progress

_PEEL_SHARE = 0.6  # of the time limit, at most, for learning which candidates matter
_HOT_ROUNDS = 4
_SLIGHT = 0.05  # of a statement's present cost: what an index beside others must save to be worth its upkeep,
_CLEARLY = 3.0  # or the statement must be this many times dearer without it
_MISSED = 3.0  # times dearer: less than that does not justify a second index on the same leading columns
_MAX_PREPARED = 4000


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
    started = time.monotonic()
    deadline = started + options.time_limit
    facts = Facts(snapshot, catalog, options)
    oracle = Oracle(planner, workload.statements)
    weights = {statement.key: statement.calls for statement in workload.statements}
    pool = collect_candidates(sorted(workload.statements, key=lambda s: -(s.total_exec_time or 0.0)), facts)
    items = _prepare(planner, pool, pool.all[:_MAX_PREPARED], {}, facts)
    by_handle = {handle: item.candidate for handle, item in items.items()}
    with progress.step("Planning with candidate indexes", len(oracle.known)) as step:
        peel(oracle, by_handle, weights, catalog, started + _PEEL_SHARE * options.time_limit, step)
    _link(items, oracle)
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
    )
    refused: dict[str, str] = {}
    with progress.step("Choosing indexes") as step:
        chosen = search(problem)
        chosen = _with_merged(problem, planner, pool, chosen)
        for _ in range(_HOT_ROUNDS):
            found = refusals(problem, chosen)
            if not found:
                break
            for refusal in found:
                refused[refusal.handle] = refusal.reason
                problem.forbidden |= {refusal.handle, *lookalikes(problem, refusal.handle)}
            chosen = search(problem, chosen - problem.forbidden)
            step.advance()
    chosen = _contributing(problem, _needed(problem, chosen - problem.forbidden))
    chosen = brin_instead(problem, chosen)
    outcome = Outcome(problem=problem, pool=pool, chosen=chosen, hot_refused=refused, names=Names(catalog))
    create, replaced = proposals(outcome, deadline)
    drops = advise_drops(snapshot, catalog, workload, planner)
    gone = {drop.index for drop in drops}
    drops += tuple(drop for drop in replaced if drop.index not in gone)
    costs = outcome.statement_costs
    return IndexAdvice(
        create=create,
        drop=drops,
        rejected=rejections(outcome),
        cost_before=sum(weights[key] * before for key, (before, _) in costs.items()),
        cost_after=sum(weights[key] * after for key, (_, after) in costs.items()),
        cost_bound=sum(weights[key] * min(oracle.known[key].best, after) for key, (_, after) in costs.items()),
        statements=len(workload.statements),
        unusable=workload.unusable,
        candidates=len(items) + len(pool.refused),
        plans_asked=oracle.plans_asked,
        planner=planner.description,
        notes=_notes(problem, time.monotonic() > deadline) + drop_notes(snapshot),
        statement_costs=tuple(costs.items()),
    )


def _prepare(
    planner: Planner, pool: Pool, candidates: list[Candidate], known: dict[str, Item], facts: Facts
) -> dict[str, Item]:
    """Return items for the candidates the planner accepts; note why it refuses the others."""
    items: dict[str, Item] = {}
    for prepared in planner.prepare(candidates) if candidates else ():
        if prepared.error is not None:
            pool.refused.setdefault(prepared.candidate, _plain(prepared.error))
            continue
        if prepared.handle in known:
            continue
        share = 1.0
        if prepared.candidate.predicate is not None:
            share = pool.shares.get(prepared.candidate, 0.5)
        size = prepared.size_bytes
        rows = facts.rows(prepared.candidate.table)
        if share < 1 and prepared.rows >= 0.99 * rows:
            # HypoPG does not know how many rows a predicate keeps.
            size = estimate_index_size(prepared.candidate, facts.catalog, share * rows).size_bytes
        item = Item(prepared.handle, prepared.candidate, size, share)
        item.replaced_bytes = sum(
            index.size_bytes or 0 for index in facts.indexes(prepared.candidate.table) if superseded(index, item)
        )
        item.beside_existing = any(
            index.columns
            and index.access_method == prepared.candidate.access_method
            and index.predicate is None
            and same_key(index.columns[0], prepared.candidate.columns[0])
            and not superseded(index, item)
            for index in facts.indexes(prepared.candidate.table)
        )
        items[prepared.handle] = item
    return items


def _plain(error: str) -> str:
    if "must be marked IMMUTABLE" in error:
        return (
            "its expression depends on settings such as TimeZone or the locale, which PostgreSQL does not allow in an "
            "index; a condition on the plain column (a range of timestamps) can be indexed"
        )
    if error.startswith("hypopg"):
        return f"HypoPG cannot try it ({error.removeprefix('hypopg: ')}); the planner twin can: --what-if twin"
    return f"PostgreSQL refuses it: {error}"


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
    parents = merged_candidates([problem.items[handle] for handle in sorted(chosen)], problem.facts.options.max_width)
    known = {item.candidate for item in problem.items.values()}
    new = [candidate for candidate in parents if candidate not in known]
    if not new or problem.late():
        return chosen
    items = _prepare(planner, pool, new, problem.items, problem.facts)
    for handle, item in items.items():
        keys = {key for parent in parents[item.candidate] for key in problem.items[parent].statements}
        item.statements = tuple(keys)
        for key in keys:
            problem.oracle.known[key].relevant |= {handle}
            problem.oracle.known[key].costs.clear()
    problem.items.update(items)
    improved = search(problem, chosen)
    return improved if problem.change(chosen, improved) < 0 else chosen


def _needed(problem: Problem, chosen: Chosen) -> Chosen:
    """Drop what a longer chosen index makes superfluous without a visible loss."""
    for handle in sorted(chosen, key=lambda h: len(problem.items[h].candidate.columns)):
        mine = problem.items[handle].candidate
        for other in chosen - {handle}:
            theirs = problem.items[other].candidate
            covered = (
                mine.table == theirs.table
                and mine.access_method == theirs.access_method == "btree"
                and mine.predicate == theirs.predicate
                and is_prefix(mine.columns, theirs.columns)
                and set(mine.include) <= {key.column for key in theirs.columns} | set(theirs.include)
            )
            if covered and not _missed(problem, chosen, handle):
                chosen -= {handle}
                break
    return chosen


def _contributing(problem: Problem, chosen: Chosen) -> Chosen:
    """Drop indexes that others nearly replace: two for one statement that use them for different values."""
    cost = problem.oracle.cost
    for handle in sorted(chosen, key=lambda h: -problem.items[h].size_bytes):
        without = chosen - {handle}
        contributes = False
        for key in problem.items[handle].statements:
            known = problem.oracle.known[key]
            now, then = cost(key, chosen), cost(key, without)
            used = known.used(chosen & known.relevant)
            if handle in used:
                alone = not any(_same_table(problem, handle, other) for other in used - {handle})
                contributes |= alone or then - now > _SLIGHT * known.base or then > _CLEARLY * now
        if not contributes:
            chosen = without
    return chosen


def _same_table(problem: Problem, handle: str, other: str) -> bool:
    return problem.items[handle].candidate.table == problem.items[other].candidate.table


def _missed(problem: Problem, chosen: Chosen, handle: str) -> bool:
    """Return whether any statement gets clearly dearer without the index."""
    cost = problem.oracle.cost
    without = chosen - {handle}
    return any(cost(key, without) > _MISSED * cost(key, chosen) for key in problem.items[handle].statements)


def _notes(problem: Problem, late: bool) -> tuple[str, ...]:
    notes = []
    failed = [known for known in problem.oracle.known.values() if known.failed is not None]
    if failed:
        notes.append(
            f"{len(failed)} statement{'s' if len(failed) != 1 else ''} could not be planned and took no part; "
            f"the first: {failed[0].failed}"
        )
    if late:
        notes.append("The time limit ended the search; a longer one (--time-limit) may find more.")
    return tuple(notes)
