"""Existing indexes that are wider than any statement needs: a shorter one in their place.

What the trailing columns cost is space, cache and, where updates change them, HOT. That nobody needs them rests on the
statements alone (see coverage.py), so all that touch the table are planned with the shorter index in place of the old.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

from advisor.index_search.candidates.served import served_by
from advisor.index_search.coverage import days_seen, may_be_read_unseen, nested_are_counted
from advisor.index_search.ddl import covers_columns, create_sql, drop_sql
from advisor.index_search.drops import LONG_WINDOW, protected, usable
from advisor.index_search.effects import effect
from advisor.index_search.explain import build_class, key_names
from advisor.index_search.planner import Candidate, Planner
from advisor.index_search.proposals import Outcome
from advisor.index_search.search import Item
from advisor.index_search.size import estimate_index_size
from advisor.index_search.write_cost import UPDATE_COST, candidate_columns
from advisor.model.catalog import Index
from advisor.model.names import RelationName, quote_ident
from advisor.model.report import IndexDrop, IndexProposal, StatementEffect
from advisor.model.workload import Statement, Workload
from advisor.units import format_count, format_size

_MOST = 40  # indexes looked at, the largest
_LEAST_BYTES, _LEAST_PART = 16 << 20, 0.2  # saved, for the trouble of a build
_OF_DATABASE, _MUCH = 0.01, 1 << 30
_WRITES = 0.01  # of what the workload costs: lost HOT updates that are worth it whatever the size
_DEARER = 1.02  # of its present cost: a statement that notices
_PASSIVE = frozenset({"output", "set", "insert", "not_null", "inequality"})


@dataclass(frozen=True, slots=True)
class _Worth:
    bytes: int  # that the shorter index takes less, both freshly built
    updates: float  # rows a window that could be HOT again
    enough: bool


def shorter_indexes(
    outcome: Outcome, planner: Planner, workload: Workload, gone: Collection[RelationName]
) -> tuple[tuple[IndexProposal, ...], tuple[IndexDrop, ...]]:
    """Return indexes to build in place of wider ones, and those to drop then; `gone` are dropped already.

    Nothing where the statements seen are not all there are, nor under a limit, which is for what serves statements.
    """
    problem = outcome.problem
    seen = days_seen(problem.facts.snapshot, workload)
    if seen is None or problem.late() or problem.max_indexes is not None or problem.budget_bytes is not None:
        return (), ()
    creates, drops = [], []
    for index in _wide(outcome, gone)[:_MOST]:
        if problem.late():
            break
        if may_be_read_unseen(index.table, problem.facts.snapshot, problem.facts.catalog, workload):
            continue
        found = _in_place_of(outcome, planner, index, seen, gone)
        if found is not None:
            creates.append(found[0])
            drops.append(found[1])
    return tuple(creates), tuple(drops)


def _wide(outcome: Outcome, gone: Collection[RelationName]) -> list[Index]:
    """Return the indexes that could be shortened and that nothing else is decided about, the largest first."""
    problem = outcome.problem
    taken = [problem.items[handle].candidate for handle in outcome.chosen]
    decided = {(candidate.table, candidate.columns[0].key) for candidate in taken}
    found = []
    for relation, indexes in problem.facts.catalog.indexes_by_table.items():
        if problem.facts.indexable(relation) is not None:
            continue
        for index in indexes:
            if (
                usable(index)
                and not index.is_partitioned
                and index.access_method == "btree"
                and len(index.columns) + len(index.include) > 1
                and index.columns
                and not (protected(index) or index.is_clustered or index.relation in gone)
                and index.idx_scan
                and (relation, index.columns[0].key) not in decided
            ):
                found.append(index)
    return sorted(found, key=lambda one: -(one.size_bytes or 0))


def _in_place_of(
    outcome: Outcome, planner: Planner, index: Index, seen: timedelta, gone: Collection[RelationName]
) -> tuple[IndexProposal, IndexDrop] | None:
    """Return the shortest index that does as well, and the drop of the old one; None when there is none worth it."""
    problem = outcome.problem
    facts = problem.facts
    old = Candidate(
        table=index.table, access_method="btree", columns=index.columns, include=index.include,
        predicate=index.predicate, reloptions=index.reloptions,
    )  # fmt: skip
    rows = min(index.reltuples, facts.rows(index.table)) if index.predicate is not None else facts.rows(index.table)
    others = [one for one in facts.indexes(index.table) if one is not index and one.relation not in gone]
    # One that exists already, or is dropped because this one begins alike, is a matter of its own.
    alike = [one for one in facts.indexes(index.table) if one is not index]
    shorter = [one for one in _shorter(index, old, _readers(outcome, index)) if served_by(one, alike) is None]
    keys = [
        key
        for key, known in problem.oracle.known.items()
        if known.failed is None and known.triples and index.table in known.statement.relations
    ]
    hidden = frozenset(str(relation) for relation in gone)
    before = problem.oracle.ask(keys, outcome.chosen, hidden) if shorter else {}
    name = str(index.relation)
    if not any(name in used for _, used in before.values()):
        return None  # whatever scans it was not seen
    for prepared in planner.prepare(shorter):
        new = prepared.candidate
        if prepared.error is not None or not _keys_stay_covered(outcome, index, new, others):
            continue
        worth = _worth(outcome, old, new, rows)
        if not worth.enough:
            continue
        after = problem.oracle.ask(keys, outcome.chosen | {prepared.handle}, hidden | {name})
        if before.keys() - after.keys() or any(after[key][0] > _DEARER * before[key][0] for key in before):
            continue
        users = [key for key, (_, used) in after.items() if prepared.handle in used]
        if not users:
            continue
        size = estimate_index_size(new, facts.catalog, rows).size_bytes
        item = Item(prepared.handle, new, size, rows / max(1.0, facts.rows(index.table)))
        effects = [effect(problem.oracle.known[key].statement, before[key][0], after[key][0]) for key in users]
        return _told(outcome, index, item, worth, seen, tuple(effects), len(before))
    return None


def _shorter(index: Index, old: Candidate, readers: list[Statement]) -> Iterator[Candidate]:
    """Yield the index without trailing columns, the shortest first that keeps all anybody searches or sorts by."""
    uses = [use for one in readers for use in one.uses if use.relation == index.table]
    searched = {use.expression or name for use in uses if use.role not in _PASSIVE for name in use.columns}
    needed = max((place for place, key in enumerate(index.columns, 1) if key.key in searched), default=1)
    for length in range(needed, len(index.columns)):
        yield replace(old, columns=index.columns[:length], include=())
    read = {name for use in uses for name in use.columns}
    kept = tuple(name for name in index.include if name in read)
    for include in dict.fromkeys(((), kept)):
        if include != index.include:
            yield replace(old, include=include)


def _readers(outcome: Outcome, index: Index) -> list[Statement]:
    """Return the statements that search or sort by the index's first column."""
    return [
        known.statement
        for known in outcome.problem.oracle.known.values()
        if any(
            use.relation == index.table
            and use.role not in _PASSIVE
            and index.columns[0].key in (use.expression, *use.columns)
            for use in known.statement.uses
        )
    ]


