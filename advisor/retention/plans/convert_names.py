"""Every name that a conversion to partitions needs, chosen once: none may be taken, and all must fit."""

from __future__ import annotations

from dataclasses import dataclass

from advisor.model.catalog import Column, Index, Table
from advisor.model.lookup import Catalog
from advisor.model.names import RelationName
from advisor.retention.plans.plan import free_name, shorten


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """Every name the script needs, chosen once."""

    table: RelationName
    legacy: RelationName
    parted: RelationName
    bound: str
    not_null: str
    new_key: str
    old_key: str
    renamed: tuple[tuple[str, str, str], ...]  # index now, of the legacy partition, of the parent when undone
    plain: tuple[tuple[Index, str], ...]  # unique indexes without the time, and the plain one in their place


def choose_names(table: Table, column: Column, catalog: Catalog) -> Names:
    """Return the names for `table`, partitioned by `column`."""
    schema, name = table.schema, table.name
    key = primary_key(table, catalog)
    others = [i for i in catalog.indexes_by_table.get(table.relation, ()) if i is not key]
    renamed: list[tuple[str, str, str]] = []
    for index in others:
        used = {new for _, *names in renamed for new in names}
        later = free_name(index.schema, index.name, "_legacy", catalog, used)
        renamed.append((index.name, later, free_name(index.schema, index.name, "_partitioned", catalog, used)))
    plain: list[tuple[Index, str]] = []
    for index in others:
        if index.is_unique and index.is_valid and column.name not in [c.column for c in index.columns]:
            # Uniqueness ends with the first partition; finding a row by these columns must not.
            used = {new for triple in renamed for new in triple}
            own = free_name(index.schema, index.name, "_plain", catalog, used)
            later = free_name(index.schema, own, "_legacy", catalog, used)
            renamed.append((own, later, free_name(index.schema, own, "_partitioned", catalog, used)))
            plain.append((index, own))
    return Names(
        table=table.relation,
        legacy=RelationName(schema, free_name(schema, name, "_legacy", catalog)),
        parted=RelationName(schema, free_name(schema, name, "_partitioned", catalog)),
        bound=shorten(name, 50) + "_legacy_bound",
        not_null=shorten(name, 50) + "_time_set",
        new_key=free_name(schema, name, "_legacy_key", catalog),
        old_key=free_name(schema, name, "_undo_key", catalog),
        renamed=tuple(renamed),
        plain=tuple(plain),
    )


def primary_key(table: Table, catalog: Catalog) -> Index | None:
    """Return the index of the primary key."""
    return next((i for i in catalog.indexes_by_table.get(table.relation, ()) if i.is_primary), None)
