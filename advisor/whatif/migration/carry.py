"""Production's numbers for the schema after a migration: sizes, rows and statistics follow what it moved or renamed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from advisor.index_search.planner import Candidate
from advisor.index_search.size import estimate_index_size
from advisor.model.catalog import Index, Table
from advisor.model.lookup import Catalog
from advisor.model.names import RelationName
from advisor.model.snapshot import Snapshot
from advisor.model.statistics import ColumnStatistics, ExtendedStatistics
from advisor.whatif.migration.database import Base, Copy, admin_connection
from advisor.whatif.twin.files import BLOCK
from advisor.whatif.twin.servers import TwinServer

Collect = Callable[[str], Snapshot]  # DSN -> what is there

# The share of a table's rows that a new partial index is taken to hold; its predicate's is not known before it exists.
_PARTIAL = 0.25
_NAMES = """
select c.oid::int8, n.nspname, c.relname, a.attnum, a.attname
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
left join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where c.oid >= 16384 and c.relkind in ('r', 'p', 'm', 'f', 'i', 'I') and n.nspname !~ '^pg_'
"""


@dataclass(frozen=True)
class _Names:
    """Relations by OID, and their columns by OID and number."""

    relations: dict[int, RelationName]
    columns: dict[tuple[int, int], str]


def _names(server: TwinServer, database: str) -> _Names:
    relations: dict[int, RelationName] = {}
    columns: dict[tuple[int, int], str] = {}
    with admin_connection(server, database) as admin:
        for oid, schema, name, number, column in admin.execute(_NAMES):
            relations[oid] = RelationName(schema, name)
            if number is not None:
                columns[oid, number] = column
    return _Names(relations, columns)


def migrated_snapshot(snapshot: Snapshot, base: Base, copy: Copy, collect: Collect) -> Snapshot:
    """Return the snapshot production would give after the migration, were it analyzed since."""
    old, new = _names(base.server, base.name), _names(copy.server, copy.name)
    there = collect(copy.server.dsn(copy.name))
    before = {new.relations[oid]: name for oid, name in old.relations.items() if oid in new.relations}
    renamed = {name: moved for moved, name in before.items()}
    columns = {
        (name, column): new.columns[oid, number]
        for (oid, number), column in old.columns.items()
        if (name := old.relations[oid]) in renamed and (oid, number) in new.columns
    }
    return _dressed(snapshot, there, before, columns)


def production_on_schema(snapshot: Snapshot, base: Base, collect: Collect) -> tuple[Snapshot, list[str]]:
    """Return the snapshot of the schema file's objects with production's numbers, by name, and how the two differ."""
    there = collect(base.server.dsn(base.name))
    tables = {table.relation for table in snapshot.tables if table.kind in "rpm"}
    declared = {table.relation for table in there.tables if table.kind in "rpm"}
    columns = {(column.table, column.name): column.name for column in there.columns}
    names = {index.relation for index in there.indexes} & {index.relation for index in snapshot.indexes}
    before = {name: name for name in (tables & declared) | names}
    lines = []
    for what, only in (("schema file", declared - tables), ("snapshot", tables - declared)):
        if only:
            listed = ", ".join(sorted(str(name) for name in only)[:5])
            lines.append(f"Only in the {what}: {len(only)} table{'s' if len(only) > 1 else ''} ({listed}).")
    return _dressed(snapshot, there, before, columns), lines


def _dressed(
    snapshot: Snapshot,
    there: Snapshot,
    before: dict[RelationName, RelationName],
    columns: dict[tuple[RelationName, str], str],
) -> Snapshot:
    """Return `there` with production's numbers. `before`: name now -> production's; `columns` likewise, old to new."""
    renamed = {name: moved for moved, name in before.items()}
    tables = {table.relation: table for table in snapshot.tables}
    indexes = {index.relation: index for index in snapshot.indexes}
    after = replace(
        snapshot,
        schemas=there.schemas,
        tables=tuple(_table(table, tables.get(before.get(table.relation))) for table in there.tables),  # type: ignore[arg-type]
        columns=there.columns,
        indexes=tuple(_index(index, indexes.get(before.get(index.relation))) for index in there.indexes),  # type: ignore[arg-type]
        constraints=there.constraints,
        sequences=there.sequences,
        schema_objects=there.schema_objects,
        statistics=tuple(row for old_row in snapshot.statistics if (row := _column(old_row, renamed, columns))),
        extended_statistics=_extended(snapshot, there, renamed),
    )
    catalog = Catalog(after)
    sized = tuple(index if index.relation in before else _new_index(index, catalog) for index in after.indexes)
    return replace(after, indexes=sized)


def _table(table: Table, production: Table | None) -> Table:
    if production is None:
        return table
    return replace(
        table, relpages=production.relpages, reltuples=production.reltuples, relallvisible=production.relallvisible,
        size_bytes=production.size_bytes, toast_bytes=production.toast_bytes, indexes_bytes=production.indexes_bytes,
        owner=production.owner,
    )  # fmt: skip


def _index(index: Index, production: Index | None) -> Index:
    if production is None:
        return index
    return replace(
        index, size_bytes=production.size_bytes, relpages=production.relpages, reltuples=production.reltuples
    )


def _column(
    row: ColumnStatistics, renamed: dict[RelationName, RelationName], columns: dict[tuple[RelationName, str], str]
) -> ColumnStatistics | None:
    relation = renamed.get(row.relation)
    if relation is None:
        return None
    column = columns.get((row.relation, row.column))
    return replace(row, relation=relation, column=column) if column is not None else None


def _extended(
    snapshot: Snapshot, there: Snapshot, renamed: dict[RelationName, RelationName]
) -> tuple[ExtendedStatistics, ...]:
    """Return the statistics objects that are still there, with production's values."""
    kept = {(row.schema, row.name): row for row in there.extended_statistics}
    found = []
    for row in snapshot.extended_statistics:
        now = kept.pop((row.schema, row.name), None)
        if now is not None and renamed.get(row.table) == now.table:
            found.append(replace(row, table=now.table, definition=now.definition, columns=now.columns))
    return (*found, *kept.values())


def _new_index(index: Index, catalog: Catalog) -> Index:
    rows = max(catalog.rows(index.table), 0.0)
    if index.is_partitioned or rows == 0:
        return index
    candidate = Candidate(
        table=index.table,
        access_method=index.access_method,
        columns=index.columns,
        include=index.include,
        predicate=index.predicate,
        reloptions=index.reloptions,
    )
    size = estimate_index_size(candidate, catalog, rows * _PARTIAL if index.predicate is not None else None)
    return replace(index, size_bytes=size.pages * BLOCK, relpages=size.pages, reltuples=size.rows)
