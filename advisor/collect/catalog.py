"""Reads relations, columns, indexes, constraints and sequences: a few set-based queries, however many there are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import psycopg

from advisor.collect.index_definitions import IndexColumnRow, compose_definition, index_columns, split_expressions
from advisor.collect.privileges import counted, grant_sequences
from advisor.collect.reader import Reader, why
from advisor.model import catalog
from advisor.model.catalog import Column, Constraint, Index, Schema, Table, TableCounters
from advisor.model.names import RelationName
from advisor.model.snapshot import Gap
from advisor.resources import sql_text

# Reading a sequence's value locks the sequence until the transaction ends; the lock table is shared with everybody.
_SEQUENCES_AT_ONCE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexRow:
    """One row of sql/indexes.sql; texts of expressions and predicate as deparsed and in readable form."""

    oid: int
    schema: str
    name: str
    table: RelationName
    access_method: str
    key_columns: int
    has_expressions: bool
    has_predicate: bool
    expressions: str | None
    expressions_pretty: str | None
    predicate: str | None
    predicate_pretty: str | None
    is_unique: bool
    nulls_not_distinct: bool
    is_primary: bool
    is_exclusion: bool
    is_valid: bool
    is_ready: bool
    is_live: bool
    is_replica_identity: bool
    is_clustered: bool
    being_built: bool
    constraint: str | None
    is_partitioned: bool
    parent: RelationName | None
    reloptions: tuple[str, ...]
    tablespace: str | None
    relpages: int
    reltuples: float
    extension: str | None
    idx_scan: int | None
    idx_tup_read: int | None
    idx_tup_fetch: int | None
    last_idx_scan: datetime | None = None


_COPIED = tuple(
    name for name in Index.__dataclass_fields__ if name in IndexRow.__dataclass_fields__ and name != "predicate"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceRow:
    """One row of sql/sequences.sql."""

    oid: int
    schema: str
    name: str
    data_type: str
    start_value: int
    min_value: int
    max_value: int
    increment_by: int
    cycle: bool
    readable: bool
    owned_by: RelationName | None
    owned_by_column: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeRow:
    """One row of sql/relation_sizes.sql."""

    oid: int
    kind: str  # r m t i
    owner: int | None  # the table of an index or TOAST table
    size_bytes: int | None
    estimated_bytes: int


def collect_schemas(reader: Reader) -> tuple[Schema, ...]:
    """Return the schemas made by users."""
    return reader.rows("schemas", Schema, what="schemas", costs="names are resolved without them")


def collect_tables(reader: Reader) -> tuple[Table, ...]:
    """Return tables of every kind and views with their counters; sizes come later, from `with_sizes`."""
    tables = reader.rows("tables", Table, what="tables", costs="there is nothing to report on")
    counters = reader.dicts(
        sql_text("table_counters", reader.major),
        name="table_counters",
        what="counters of tables (pg_stat_all_tables)",
        costs="vacuum, bloat and unused-index findings are missing",
    )
    by_oid = _counters_by_oid(reader, counters)
    _tell_of_locked(reader, tables)
    return tuple(
        replace(table, parent=table.parents[0] if table.parents else None, counters=by_oid.get(table.oid))
        for table in tables
    )


def _counters_by_oid(reader: Reader, found: Sequence[Mapping[str, Any]]) -> dict[int, TableCounters]:
    oids = [row["oid"] for row in found]
    bare = [{name: value for name, value in row.items() if name != "oid"} for row in found]
    converted = reader.convert(bare, TableCounters, what="counters of tables")
    return dict(zip(oids, converted, strict=True)) if len(converted) == len(oids) else {}


def _tell_of_locked(reader: Reader, tables: Iterable[Table]) -> None:
    held = set(reader.locked)
    names = sorted(table.relation.display() for table in tables if table.oid in held)
    if names:
        reader.gaps.append(
            Gap(
                what=f"parts of {counted(names, 'locked table')}",
                why="another session holds or wants them exclusively, and pgadvise does not wait for locks",
                fix="run pgadvise again when that session is done",
                costs="their sizes are estimates; defaults, check constraints and expression indexes are missing",
            )
        )


def collect_columns(reader: Reader) -> tuple[Column, ...]:
    """Return the columns of all tables and views."""
    return reader.rows("columns", Column, what="columns", costs="no index can be proposed")


def collect_constraints(reader: Reader) -> tuple[Constraint, ...]:
    """Return the constraints of all tables."""
    return reader.rows(
        "constraints",
        Constraint,
        what="constraints",
        costs="foreign keys without an index are not found, and no index is called droppable",
    )


def collect_indexes(reader: Reader) -> tuple[Index, ...]:
    """Return the indexes with composed definitions; of locked tables only those without expressions."""
    what = "indexes"
    costs = "existing indexes are unknown: proposals may repeat them, and nothing is dropped"
    rows = reader.rows(what, IndexRow, what=what, costs=costs)
    columns: dict[int, list[IndexColumnRow]] = defaultdict(list)
    for column in reader.rows("index_columns", IndexColumnRow, what=what, costs=costs):
        columns[column.oid].append(column)
    return tuple(
        _index(row, columns[row.oid])
        for row in rows
        if columns[row.oid]
        and (row.expressions is not None or not row.has_expressions)
        and (row.predicate is not None or not row.has_predicate)
    )


def _index(row: IndexRow, columns: Sequence[IndexColumnRow]) -> Index:
    keys = columns[: row.key_columns]
    plain, pretty = (iter(split_expressions(text)) for text in (row.expressions, row.expressions_pretty))
    written = [(column, next(plain, None) if column.column is None else None) for column in keys]
    readable = [(column, next(pretty, None) if column.column is None else None) for column in keys]
    include = tuple(column.column for column in columns[row.key_columns :] if column.column is not None)
    definition = compose_definition(
        name=row.name,
        table=row.table,
        method=row.access_method,
        keys=written,
        include=include,
        unique=row.is_unique,
        nulls_not_distinct=row.nulls_not_distinct,
        only=row.is_partitioned,
        reloptions=row.reloptions,
        predicate=row.predicate,
        can_order=row.access_method == "btree",
    )
    return Index(
        **{name: getattr(row, name) for name in _COPIED},
        definition=definition,
        columns=index_columns(readable),
        include=include,
        predicate=row.predicate_pretty,
    )


def with_sizes(
    reader: Reader, tables: tuple[Table, ...], indexes: tuple[Index, ...]
) -> tuple[tuple[Table, ...], tuple[Index, ...]]:
    """Return both with the bytes of their main forks; where the size cannot be had, relpages gives an estimate."""
    name = "relation_sizes"
    answer = reader.attempt(sql_text(name, reader.major), name=name)
    if isinstance(answer, psycopg.Error):
        reader.gaps.append(
            Gap(what="sizes of relations", why=why(answer), costs="sizes are what the last vacuum or analyze noted")
        )
        answer = reader.dicts(
            _estimates_only(sql_text(name, reader.major)), name=name, what="estimated sizes of relations"
        )
    rows = {row.oid: row for row in reader.convert(answer, SizeRow, what="sizes of relations")}
    toast_of = {row.oid: row.owner for row in rows.values() if row.kind == "t"}
    toast: dict[int, int] = defaultdict(int)
    index_bytes: dict[int, int] = defaultdict(int)
    for row in rows.values():
        size = _bytes(row)
        if row.kind == "t" and row.owner is not None:
            toast[row.owner] += size
        elif row.kind == "i" and row.owner in toast_of:
            toast[toast_of[row.owner] or 0] += size
        elif row.kind == "i" and row.owner is not None:
            index_bytes[row.owner] += size
    sized_tables = tuple(_sized(table, rows.get(table.oid), toast, index_bytes) for table in tables)
    sized_indexes = tuple(
        replace(index, size_bytes=_bytes(rows[index.oid])) if index.oid in rows else index for index in indexes
    )
    return sized_tables, sized_indexes


def _estimates_only(query: str) -> str:
    """Return the query without its call of pg_relation_size, which is what can wait or take long."""
    return query.replace("pg_catalog.pg_relation_size(c.oid, 'main')", "null::bigint")


def _bytes(row: SizeRow) -> int:
    return row.size_bytes if row.size_bytes is not None else row.estimated_bytes


def _sized(table: Table, row: SizeRow | None, toast: Mapping[int, int], index_bytes: Mapping[int, int]) -> Table:
    if row is None:
        return table  # no storage of its own: partitioned, foreign, view
    heap, toasted, indexed = _bytes(row), toast.get(table.oid, 0), index_bytes.get(table.oid, 0)
    return replace(
        table,
        size_bytes=heap,
        toast_bytes=toasted,
        indexes_bytes=indexed,
        total_bytes=heap + toasted + indexed,
        size_is_estimate=row.size_bytes is None,
    )


def collect_sequences(reader: Reader) -> tuple[catalog.Sequence, ...]:
    """Return the sequences with their last values, where the role may read them."""
    rows = reader.rows("sequences", SequenceRow, what="sequences", costs="sequences that run out are not found")
    readable = [row.oid for row in rows if row.readable]
    values: dict[int, int | None] = {}
    for start in range(0, len(readable), _SEQUENCES_AT_ONCE):
        batch = readable[start : start + _SEQUENCES_AT_ONCE]
        for found in reader.dicts(
            sql_text("sequence_values", reader.major),
            name="sequence_values",
            what=f"last values of {len(batch)} sequences",
            params={"oids": batch},
        ):
            values[found["oid"]] = found["last_value"]
    hidden = [row for row in rows if not row.readable]
    if hidden:
        names = sorted(RelationName(row.schema, row.name).display() for row in hidden)
        reader.gaps.append(
            Gap(
                what=f"last values of {counted(names, 'sequence')}",
                why="the role may not read them",
                fix=grant_sequences(reader, sorted({row.schema for row in hidden})),
                costs="sequences that run out are not found",
            )
        )
    return tuple(
        catalog.Sequence(
            last_value=values.get(row.oid),
            **{name: getattr(row, name) for name in SequenceRow.__dataclass_fields__ if name != "oid"},
        )
        for row in rows
    )
