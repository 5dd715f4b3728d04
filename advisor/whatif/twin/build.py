"""Builds the twin: database, schema, statistics, sizes; and says what could not be had."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql

from advisor.errors import TwinFailed
from advisor.model.lookup import Catalog
from advisor.model.names import RelationName
from advisor.model.snapshot import Snapshot
from advisor.model.statistics import ColumnStatistics
from advisor.progress import Progress
from advisor.whatif.twin.create import execute_items
from advisor.whatif.twin.database import (
    apply_settings,
    create_collations,
    create_database,
    create_extensions,
    planner_settings,
)
from advisor.whatif.twin.extended import write_extended
from advisor.whatif.twin.files import Files
from advisor.whatif.twin.heights import existing_height
from advisor.whatif.twin.live import LiveFacts
from advisor.whatif.twin.owner import Owner, create_owner, create_switch, grant_roles, own_everything
from advisor.whatif.twin.pages import gin_patch
from advisor.whatif.twin.schema import Means, relations_to_build, schema_items
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

_SESSION = (
    "set search_path = ''; set check_function_bodies = off; set client_min_messages = error;"
    " set timezone = 'UTC'; set datestyle = 'ISO, YMD';"
    " set intervalstyle = 'postgres'; set extra_float_digits = 1; set lock_timeout = '5s';"
    " set statement_timeout = '60s'; set xmloption = content; set standard_conforming_strings = on;"
    " set wal_skip_threshold = 0; set row_security = off; set jit = off; set default_transaction_read_only = off"
)
_SUPERUSER_SESSION = _SESSION + "; set allow_system_table_mods = on"


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
        connection = _connect(self.owner_dsn)
        connection.execute("set client_min_messages = error")
        apply_settings(connection, planner_settings(self.snapshot))
        connection.execute("set lock_timeout = '2s'")
        connection.execute("set statement_timeout = '15s'")
        return connection


def _connect(dsn: str) -> psycopg.Connection[Any]:
    # UTF-8 on the wire whatever the database's encoding; an SQL_ASCII database converts nothing.
    return psycopg.connect(dsn, autocommit=True, client_encoding="utf8", application_name="pgadvise twin")


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
    name = f"pgadvise_{secrets.token_hex(6)}"
    degraded: list[str] = []
    with _connect(server.dsn("postgres")) as maintenance:
        loss = create_database(maintenance, name, snapshot.server)
        role = create_owner(maintenance, name)
        maintenance.execute(sql.SQL("alter database {0} owner to {0}").format(sql.Identifier(name)))
    if loss is not None:
        degraded.append(loss)
    admin: psycopg.Connection[Any] | None = None
    owner: psycopg.Connection[Any] | None = None
    try:
        with progress.step("building the planner twin") as step:
            admin, owner_dsn, loss_of_role = _open(server, name, role)
            degraded += loss_of_role
            owner = _connect(owner_dsn)
            owner.execute(_SESSION)
            catalog = Catalog(snapshot)
            wanted = relations_to_build(snapshot, catalog, touched)
            missing, stand_ins = _prepare_database(admin, snapshot, degraded)
            means = _means(admin, server, snapshot, missing, name)
            own_everything(admin, name)
            items = list(schema_items(snapshot, catalog, wanted, means, missing))
            step.set_total(len(items) + 2)
            lines = execute_items(owner, items, step.advance, superuser=admin)
            degraded += lines
            own_everything(admin, name)
            grant_roles(admin, name, (r.name for r in snapshot.roles))
            relations = read_relations(admin)
            live = live or LiveFacts()
            foreign_order = _columns_in_another_order(catalog, stand_ins, lines, loss is not None)
            degraded += _create_statistics(admin, snapshot, relations, live, foreign_order)
            step.advance()
            if server.restart is not None:
                # Foreign keys read index metapages into shared buffers; a restart forgets them.
                admin.close()
                owner.close()
                server.restart()
                admin, owner = _connect(server.dsn(name)), _connect(owner_dsn)
                admin.execute(_SUPERUSER_SESSION)
                owner.execute(_SESSION)
            else:
                _reindex(admin)
                relations = read_relations(admin)
                admin.execute("checkpoint")
            twin = Twin(
                server=server,
                database=name,
                admin=admin,
                owner=owner,
                owner_dsn=owner_dsn,
                files=server.files(admin),
                snapshot=snapshot,
                catalog=catalog,
                relations=relations,
                numbers=production_numbers(snapshot, server.major),
                degraded=degraded,
            )
            _size(twin, live)
            step.advance()
        yield twin
    finally:
        for session in (admin, owner):
            if session is not None:
                session.close()
        if server.restart is None:
            # A server of somebody else's is left as it was found; our own cluster is removed whole.
            with contextlib.suppress(psycopg.Error), _connect(server.dsn("postgres")) as maintenance:
                maintenance.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))
                maintenance.execute(sql.SQL("drop role if exists {}").format(sql.Identifier(name)))


def _open(server: TwinServer, name: str, role: Owner) -> tuple[psycopg.Connection[Any], str, list[str]]:
    """Return the superuser's session, the DSN of the owner's, and what is lost where the owner may not log in."""
    admin = _connect(server.dsn(name))
    admin.execute(_SUPERUSER_SESSION)
    create_switch(admin)
    owner_dsn = role.dsn(server.dsn(name))
    try:
        psycopg.connect(owner_dsn, connect_timeout=10).close()
    except psycopg.OperationalError as error:
        reason = str(error).strip().splitlines()[-1]
        return admin, server.dsn(name), [
            "the twin's server lets only its superuser log in, so functions of the schema run with a superuser's"
            f" rights there ({reason})"
        ]  # fmt: skip
    return admin, owner_dsn, []


def _prepare_database(
    admin: psycopg.Connection[Any], snapshot: Snapshot, degraded: list[str]
) -> tuple[tuple[str, ...], tuple[RelationName, ...]]:
    """Create extensions and stand-in collations; return missing extensions and the stand-ins."""
    missing = create_extensions(admin, snapshot)
    admin.execute("set search_path = ''")
    for extension in missing:
        degraded.append(
            f"extension {extension} is missing on the twin's server: its functions and types are stubs,"
            " its operators and index methods have no selectivity of their own"
        )
    stand_ins = create_collations(admin, snapshot)
    for collation in stand_ins:
        degraded.append(
            f"collation {collation} is missing on the twin's server: ranges of text under it are approximate"
        )
    return missing, stand_ins


def _columns_in_another_order(
    catalog: Catalog, stand_ins: Collection[RelationName], lines: Sequence[str], database: bool
) -> frozenset[tuple[RelationName, str]]:
    """Return the text columns that the twin sorts in another order than production."""
    poorer = {line.partition(":")[0] for line in lines if line.startswith("collation ")}
    return frozenset(
        (column.table, column.name)
        for columns in catalog.columns.values()
        for column in columns.values()
        if column.collation is not None
        and column.type_category == "S"
        and (
            column.collation in stand_ins
            or f"collation {column.collation}" in poorer
            or (database and column.collation.name == "default")
        )
    )


def _means(
    admin: psycopg.Connection[Any], server: TwinServer, snapshot: Snapshot, missing: Collection[str], owner: str
) -> Means:
    stubs = frozenset(
        RelationName(o.schema, o.name)
        for o in snapshot.schema_objects
        if o.kind == "type" and o.extension is not None and o.extension in missing
    )
    return Means(
        major=server.major,
        stub_types=stubs,
        tablespaces=_create_tablespaces(admin, server, snapshot, owner),
        access_methods=frozenset(
            row[0] for row in admin.execute("select amname from pg_catalog.pg_am where amtype = 'i'")
        ),
    )


def _create_tablespaces(
    admin: psycopg.Connection[Any], server: TwinServer, snapshot: Snapshot, owner: str
) -> frozenset[str]:
    """Create tablespaces with planner options inside the data directory; only on a server of our own."""
    made = set()
    for item in snapshot.schema_objects:
        if item.kind == "tablespace" and server.restart is not None:
            try:
                admin.execute("set allow_in_place_tablespaces = on")
                admin.execute(
                    sql.SQL("create tablespace {} owner {} location ''").format(
                        sql.Identifier(item.name), sql.Identifier(owner)
                    )
                )
                admin.execute(item.ddl.encode())
                made.add(item.name)
            except psycopg.Error:
                continue  # pg_default's options, or a minor release without in-place tablespaces
    return frozenset(made)


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
