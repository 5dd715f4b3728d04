"""Columns of the textual type json."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.lookup import Catalog
from advisor.model.offence import Offence
from advisor.model.rollup import live_rows, user_tables
from advisor.model.snapshot import Snapshot


def check(snapshot: Snapshot, catalog: Catalog) -> Iterator[Offence]:
    for table in user_tables(snapshot, "rp"):
        columns = [c for c in catalog.columns.get(table.relation, {}).values() if c.is_local]
        names = [c.name for c in columns if (c.base_type.schema, c.base_type.name) == ("pg_catalog", "json")]
        if names and not table.is_partition:
            rows = sum(live_rows(leaf) for leaf in catalog.leaves(table.relation))
            yield Offence(
                object=str(table.relation),
                evidence={"columns": names, "rows": rows},
                values={"table": table.relation},
                weight=rows,
            )
