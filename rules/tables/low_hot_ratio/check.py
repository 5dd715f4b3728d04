"""Much updated tables whose updates are not heap-only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from advisor.model.autovacuum import option
from advisor.model.finding import Confidence
from advisor.model.lookup import Catalog
from advisor.model.offence import Offence
from advisor.model.rollup import by_root, user_tables
from advisor.model.snapshot import Snapshot

# A share of updates that moved to another page for want of room, from which on room is the cause.
_CROWDED = 0.2


def check(snapshot: Snapshot, catalog: Catalog, params: Mapping[str, Any]) -> Iterator[Offence]:
    for root, tables in by_root(catalog, user_tables(snapshot)).items():
        counters = [table.counters for table in tables if table.counters is not None]
        updates = sum(c.n_tup_upd for c in counters)
        if updates < params["min_updates"]:
            continue
        hot_fraction = sum(c.n_tup_hot_upd for c in counters) / updates
        indexes = max(len(catalog.indexes_by_table.get(table.relation, ())) for table in tables)
        if hot_fraction > params["max_hot_fraction"] or not indexes:
            continue
        cause, new_page_fraction, confidence = "", None, Confidence.LOW
        if all(c.n_tup_newpage_upd is not None for c in counters):
            new_page_fraction = sum(c.n_tup_newpage_upd or 0 for c in counters) / updates
            cause = "full pages" if new_page_fraction >= _CROWDED else "indexed columns"
            confidence = Confidence.HIGH
        # Somebody has already made room.
        untuned = [table for table in tables if option(table, "fillfactor") is None]
        if not untuned and cause != "indexed columns":
            continue
        yield Offence(
            object=str(root),
            evidence={
                "updates": updates,
                "hot_fraction": hot_fraction,
                "new_page_fraction": new_page_fraction,
                "indexes": indexes,
                "cause": cause,
            },
            values={"names": [table.relation for table in untuned]},
            confidence=confidence,
            weight=updates * (1 - hot_fraction) * indexes,
        )
