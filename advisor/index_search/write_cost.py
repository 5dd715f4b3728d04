"""What an index costs the statements that write: entries inserted, HOT updates lost, deletes.

Units are the planner's cost units. Measured on PostgreSQL 15 with 0 to 6 extra indexes: an entry costs about one unit
(a third where keys arrive in order), an update that is no longer HOT 1.5 units for every index of the table.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from advisor.index_search.facts import Facts
from advisor.index_search.planner import Candidate
from advisor.index_search.widths import expression_columns
from advisor.model.names import RelationName
from advisor.model.workload import Statement

_ORDERED = 0.95  # |correlation| above which new keys go to the right edge
_GIN = 3.0
_BRIN = 0.05
UPDATE_COST = 1.5
_DELETE = 0.1
_DEFAULT_HOT = 0.8  # of updates that change no indexed column, where the counters say nothing


@dataclass(frozen=True, slots=True)
class Update:
    """An UPDATE statement: its rows per window and the columns it assigns."""

    statement: Statement
    rows: float
    calls: float
    columns: frozenset[str]
    hot_now: bool  # no existing index holds a column it assigns


@dataclass(slots=True)
class Writes:
    """Rows written per window, per table."""

    inserts: dict[RelationName, float] = field(default_factory=lambda: defaultdict(float))
    deletes: dict[RelationName, float] = field(default_factory=lambda: defaultdict(float))
    updates: dict[RelationName, list[Update]] = field(default_factory=lambda: defaultdict(list))


def collect_writes(statements: Iterable[Statement], facts: Facts) -> Writes:
    """Return what the workload writes; rows come from its counters, one per call where it has none."""
    writes = Writes()
    for statement in statements:
        rows = statement.rows if statement.rows is not None else statement.calls
        for relation in {use.relation for use in statement.uses if use.role == "insert"}:
            writes.inserts[relation] += rows
        assigned: dict[RelationName, set[str]] = defaultdict(set)
        for use in statement.uses:
            if use.role == "set":
                assigned[use.relation].update(use.columns)
        for relation, columns in assigned.items():
            share = rows
            if statement.kind == "insert":  # ON CONFLICT DO UPDATE: how many took that way is not known
                share = rows / 2
                writes.inserts[relation] -= rows / 2
            indexed = set().union(*(facts.columns_of(relation, index) for index in facts.indexes(relation)), set())
            writes.updates[relation].append(
                Update(statement, share, statement.calls, frozenset(columns), not columns & indexed)
            )
        if statement.kind == "delete" and statement.relations:
            writes.deletes[statement.relations[0]] += rows
    return writes


def candidate_columns(candidate: Candidate, facts: Facts) -> frozenset[str]:
    """Return every column a candidate depends on."""
    columns = facts.catalog.columns.get(candidate.table, {})
    found = {key.column for key in candidate.columns if key.column is not None} | set(candidate.include)
    for text in (*(key.expression for key in candidate.columns), candidate.predicate):
        if text:
            found.update(expression_columns(text, columns))
    return frozenset(found)


def breaks_hot(candidate: Candidate, update: Update, facts: Facts) -> bool:
    """Return whether updates that are HOT now would no longer be."""
    if not update.hot_now or (candidate.access_method == "brin" and facts.major >= 16):
        return False
    return bool(candidate_columns(candidate, facts) & update.columns)


def hot_share(relation: RelationName, facts: Facts) -> float:
    """Return the share of a table's updates that are HOT now."""
    updates = hot = 0
    for leaf in facts.catalog.leaves(relation):
        if leaf.counters is not None:
            updates += leaf.counters.n_tup_upd
            hot += leaf.counters.n_tup_hot_upd
    return hot / updates if updates >= 100 else _DEFAULT_HOT


def entry_cost(candidate: Candidate, facts: Facts) -> float:
    """Return the units one inserted row costs in this index, were it in it."""
    if candidate.access_method == "gin":
        return _GIN
    if candidate.access_method == "brin":
        return _BRIN
    first = candidate.columns[0].column
    ordered = first is not None and facts.correlation(candidate.table, first) > _ORDERED
    width = sum(facts.width(candidate.table, key.column) for key in candidate.columns if key.column is not None)
    width += sum(facts.width(candidate.table, name) for name in candidate.include)
    return (0.3 if ordered else 1.0) * (1 + min(width, 64) / 64)


def write_cost(
    relation: RelationName, chosen: Iterable[tuple[Candidate, float]], writes: Writes, facts: Facts
) -> float:
    """Return the units per window that indexes on one table add; `chosen` has each with the share of rows in it."""
    chosen = tuple(chosen)
    if not chosen:
        return 0.0
    inserts, deletes = max(0.0, writes.inserts.get(relation, 0.0)), writes.deletes.get(relation, 0.0)
    total = sum(share * (inserts * entry_cost(c, facts) + deletes * _DELETE) for c, share in chosen)
    existing = len(facts.indexes(relation))
    shares = sum(share for _, share in chosen)
    hot = hot_share(relation, facts)
    for update in writes.updates.get(relation, ()):
        if not update.hot_now:
            total += update.rows * UPDATE_COST * shares
            continue
        broken = any(breaks_hot(candidate, update, facts) for candidate, _ in chosen)
        lost = UPDATE_COST * (1 + existing + shares) if broken else 0.0
        total += update.rows * (hot * lost + (1 - hot) * UPDATE_COST * shares)
    return total