def _keys_stay_covered(outcome: Outcome, index: Index, new: Candidate, others: list[Index]) -> bool:
    """Return whether every foreign key that the old index supports has one that begins with its columns."""
    catalog = outcome.problem.facts.catalog
    shortened = replace(index, columns=new.columns, include=new.include)
    return all(
        covers_columns((shortened, *others), constraint.columns)
        for constraint in catalog.constraints_by_table.get(index.table, ())
        if constraint.type == "f" and covers_columns((index,), constraint.columns)
    )


def _worth(outcome: Outcome, old: Candidate, new: Candidate, rows: float) -> _Worth:
    """Return what the shorter index saves: freshly built bytes on both sides, so that bloat does not count."""
    problem = outcome.problem
    facts, chosen = problem.facts, problem.by_table().get(old.table, frozenset()) & outcome.chosen
    before = estimate_index_size(old, facts.catalog, rows).size_bytes
    saved = before - estimate_index_size(new, facts.catalog, rows).size_bytes
    held = candidate_columns(new, facts).union(
        *(candidate_columns(problem.items[one].candidate, facts) for one in chosen)
    )
    for index in facts.indexes(old.table):
        if (index.columns, index.include, index.predicate) != (old.columns, old.include, old.predicate):
            held |= facts.columns_of(old.table, index)
    freed = candidate_columns(old, facts) - held
    updates = [
        one for one in problem.writes.updates.get(old.table, ()) if one.columns & freed and not one.columns & held
    ]
    changed = sum(one.rows for one in updates)
    indexes = len(facts.indexes(old.table)) + len(chosen)
    total = sum(problem.weights[key] * cost for key, (_, cost) in outcome.statement_costs.items())
    size = facts.snapshot.server.database_size_bytes or 0
    enough = saved >= _LEAST_BYTES and saved >= _LEAST_PART * before and saved >= min(_MUCH, _OF_DATABASE * size)
    return _Worth(saved, changed, enough or changed * UPDATE_COST * indexes >= max(1.0, _WRITES * total))


