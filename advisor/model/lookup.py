"""Indexes over a snapshot, built once per analysis."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property

from advisor.model.catalog import Column, Constraint, Index, Table
from advisor.model.names import RelationName
from advisor.model.snapshot import Snapshot
from advisor.model.statistics import ColumnStatistics

# What the planner takes for the width of a text nobody has analyzed, and for a row's header and line pointer.
_UNKNOWN_WIDTH, _ROW_OVERHEAD = 32, 28


class Catalog:
    """Lookups over one snapshot's catalog."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot

    @cached_property
    def tables(self) -> dict[RelationName, Table]:
        return {table.relation: table for table in self.snapshot.tables}

    @cached_property
    def columns(self) -> dict[RelationName, dict[str, Column]]:
        found: dict[RelationName, dict[str, Column]] = defaultdict(dict)
        for column in self.snapshot.columns:
            found[column.table][column.name] = column
        return dict(found)

    @cached_property
    def indexes_by_table(self) -> dict[RelationName, tuple[Index, ...]]:
        found: dict[RelationName, list[Index]] = defaultdict(list)
        for index in self.snapshot.indexes:
            found[index.table].append(index)
        return {name: tuple(indexes) for name, indexes in found.items()}

    @cached_property
    def constraints_by_table(self) -> dict[RelationName, tuple[Constraint, ...]]:
        found: dict[RelationName, list[Constraint]] = defaultdict(list)
        for constraint in self.snapshot.constraints:
            found[constraint.table].append(constraint)
        return {name: tuple(constraints) for name, constraints in found.items()}

    @cached_property
    def partitions(self) -> dict[RelationName, tuple[Table, ...]]:
        """Direct partitions and inheritance children by parent."""
        found: dict[RelationName, list[Table]] = defaultdict(list)
        for table in self.snapshot.tables:
            if table.parent is not None:
                found[table.parent].append(table)
        return {name: tuple(tables) for name, tables in found.items()}

    @cached_property
    def _statistics(self) -> dict[tuple[RelationName, str, bool], ColumnStatistics]:
        return {(row.relation, row.column, row.inherited): row for row in self.snapshot.statistics}

    def statistics(self, relation: RelationName, column: str) -> ColumnStatistics | None:
        """Return the column's statistics: of the whole tree where it has children, else its own,
        else those of the nearest partitioned parent."""
        for name in (relation, *self.ancestors(relation)):
            for inherited in (True, False):
                row = self._statistics.get((name, column, inherited))
                if row is not None:
                    return row
        return None

    def ancestors(self, relation: RelationName) -> tuple[RelationName, ...]:
        """Return the parents of a partition, nearest first."""
        found: list[RelationName] = []
        table = self.tables.get(relation)
        while table is not None and table.parent is not None and table.parent not in found:
            found.append(table.parent)
            table = self.tables.get(table.parent)
        return tuple(found)

    def leaves(self, relation: RelationName) -> tuple[Table, ...]:
        """Return the tables with storage under `relation`, itself included when it has storage."""
        table = self.tables.get(relation)
        own = (table,) if table is not None and table.kind != "p" else ()
        return own + tuple(leaf for child in self.partitions.get(relation, ()) for leaf in self.leaves(child.relation))

    def rows(self, relation: RelationName) -> float:
        """Return the estimated live rows, over all leaves; where nobody has analyzed them, what was counted or what
        their files hold."""
        return sum(self._rows(leaf) for leaf in self.leaves(relation))

    def _rows(self, table: Table) -> float:
        # 13 has 0 for "never analyzed", as for "empty".
        if table.reltuples > 0 or table.relpages > 0 or not table.size_bytes:
            return max(table.reltuples, 0.0)
        if table.counters is not None and table.counters.n_live_tup > 0:
            return float(table.counters.n_live_tup)
        widths = (c.typlen if c.typlen > 0 else _UNKNOWN_WIDTH for c in self.columns.get(table.relation, {}).values())
        return float(table.size_bytes // (_ROW_OVERHEAD + sum(widths)))
