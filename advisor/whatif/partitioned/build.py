"""Puts a partitioned stand-in in the place of a table of the twin, and the table back afterwards.

The schema's code (defaults, expressions of indexes, conditions) runs as the twin's owner; sizes and statistics are
written by its superuser, which runs none of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import psycopg
from psycopg import sql

from advisor.errors import TwinFailed
from advisor.index_search.planner import Candidate
from advisor.model.catalog import Index, Table
from advisor.model.names import RelationName, quote_ident
from advisor.model.statistics import ColumnStatistics
from advisor.retention.moments import literal_sql
from advisor.retention.plans.plan import shorten
from advisor.retention.trials import PartitionShape
from advisor.whatif.ddl import candidate_ddl
from advisor.whatif.partitioned.divide import Part, divide, part_statistics
from advisor.whatif.twin.build import Twin
from advisor.whatif.twin.files import BLOCK
from advisor.whatif.twin.heights import height_of
from advisor.whatif.twin.sizes import Numbers, TwinRelation, apply_numbers, read_relations, resize_files
from advisor.whatif.twin.statistics import StatisticsWriter

_PREFIX = "pgadvise_p"
_LEAF_INDEXES = """
select t.relname, i.inhparent::pg_catalog.regclass::oid::int8, i.inhrelid::oid::int8, c.relname
  from pg_catalog.pg_inherits i
  join pg_catalog.pg_class c on c.oid = i.inhrelid
  join pg_catalog.pg_index x on x.indexrelid = i.inhrelid
  join pg_catalog.pg_class t on t.oid = x.indrelid
 where i.inhparent = any (%s::oid[])
 order by t.relname
"""
_VIEWS = """
select distinct n.nspname, v.relname, pg_catalog.pg_get_viewdef(v.oid)
  from pg_catalog.pg_depend d
  join pg_catalog.pg_rewrite r on r.oid = d.objid
  join pg_catalog.pg_class v on v.oid = r.ev_class
  join pg_catalog.pg_namespace n on n.oid = v.relnamespace
 where d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
   and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
   and d.refobjid = %s and v.oid <> d.refobjid and v.relkind = 'v'
"""


@dataclass(frozen=True, slots=True)
class _NewIndex:
    """An index of the parent with what it was made from."""

    source: Index
    name: str
    oid: int


@contextmanager
def partitioned(twin: Twin, connection: psycopg.Connection[Any], shape: PartitionShape) -> Iterator[None]:
    """Let a partitioned table stand in for `shape.table` within the block: partitions, indexes, statistics, sizes.

    `connection` is a session of the twin's owner, outside a transaction. Raises psycopg.Error when the server refuses
    a part of it, with everything as it was; TwinFailed when the table cannot be put back.
    """
    table = twin.catalog.tables[shape.table]
    key = twin.catalog.statistics(shape.table, shape.column.name)
    if key is None:
        raise ValueError(f"{shape.table}.{shape.column.name} has no statistics to divide")
    parts = divide(shape, key)
    with connection.transaction():
        connection.execute("set local search_path = ''")
        views = connection.execute(_VIEWS, (twin.relations[shape.table].oid,)).fetchall()
        leaves = _create_tables(connection, table, shape)
        indexes = _create_indexes(twin, connection, table, shape)
        _create_views(connection, views)
        for item in twin.snapshot.schema_objects:
            if item.kind == "policy" and item.relations == (shape.table,):
                connection.execute(item.ddl.encode())
    try:
        sizes = _sizes(twin, twin.admin, table, parts, leaves, indexes)
        heights = {relation.oid: height for relation, _, height in sizes if height}
        resize_files(twin.files, [(relation, numbers) for relation, numbers, _ in sizes], heights)
        apply_numbers(twin.admin, [(relation, numbers) for relation, numbers, _ in sizes])
        _write_statistics(twin, shape, key, parts, leaves, indexes)
        yield
    finally:
        try:
            _put_back(connection, table, views)
        except psycopg.Error as error:
            reason = (error.diag.message_primary or str(error)).strip().splitlines()[0]
            raise TwinFailed(f"The twin's table {shape.table} could not be put back: {reason}.") from error


def _create_views(connection: psycopg.Connection[Any], views: list[Any]) -> None:
    for schema, name, definition in views:
        head = sql.SQL("create or replace view {} as ").format(sql.Identifier(schema, name))
        connection.execute(head + sql.SQL(definition.rstrip(";")))


def _put_back(connection: psycopg.Connection[Any], table: Table, views: list[Any]) -> None:
    own, gone = table.relation, _aside(table, "new")
    with connection.transaction():
        connection.execute("set local search_path = ''")
        connection.execute(f"alter table {own} rename to {quote_ident(gone.name)}".encode())
        connection.execute(f"alter table {_aside(table, 'old')} rename to {quote_ident(own.name)}".encode())
        _create_views(connection, views)
        connection.execute(f"drop table {gone}".encode())


def _aside(table: Table, what: str) -> RelationName:
    """Return a name that no table of production has."""
    return RelationName(table.schema, f"{shorten(table.name, 40)}_pgadvise_{what}")


def _create_tables(connection: psycopg.Connection[Any], table: Table, shape: PartitionShape) -> list[RelationName]:
    """Rename the table, create the partitioned one and its partitions; return their names."""
    own = table.relation
    column = quote_ident(shape.column.name)
    statements = [
        f"alter table {own} rename to {quote_ident(_aside(table, 'old').name)}",
        f"create table {own} (like {_aside(table, 'old')} including defaults including constraints including generated"
        f" including storage) partition by range ({column})",
    ]
    leaves = []
    for number, (lower, upper) in enumerate(shape.bounds):
        leaf = _aside(table, str(number))
        low = "minvalue" if lower is None else literal_sql(shape.column, lower, shape.unit)
        high = literal_sql(shape.column, upper, shape.unit)
        options = f" with ({', '.join(table.reloptions)})" if table.reloptions else ""
        statements.append(f"create table {leaf} partition of {own} for values from ({low}) to ({high}){options}")
        leaves.append(leaf)
    for statement in statements:
        connection.execute(statement.encode())
    return leaves


def _create_indexes(
    twin: Twin, connection: psycopg.Connection[Any], table: Table, shape: PartitionShape
) -> list[_NewIndex]:
    """Create the table's indexes on the parent: a key gets the time column, other unique indexes become plain."""
    made = []
    for number, index in enumerate(twin.catalog.indexes_by_table.get(table.relation, ())):
        if not index.is_valid or index.relation not in twin.relations or index.is_exclusion:
            continue
        columns = tuple(c.column for c in index.columns)
        name = f"{_PREFIX}{number}"
        if index.is_primary:
            listed = [c for c in columns if c is not None]
            if shape.column.name not in listed:
                listed.append(shape.column.name)
            keys = ", ".join(quote_ident(c) for c in listed)
            statement = f"alter table {table.relation} add constraint {name} primary key ({keys})"
        else:
            candidate = Candidate(
                table=table.relation, access_method=index.access_method, columns=index.columns,
                include=index.include, predicate=index.predicate, reloptions=index.reloptions,
            )  # fmt: skip
            statement = candidate_ddl(candidate, name)
            if index.is_unique and shape.column.name in columns:
                statement = statement.replace("create index", "create unique index", 1)
        connection.execute(statement.encode("utf-8", "surrogateescape"))
        full = RelationName(table.schema, name)
        row = connection.execute("select %s::pg_catalog.regclass::oid::int8", (str(full),)).fetchone()
        if row is not None:
            made.append(_NewIndex(index, name, row[0]))
    return made


