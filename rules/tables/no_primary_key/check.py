"""Tables in which no row has a name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from advisor.model.catalog import Index, Table
from advisor.model.finding import Severity
from advisor.model.lookup import Catalog
from advisor.model.offence import Offence
from advisor.model.rollup import live_rows, user_tables
from advisor.model.snapshot import Snapshot


def check(snapshot: Snapshot, catalog: Catalog, params: Mapping[str, Any]) -> Iterator[Offence]:
    for table in user_tables(snapshot, "rp"):
        indexes = catalog.indexes_by_table.get(table.relation, ())
        if table.is_partition or any(index.is_primary for index in indexes):
            continue
        rows = sum(live_rows(leaf) for leaf in catalog.leaves(table.relation))
        counters = [leaf.counters for leaf in catalog.leaves(table.relation) if leaf.counters is not None]
        changes = sum(c.n_tup_upd + c.n_tup_del for c in counters)
        key = next((index for index in indexes if _could_be_primary(catalog, table, index)), None)
        # PostgreSQL cannot promote an index of a partitioned table, nor one that already serves a constraint.
        promoted = key if key is not None and table.kind == "r" and key.constraint is None else None
        yield Offence(
            object=str(table.relation),
            evidence={"rows": rows, "changes": changes, "unique_index": str(key.relation) if key is not None else None},
            values={
                "table": table.relation,
                "index_name": promoted.name if promoted is not None else None,
                "index_ddl": promoted.definition if promoted is not None else "",
            },
            # A usable key exists in all but name, hardly anything is stored, or rows are only ever added.
            severity=Severity.LOW if key is not None or rows < params["min_rows"] or not changes else None,
            weight=rows,
        )


def _could_be_primary(catalog: Catalog, table: Table, index: Index) -> bool:
    columns = catalog.columns.get(table.relation, {})
    return (
        index.is_unique
        and index.is_valid
        and index.predicate is None
        and index.access_method == "btree"
        and not index.include
        and all(key.column in columns and columns[key.column].not_null for key in index.columns if key.column)
        # A primary key takes plain columns in the default order and operator class only.
        and all(
            key.column is not None and key.opclass_is_default and not key.descending and not key.nulls_first
            for key in index.columns
        )
    )
