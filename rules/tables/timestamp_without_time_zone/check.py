"""Columns of type timestamp without time zone, as one finding: they are a convention of the whole schema."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.lookup import Catalog
from advisor.model.names import quote_ident
from advisor.model.offence import Offence
from advisor.model.rollup import user_tables
from advisor.model.snapshot import Snapshot


def check(snapshot: Snapshot, catalog: Catalog) -> Iterator[Offence]:
    found = [
        f"{table.relation.display()}.{quote_ident(column.name)}"
        for table in user_tables(snapshot, "rp")
        if not table.is_partition
        for column in catalog.columns.get(table.relation, {}).values()
        if (column.base_type.schema, column.base_type.name) == ("pg_catalog", "timestamp")
    ]
    if found:
        yield Offence(object="database", evidence={"columns": found})
