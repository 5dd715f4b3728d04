"""Tables whose rows do not survive a crash."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.lookup import Catalog
from advisor.model.offence import Offence
from advisor.model.rollup import by_root, live_rows, user_tables
from advisor.model.snapshot import Snapshot


def check(snapshot: Snapshot, catalog: Catalog) -> Iterator[Offence]:
    found = [table for table in user_tables(snapshot, "r") if table.persistence == "u"]
    for root, tables in by_root(catalog, found).items():
        size = sum(table.size_bytes or 0 for table in tables)
        yield Offence(
            object=str(root),
            evidence={
                "rows": sum(live_rows(table) for table in tables),
                "size_bytes": size,
                "tables": [str(table.relation) for table in tables],
            },
            values={"names": [table.relation for table in tables]},
            weight=size,
        )
