"""What stands in the way of partitioning a table, and what is lost by it."""

from __future__ import annotations

from datetime import datetime, timedelta

from advisor.model.catalog import Column, Table
from advisor.model.lookup import Catalog
from advisor.retention.detect import is_time
from advisor.retention.plans.references import incoming_foreign_keys


def obstacles(table: Table, column: Column, newest: datetime | None, now: datetime, catalog: Catalog) -> list[str]:
    """Return why the table cannot become partitioned by `column`, as sentences without an end; empty when it can."""
    found: list[str] = []
    if table.kind != "r":
        found.append("it is partitioned already")
    if table.parents or table.parent is not None or catalog.partitions.get(table.relation):
        found.append("it takes part in inheritance")
    if table.persistence != "p":
        found.append("it is unlogged or temporary")
    if table.of_type is not None:
        found.append("it is a typed table")
    if column.generated:
        found.append(f"{column.name} is a generated column, which cannot be a partition key")
    if not is_time(column) and column.base_type.name not in ("int8", "int4"):
        found.append(f"{column.name} has the type {column.type}")
    keys = incoming_foreign_keys(table.relation, catalog)
    if keys:
        listed = ", ".join(f"{k.name} of {k.table}" for k in keys)
        found.append(
            f"foreign keys point at it ({listed}); a partitioned table can only be referred to by a key with its time"
        )
    for constraint in catalog.constraints_by_table.get(table.relation, ()):
        if constraint.type == "x":
            found.append(f"the exclusion constraint {constraint.name} cannot span partitions")
        if constraint.type in ("c", "f") and not constraint.validated:
            found.append(f"the constraint {constraint.name} is not validated; validate it first")
    if newest is not None and newest > now + timedelta(days=366):
        found.append("rows lie more than a year in the future; correct them first")
    if table.is_partition:
        found.append("it is a partition itself")
    return found


def losses(table: Table, column: Column, catalog: Catalog) -> list[str]:
    """Return what a partitioned table does not do any more."""
    found: list[str] = []
    for index in catalog.indexes_by_table.get(table.relation, ()):
        if index.is_unique and column.name not in [c.column for c in index.columns]:
            keys = ", ".join(c.key for c in index.columns)
            found.append(
                f"({keys}) alone is no longer unique over the whole table, only together with {column.name}: ON"
                f" CONFLICT ({keys})"
                " and foreign keys to it stop working"
                if index.is_primary
                else f"the unique index {index.name} ({keys}) holds only within the first partition; a plain index on"
                " the same columns goes on finding rows in all of them"
            )
        if index.is_replica_identity and not index.is_primary:
            found.append(f"the replica identity by index {index.name} is not carried over")
    if any(s.table == table.relation for s in catalog.snapshot.extended_statistics):
        found.append("extended statistics stay with the first partition; create them again on the new table")
    found.append(
        f"statements without a condition on {column.name} look into every partition: planning them takes longer with"
        " each one"
    )
    if table.row_security:
        found.append(
            "row security protects the new table by its policies; new partitions have it switched on without any, so"
            " that nobody but their owner reads them by their own names"
        )
    return found
