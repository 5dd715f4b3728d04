"""Sizes, row counts and tree heights of production's relations, put on the twin's empty ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from advisor.model.catalog import Index
from advisor.model.lookup import Catalog
from advisor.model.names import RelationName
from advisor.model.snapshot import Snapshot
from advisor.whatif.twin.files import BLOCK, Files
from advisor.whatif.twin.pages import btree_height, btree_patch

_ALIGNMENT = {"c": 1, "s": 2, "i": 4, "d": 8}
_DEFAULT_WIDTH = 12  # bytes of an expression whose values nobody has looked at


@dataclass(frozen=True, slots=True)
class TwinRelation:
    """A relation of the twin's database."""

    oid: int
    name: RelationName
    kind: str
    path: str | None  # its first file, relative to the data directory


@dataclass(frozen=True, slots=True)
class Numbers:
    """What a relation is given: the size of its file and its row of pg_class."""

    file_bytes: int
    relpages: int
    reltuples: float
    relallvisible: int = 0


def read_relations(
    connection: psycopg.Connection[Any], only: Sequence[int] | None = None
) -> dict[RelationName, TwinRelation]:
    """Return the user relations of the twin (those with the OIDs `only`) with their files."""
    rows = connection.execute(
        "select c.oid::int8, n.nspname, c.relname, c.relkind, pg_catalog.pg_relation_filepath(c.oid)"
        " from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace"
        " where c.oid >= 16384 and c.relkind in ('r', 'm', 'p', 'f', 'i', 'I') and n.nspname <> 'pg_toast'"
        " and (%(only)s::int8[] is null or c.oid::int8 = any (%(only)s))",
        {"only": list(only) if only is not None else None},
    ).fetchall()
    return {
        RelationName(schema, name): TwinRelation(oid, RelationName(schema, name), kind, path)
        for oid, schema, name, kind, path in rows
    }


def production_numbers(snapshot: Snapshot) -> dict[RelationName, Numbers]:
    """Return every relation's numbers; a size that could not be read is taken from relpages."""
    scale = snapshot.server.block_size
    found = {
        t.relation: Numbers(
            _blocks(t.size_bytes if t.size_bytes is not None else t.relpages * scale),
            t.relpages,
            t.reltuples,
            t.relallvisible,
        )
        for t in snapshot.tables
    }
    for index in snapshot.indexes:
        size = index.size_bytes if index.size_bytes is not None else index.relpages * scale
        found[index.relation] = Numbers(_blocks(size), index.relpages, index.reltuples)
    return found


def _blocks(size: int) -> int:
    return -(-size // BLOCK) * BLOCK


def apply_numbers(connection: psycopg.Connection[Any], relations: Sequence[tuple[TwinRelation, Numbers]]) -> None:
    """Write pg_class.relpages, reltuples and relallvisible; needs `allow_system_table_mods`."""
    connection.execute(
        "update pg_catalog.pg_class c set relpages = v.p, reltuples = v.t, relallvisible = v.a"
        " from unnest(%s::oid[], %s::int4[], %s::float4[], %s::int4[]) as v (o, p, t, a)"
        " where c.oid = v.o",
        (
            [relation.oid for relation, _ in relations],
            # 2^31 pages of 8 kB are 16 TiB; pg_class shows larger tables as negative numbers.
            [numbers.relpages for _, numbers in relations],
            [numbers.reltuples for _, numbers in relations],
            [numbers.relallvisible for _, numbers in relations],
        ),
    )


def resize_files(files: Files, relations: Sequence[tuple[TwinRelation, Numbers]], heights: dict[int, int]) -> None:
    """Give files their lengths, and B-trees (by OID) their heights. The relations must be empty and never read."""
    files.write(
        page
        for relation, _ in relations
        if relation.path is not None
        for page in btree_patch(relation.path, heights.get(relation.oid, 0))
    )
    files.resize(
        {
            relation.path: max(numbers.file_bytes, _least(relation, heights.get(relation.oid, 0)))
            for relation, numbers in relations
            if relation.path is not None and relation.kind in "rmi"
        }
    )


def _least(relation: TwinRelation, height: int) -> int:
    """Return the bytes a relation cannot do without: an index keeps its metapage and patched levels."""
    return BLOCK * (height + 2 if height else 1) if relation.kind == "i" else 0


def index_height(index: Index, catalog: Catalog, numbers: Numbers) -> int:
    """Return the height of an existing B-tree, from its size and its keys' widths."""
    pages = numbers.file_bytes // BLOCK
    if index.access_method != "btree" or pages <= 2:
        return 0
    offset: float = 0
    distinct = 1.0
    rows = max(numbers.reltuples, 1.0)
    for position, key in enumerate(index.columns, 1):
        width, align, fixed, null_frac, n_distinct = _key_facts(index, catalog, key.column, position)
        if fixed:
            offset = -(-offset // align) * align + width
        else:
            offset += width * (1 - null_frac) if width < 127 else -(-offset // 4) * 4 - offset + width
        distinct *= n_distinct if n_distinct > 0 else max(1.0, -n_distinct * rows)
    distinct = rows if index.is_unique else min(distinct, rows)
    return btree_height(pages, offset, rows / max(distinct, 1.0))


def _key_facts(
    index: Index, catalog: Catalog, name: str | None, position: int
) -> tuple[float, int, bool, float, float]:
    """Return width, alignment, whether the width is fixed, the fraction of NULLs and n_distinct of a key."""
    column = catalog.columns.get(index.table, {}).get(name) if name is not None else None
    statistics = (
        catalog.statistics(index.table, name) if name is not None else _expression_statistics(index, catalog, position)
    )
    null_frac = statistics.null_frac if statistics is not None else 0.0
    n_distinct = statistics.n_distinct if statistics is not None else -1.0
    if column is not None and column.typlen > 0 and column.type_name != RelationName("pg_catalog", "name"):
        return column.typlen, _ALIGNMENT.get(column.typalign, 4), True, null_frac, n_distinct
    width = float(statistics.avg_width) if statistics is not None and statistics.avg_width > 0 else _DEFAULT_WIDTH
    return width, 1, False, null_frac, n_distinct


def _expression_statistics(index: Index, catalog: Catalog, position: int) -> Any:
    return next(
        (row for row in catalog.snapshot.statistics if row.relation == index.relation and row.attnum == position),
        None,
    )
