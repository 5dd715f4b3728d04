"""Partitions gathered under the table people know: the root of their tree."""

from __future__ import annotations

from collections.abc import Iterable

from advisor.model.catalog import Table
from advisor.model.lookup import Catalog
from advisor.model.names import RelationName
from advisor.model.snapshot import Snapshot

STORED = frozenset("rmp")  # tables, materialized views, partitioned tables


def root_of(catalog: Catalog, table: Table) -> RelationName:
    """Return the top of the table's partition tree, or the table itself."""
    ancestors = catalog.ancestors(table.relation) if table.is_partition else ()
    return ancestors[-1] if ancestors else table.relation


def by_root(catalog: Catalog, tables: Iterable[Table]) -> dict[RelationName, list[Table]]:
    """Return the tables grouped by root, in the order they came."""
    found: dict[RelationName, list[Table]] = {}
    for table in tables:
        found.setdefault(root_of(catalog, table), []).append(table)
    return found


def user_tables(snapshot: Snapshot, kinds: str = "r") -> Iterable[Table]:
    """Return the tables of these kinds that belong to people: neither temporary nor part of an extension."""
    return (t for t in snapshot.tables if t.kind in kinds and t.persistence != "t" and t.extension is None)


def live_rows(table: Table) -> float:
    """Return the best estimate of live rows: the planner's, else the statistics collector's; 0 when unknown."""
    counted = table.counters.n_live_tup if table.counters is not None else 0
    return max(table.reltuples, 0.0) if table.reltuples > 0 else float(counted)


def statistics_visible(snapshot: Snapshot, table: Table) -> bool:
    """Return whether the role sees all of pg_stats for this table: missing rows then mean missing statistics."""
    server = snapshot.server
    if server.is_superuser:
        return True
    if table.row_security:
        return False
    return table.owner == server.user or "pg_read_all_data" in server.memberships
