"""Sizes, row counts and tree heights of production's relations, put on the twin's empty ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from advisor.model.names import RelationName
from advisor.model.snapshot import Snapshot
from advisor.whatif.twin.files import BLOCK, Files
from advisor.whatif.twin.pages import btree_patch


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


def production_numbers(snapshot: Snapshot, twin_major: int) -> dict[RelationName, Numbers]:
    """Return every relation's numbers; a size that could not be read is taken from relpages."""
    major = snapshot.server.major

    def rows(relpages: int, reltuples: float) -> float:
        # "Never analyzed" is -1 from 14 on, and was no rows in no pages before.
        if major < 14 <= twin_major and relpages == 0 and reltuples == 0:
            return -1
        return max(reltuples, 0.0) if twin_major < 14 else reltuples

    scale = snapshot.server.block_size
    found = {
        t.relation: Numbers(
            _blocks(t.size_bytes if t.size_bytes is not None else t.relpages * scale),
            t.relpages,
            rows(t.relpages, t.reltuples),
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
            [float(numbers.reltuples) for _, numbers in relations],
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
