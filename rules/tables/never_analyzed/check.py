"""Tables, and partitioned tables as a whole, that the planner knows nothing about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from advisor.model.catalog import Table
from advisor.model.finding import Severity
from advisor.model.lookup import Catalog
from advisor.model.names import RelationName
from advisor.model.offence import Offence
from advisor.model.rollup import by_root, live_rows, statistics_visible, user_tables
from advisor.model.snapshot import Snapshot


def check(snapshot: Snapshot, catalog: Catalog, params: Mapping[str, Any]) -> Iterator[Offence]:
    analyzed = {row.relation for row in snapshot.statistics}
    found = [table for table in user_tables(snapshot, "rm") if _without(snapshot, catalog, table, analyzed)]
    reported: set[RelationName] = set()
    for root, tables in by_root(catalog, found).items():
        if sum(table.size_bytes or 0 for table in tables) < params["min_size"]:
            continue
        reported.add(root)
        # ANALYZE of a partitioned table gathers the statistics of all its partitions, too.
        whole = tables[0].is_partition and root not in analyzed
        yield _offence(root, tables, [root] if whole else [table.relation for table in tables], parent=False)
    for table in user_tables(snapshot, "p"):
        # Sub-partitioned parents are analyzed with the root.
        if table.is_partition or table.relation in reported or not statistics_visible(snapshot, table):
            continue
        leaves = catalog.leaves(table.relation)
        large = sum(leaf.size_bytes or 0 for leaf in leaves) >= params["min_size"]
        if large and _without(snapshot, catalog, table, analyzed):
            yield _offence(table.relation, leaves, [table.relation], parent=True)


def _without(snapshot: Snapshot, catalog: Catalog, table: Table, analyzed: set[RelationName]) -> bool:
    """Return whether the planner knows nothing of the table's values."""
    if table.relation in analyzed or not catalog.columns.get(table.relation, {"": None}):
        return False
    counters = table.counters
    if counters is not None and (counters.last_analyze or counters.last_autoanalyze):
        return False
    # What may not be seen is not missing, unless ANALYZE or CREATE INDEX never left a row count either.
    return statistics_visible(snapshot, table) or table.reltuples <= 0


def _offence(root: RelationName, tables: Sequence[Table], names: list[RelationName], *, parent: bool) -> Offence:
    size = sum(table.size_bytes or 0 for table in tables)
    return Offence(
        object=str(root),
        evidence={
            "size_bytes": size,
            "rows": sum(live_rows(table) for table in tables),
            "tables": [str(table.relation) for table in tables],
            "partitioned": parent,
        },
        values={"names": names, "partitions": len(tables)},
        severity=Severity.LOW if parent else None,
        weight=size,
    )