def _sizes(
    twin: Twin,
    connection: psycopg.Connection[Any],
    table: Table,
    parts: tuple[Part, ...],
    leaves: list[RelationName],
    indexes: list[_NewIndex],
) -> list[tuple[TwinRelation, Numbers, int]]:
    """Return (relation, size, B-tree height) of every partition and index that holds rows.

    An empty partition ahead stays as it was made: the planner takes it for a new table of ten pages, in production
    too. One between others has been analyzed, and counts as empty.
    """
    whole = twin.numbers[table.relation]
    by_leaf = dict(zip((leaf.name for leaf in leaves), parts, strict=True))
    rows = connection.execute(_LEAF_INDEXES, ([i.oid for i in indexes],)).fetchall()
    oids = [row[2] for row in rows]
    oids += [
        row[0]
        for row in connection.execute(
            "select c.oid::int8 from pg_catalog.pg_class c where c.relname = any (%s) and c.relkind = 'r'",
            (list(by_leaf),),
        ).fetchall()
    ]
    relations = read_relations(connection, oids)
    found: list[tuple[TwinRelation, Numbers, int]] = []
    for leaf in leaves:
        share = by_leaf[leaf.name].share
        if share > 0:
            pages = max(round(whole.file_bytes / BLOCK * share), 1)
            visible = min(round(whole.relallvisible * share), pages)
            found.append((relations[leaf], Numbers(pages * BLOCK, pages, max(whole.reltuples, 0) * share, visible), 0))
        elif by_leaf[leaf.name].high < 1:
            found.append((relations[leaf], Numbers(0, 0, 0.0), 0))
    sources = {index.oid: index.source for index in indexes}
    for leaf_name, parent, _, name in rows:
        source, share = sources[parent], by_leaf[leaf_name].share
        if share <= 0:
            continue
        numbers = twin.numbers[source.relation]
        pages = max(round(numbers.file_bytes / BLOCK * share), 2)
        count = max(numbers.reltuples, 0.0) * share
        height = 0
        if source.access_method == "btree":
            height = height_of(source.columns, table.relation, twin.catalog, pages, count, unique=source.is_unique)
        found.append((relations[RelationName(table.schema, name)], Numbers(pages * BLOCK, pages, count), height))
    return found


def _write_statistics(
    twin: Twin,
    shape: PartitionShape,
    key: ColumnStatistics,
    parts: tuple[Part, ...],
    leaves: list[RelationName],
    indexes: list[_NewIndex],
) -> None:
    rows = max(twin.numbers[shape.table].reltuples, 1.0)
    own = [r for r in twin.snapshot.statistics if r.relation == shape.table and not r.inherited]
    by_index = {i.oid: [r for r in twin.snapshot.statistics if r.relation == i.source.relation] for i in indexes}
    written = [replace(row, inherited=True) for row in own]
    shares = {leaf.name: part for leaf, part in zip(leaves, parts, strict=True)}
    for leaf, part in zip(leaves, parts, strict=True):
        if part.share > 0:
            written += [part_statistics(row, part, rows, shape, key, leaf) for row in own]
    for leaf_name, parent, _, name in twin.admin.execute(_LEAF_INDEXES, (list(by_index),)).fetchall():
        part = shares[leaf_name]
        index = RelationName(shape.table.schema, name)
        if part.share > 0:
            written += [part_statistics(row, part, rows, shape, key, index) for row in by_index[parent]]
    StatisticsWriter(twin.admin).write(written)
