"""Tables with autovacuum_enabled = off."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.autovacuum import autovacuum_disabled
from advisor.model.lookup import Catalog
from advisor.model.offence import Offence
from advisor.model.rollup import by_root, live_rows, user_tables
from advisor.model.snapshot import Snapshot


def check(snapshot: Snapshot, catalog: Catalog) -> Iterator[Offence]:
    found = [table for table in user_tables(snapshot, "rm") if autovacuum_disabled(table)]
    for root, tables in by_root(catalog, found).items():
        yield Offence(
            object=str(root),
            evidence={
                "tables": [str(table.relation) for table in tables],
                "rows": sum(live_rows(table) for table in tables),
                "dead": sum(table.counters.n_dead_tup for table in tables if table.counters),
                "partitioned": tables[0].is_partition,
            },
            values={"names": [table.relation for table in tables]},
            weight=sum(table.size_bytes or 0 for table in tables),
        )