def _told(
    outcome: Outcome,
    index: Index,
    item: Item,
    worth: _Worth,
    seen: timedelta,
    effects: tuple[StatementEffect, ...],
    checked: int,
) -> tuple[IndexProposal, IndexDrop]:
    """Return the two steps, in words."""
    facts = outcome.problem.facts
    new = item.candidate
    name, ddl, undo = create_sql(new, outcome.names, facts.catalog)
    kept = {*new.include, *(key.key for key in new.columns)}
    needless = [one for one in (*(key.key for key in index.columns), *index.include) if one not in kept]
    nested = nested_are_counted(facts.snapshot)
    reason = (
        f"Stands in for {index.relation.display()}: no statement of the {seen.days} days seen searches, sorts or reads "
        f"by {', '.join(needless)}. Saves {format_size(worth.bytes)} of index and of cache"
    )
    if worth.updates:
        reason += f", and {format_count(worth.updates)} updates need not touch any index (HOT)"
    evidence = (
        f"{checked} statements of the table planned with it in place of the old one: none gets dearer; what ran longer "
        f"than {seen.days} days ago was not seen"
    )
    if not nested:
        evidence += ", nor what functions and triggers run (pg_stat_statements.track is not all)"
    before = sum(one.cost_before * one.calls for one in effects)
    after = sum(one.cost_after * one.calls for one in effects)
    proposal = IndexProposal(
        ddl=ddl,
        undo_ddl=undo,
        table=new.table,
        name=name,
        method=new.access_method,
        columns=key_names(new.columns),
        size_bytes=item.size_bytes,
        cost_before=before,
        cost_after=after,
        statements=effects,
        hurt=(),
        write_cost=0.0,
        reason=f"{reason}.",
        confidence="medium" if nested and seen >= LONG_WINDOW else "low",
        evidence=evidence,
        build_class=build_class(item, facts.pages(new.table) * 8192, facts.rows(new.table)),
        after_ddl=(f"ANALYZE {new.table}",) if any(key.expression is not None for key in new.columns) else (),
        replaces=(str(index.relation),),
        frees_bytes=index.size_bytes or 0,
    )
    gone, back = drop_sql(index)
    drop = IndexDrop(
        ddl=gone,
        undo_ddl=back,
        index=index.relation,
        table=index.table,
        reason=f"the proposed {quote_ident(name)} does its work without {', '.join(needless)}; drop this one once that "
        "is built",
        kind="replaced",
        size_bytes=index.size_bytes or 0,
        confidence=proposal.confidence,
        checked=checked,
    )
    return proposal, drop
