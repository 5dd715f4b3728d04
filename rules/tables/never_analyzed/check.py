"""Tables, and partitioned tables as a whole, that the planner knows nothing about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from advisor.model.finding import Severity
from advisor.model.lookup import Catalog
from advisor.model.offence import Offence
from advisor.model.rollup import live_rows, statistics_visible, user_tables
from advisor.model.snapshot import Snapshot


def check(snapshot: Snapshot, catalog: Catalog, params: Mapping[str, Any]) -> Iterator[Offence]:
    analyzed = {row.relation for row in snapshot.statistics}
    for table in user_tables(snapshot, "rmp"):
        if table.relation in analyzed or not catalog.columns.get(table.relation, {"": None}):
            continue
        counters = table.counters
        if counters is not None and (counters.last_analyze or counters.last_autoanalyze):
            continue
        leaves = catalog.leaves(table.relation)
        size = sum(leaf.size_bytes or 0 for leaf in leaves)
        if size < params["min_size"]:
            continue
        if table.kind == "p":
            # A single level is enough: sub-partitioned parents are analyzed with the root.
            if table.is_partition or not statistics_visible(snapshot, table):
                continue
        # What may not be seen is not missing, unless ANALYZE or CREATE INDEX never left a row count either.
        elif not statistics_visible(snapshot, table) and table.reltuples > 0:
            continue
        yield Offence(
            object=str(table.relation),
            evidence={
                "size_bytes": size,
                "rows": sum(live_rows(leaf) for leaf in leaves),
                "partitions": len(leaves) if table.kind == "p" else 0,
                "partitioned": table.kind == "p",
            },
            values={"table": table.relation},
            severity=Severity.LOW if table.kind == "p" else None,
            weight=size,
        )
