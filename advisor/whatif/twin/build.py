"""Builds the twin: database, schema, statistics, sizes; and says what could not be had."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

import psycopg

from advisor.errors import TwinFailed
from advisor.model.lookup import Catalog
from advisor.model.names import RelationName
from advisor.model.snapshot import Snapshot
from advisor.model.statistics import ColumnStatistics
from advisor.progress import Progress, Step
from advisor.whatif.twin.database import apply_settings, planner_settings
from advisor.whatif.twin.empty import EmptyDatabase, connect, empty_database
from advisor.whatif.twin.extended import write_extended
from advisor.whatif.twin.files import Files
from advisor.whatif.twin.heights import existing_height
from advisor.whatif.twin.live import LiveFacts
from advisor.whatif.twin.pages import gin_patch
from advisor.whatif.twin.servers import TwinServer
from advisor.whatif.twin.sizes import (
    Numbers,
    TwinRelation,
    apply_numbers,
    production_numbers,
    read_relations,
    resize_files,
)
from advisor.whatif.twin.statistics import StatisticsWriter, in_code_point_order


@dataclass
class Twin:
    """A built twin. `admin` is its superuser session, which runs none of the schema's code; `owner` is a session
    of the role that owns everything. `degraded` lists what is missing or approximate."""

    server: TwinServer
    database: str
    admin: psycopg.Connection[Any]
    owner: psycopg.Connection[Any]
    owner_dsn: str
    files: Files
    snapshot: Snapshot
    catalog: Catalog
    relations: dict[RelationName, TwinRelation]
    numbers: dict[RelationName, Numbers]
    degraded: list[str] = field(default_factory=list)

    @property
    def description(self) -> str:
        return f"twin, PostgreSQL {self.server.version}"

    def connect(self) -> psycopg.Connection[Any]:
        """Return a new session with production's planner settings; the caller closes it."""
        connection = connect(self.owner_dsn)
        connection.execute("set client_min_messages = error")
        apply_settings(connection, planner_settings(self.snapshot))
        connection.execute("set lock_timeout = '2s'")
        connection.execute("set statement_timeout = '15s'")
        return connection


@contextlib.contextmanager
def build_twin(
    snapshot: Snapshot,
    server: TwinServer,
    touched: Collection[RelationName] | None,
    progress: Progress,
    live: LiveFacts | None = None,
) -> Iterator[Twin]:
    """Yield the twin of a snapshot on a running server; its database is dropped afterwards.

    `live` holds what only the server itself knows: metapages, end points of histograms.
    Raises TwinFailed when the server refuses the twin as a whole; single objects end in `degraded`.
    """
    with contextlib.ExitStack() as stack:
        with progress.step("building the planner twin") as step:
            empty = stack.enter_context(empty_database(snapshot, server, touched, step, steps_to_come=2))
            twin = _filled(empty, server, snapshot, live or LiveFacts(), step)
        yield twin


def _filled(empty: EmptyDatabase, server: TwinServer, snapshot: Snapshot, live: LiveFacts, step: Step) -> Twin:
    """Return the twin: statistics and sizes put into an empty database."""
    degraded = list(empty.degraded)
    foreign_order = _columns_in_another_order(empty)
    degraded += _create_statistics(empty.admin, snapshot, empty.relations, live, foreign_order)
    step.advance()
    if server.restart is not None:
        # Foreign keys read index metapages into shared buffers; a restart forgets them.
        empty.close()
        server.restart()
        empty.open(server)
    else:
        _reindex(empty.admin)
        empty.relations = read_relations(empty.admin)
        empty.admin.execute("checkpoint")
    twin = Twin(
        server=server,
        database=empty.name,
        admin=empty.admin,
        owner=empty.owner,
        owner_dsn=empty.owner_dsn,
        files=server.files(empty.admin),
        snapshot=snapshot,
        catalog=empty.catalog,
        relations=empty.relations,
        numbers=production_numbers(snapshot, server.major),
        degraded=degraded,
    )
    _size(twin, live)
    step.advance()
    return twin


def _columns_in_another_order(empty: EmptyDatabase) -> frozenset[tuple[RelationName, str]]:
    """Return the text columns that the twin sorts in another order than production."""
    poorer = {line.partition(":")[0] for line in empty.degraded if line.startswith("collation ")}
    return frozenset(
        (column.table, column.name)
        for columns in empty.catalog.columns.values()
        for column in columns.values()
        if column.collation is not None
        and column.type_category == "S"
        and (
            column.collation in empty.stand_ins
            or f"collation {column.collation}" in poorer
            or (empty.other_locale and column.collation.name == "default")
        )
    )


def _create_statistics(
    admin: psycopg.Connection[Any],
    snapshot: Snapshot,
    relations: dict[RelationName, TwinRelation],
    live: LiveFacts,
    foreign_order: Collection[tuple[RelationName, str]],
) -> list[str]:
    """Write all statistics; return a line for each that was refused."""

    def rows() -> Iterator[ColumnStatistics]:
        for row in snapshot.statistics:
            if row.relation in relations:
                row = live.with_end_points(row)
                yield in_code_point_order(row) if (row.relation, row.column) in foreign_order else row

    refused = StatisticsWriter(admin).write(rows())
    return refused + write_extended(admin, (row for row in snapshot.extended_statistics if row.table in relations))


def _reindex(admin: psycopg.Connection[Any]) -> None:
    """Give every index a new file, which no buffer knows: pages patched into it will be read."""
    for (index,) in admin.execute(
        "select i.indexrelid::pg_catalog.regclass::text from pg_catalog.pg_index i"
        " join pg_catalog.pg_class c on c.oid = i.indexrelid where c.relkind = 'i' and c.oid >= 16384"
    ).fetchall():
        admin.execute(b"reindex index " + index.encode())


def _size(twin: Twin, live: LiveFacts) -> None:
    pairs = [(r, twin.numbers[name]) for name, r in twin.relations.items() if name in twin.numbers]
    heights = {
        twin.relations[index.relation].oid: live.heights.get(index.relation)
        or existing_height(index, twin.catalog, twin.numbers[index.relation].file_bytes, index.reltuples)
        for index in twin.snapshot.indexes
        if index.relation in twin.relations
    }
    resize_files(twin.files, pairs, heights)
    twin.files.write(
        page
        for name, counters in live.gin.items()
        if (relation := twin.relations.get(name)) is not None and relation.path is not None
        for page in gin_patch(relation.path, counters)
    )
    apply_numbers(twin.admin, pairs)
    _check_sizes(twin)


def _check_sizes(twin: Twin) -> None:
    """Check that the server sees what was written: a twin without sizes must never answer."""
    largest = max(
        ((r, twin.numbers[n]) for n, r in twin.relations.items() if n in twin.numbers and r.kind in "rm"),
        key=lambda pair: pair[1].file_bytes,
        default=None,
    )
    if largest is None:
        return
    relation, numbers = largest
    row = twin.admin.execute("select pg_catalog.pg_relation_size(%s::oid)", (relation.oid,)).fetchone()
    if row is None or row[0] != numbers.file_bytes:
        raise TwinFailed(
            "The twin's server does not see the sizes given to its files.",
            "Use a twin on this machine, or a server whose data directory takes sparse files.",
        )
