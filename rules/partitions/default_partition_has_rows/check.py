"""Default partitions that are not empty."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.finding import Confidence, Severity
from advisor.model.lookup import Catalog
from advisor.model.offence import Offence
from advisor.model.rollup import live_rows
from advisor.model.snapshot import Snapshot


def check(snapshot: Snapshot, catalog: Catalog) -> Iterator[Offence]:
    for table in snapshot.tables:
        if not table.is_default_partition or table.parent is None or table.extension is not None:
            continue
        leaves = catalog.leaves(table.relation)
        rows = sum(live_rows(leaf) for leaf in leaves)
        size = sum(leaf.size_bytes or 0 for leaf in leaves)
        if not rows and not size:
            continue
        known_empty = rows == 0 and all(leaf.reltuples == 0 for leaf in leaves) and snapshot.server.major >= 14
        if known_empty:  # vacuumed empty: the pages will be reused
            continue
        parent = catalog.tables.get(table.parent)
        by_range = parent is not None and parent.partition_strategy == "r"
        yield Offence(
            object=str(table.relation),
            evidence={"parent": str(table.parent), "rows": rows, "size_bytes": size, "range": by_range},
            # A list's default is often meant as "all others".
            severity=None if by_range else Severity.INFO,
            confidence=Confidence.HIGH if rows else None,
            weight=size,
        )
