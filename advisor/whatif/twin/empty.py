"""A database with production's schema and nothing in it: what a twin is filled into, and generated rows."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from advisor.model.lookup import Catalog
from advisor.model.names import RelationName
from advisor.model.snapshot import Snapshot
from advisor.progress import Step
from advisor.whatif.twin.create import execute_items
from advisor.whatif.twin.database import create_collations, create_database, create_extensions
from advisor.whatif.twin.owner import Owner, create_owner, create_switch, grant_roles, own_everything
from advisor.whatif.twin.schema import Means, relations_to_build, schema_items
from advisor.whatif.twin.servers import TwinServer
from advisor.whatif.twin.sizes import TwinRelation, read_relations

_SESSION = (
    "set search_path = ''; set check_function_bodies = off; set client_min_messages = error;"
    " set timezone = 'UTC'; set datestyle = 'ISO, YMD';"
    " set intervalstyle = 'postgres'; set extra_float_digits = 1; set lock_timeout = '5s';"
    " set statement_timeout = '60s'; set xmloption = content; set standard_conforming_strings = on;"
    " set wal_skip_threshold = 0; set row_security = off; set jit = off; set default_transaction_read_only = off"
)
_SUPERUSER_SESSION = _SESSION + "; set allow_system_table_mods = on"


@dataclass
class EmptyDatabase:
    """`admin` is a superuser's session, which runs none of the schema's code; `owner` that of the role that owns
    everything. `degraded` lists what is missing or approximate, `stand_ins` collations that are others in truth."""

    name: str
    catalog: Catalog
    wanted: frozenset[RelationName]
    admin: psycopg.Connection[Any]
    owner: psycopg.Connection[Any]
    owner_dsn: str
    relations: dict[RelationName, TwinRelation]
    degraded: tuple[str, ...]
    stand_ins: tuple[RelationName, ...]
    other_locale: bool  # the database sorts text in another way than production's

    def close(self) -> None:
        """End both sessions."""
        self.admin.close()
        self.owner.close()

    def open(self, server: TwinServer) -> None:
        """Begin both sessions anew, after the server was restarted."""
        self.admin, self.owner = connect(server.dsn(self.name)), connect(self.owner_dsn)
        self.admin.execute(_SUPERUSER_SESSION)
        self.owner.execute(_SESSION)


def connect(dsn: str) -> psycopg.Connection[Any]:
    # UTF-8 on the wire whatever the database's encoding; an SQL_ASCII database converts nothing.
    return psycopg.connect(dsn, autocommit=True, client_encoding="utf8", application_name="pgadvise twin")


@contextlib.contextmanager
def empty_database(
    snapshot: Snapshot,
    server: TwinServer,
    touched: Collection[RelationName] | None,
    step: Step,
    *,
    steps_to_come: int = 0,
    for_rows: bool = False,
) -> Iterator[EmptyDatabase]:
    """Yield a new database with the schema of a snapshot; it is dropped afterwards.

    `for_rows` leaves out check constraints and foreign keys, which rows made from statistics need not fulfil.
    Raises TwinFailed when the server refuses the database as a whole; single objects end in `degraded`.
    """
    name = f"pgadvise_{secrets.token_hex(6)}"
    with connect(server.dsn("postgres")) as maintenance:
        loss = create_database(maintenance, name, snapshot.server)
        role = create_owner(maintenance, name)
        maintenance.execute(sql.SQL("alter database {0} owner to {0}").format(sql.Identifier(name)))
    sessions: list[psycopg.Connection[Any]] = []
    empty: EmptyDatabase | None = None
    try:
        admin, owner_dsn, degraded = _open(server, name, role)
        sessions.append(admin)
        if loss is not None:
            degraded.insert(0, loss)
        owner = connect(owner_dsn)
        sessions.append(owner)
        owner.execute(_SESSION)
        catalog = Catalog(snapshot)
        wanted = relations_to_build(snapshot, catalog, touched)
        missing, stand_ins = _prepare_database(admin, snapshot, degraded)
        means = _means(admin, server, snapshot, missing, name)
        own_everything(admin, name)
        items = list(schema_items(snapshot, catalog, wanted, means, missing, for_rows=for_rows))
        step.set_total(len(items) + steps_to_come)
        degraded += execute_items(owner, items, step.advance, superuser=admin)
        own_everything(admin, name)
        grant_roles(admin, name, (r.name for r in snapshot.roles))
        empty = EmptyDatabase(
            name=name,
            catalog=catalog,
            wanted=wanted,
            admin=admin,
            owner=owner,
            owner_dsn=owner_dsn,
            relations=read_relations(admin),
            degraded=tuple(degraded),
            stand_ins=stand_ins,
            other_locale=loss is not None,
        )
        yield empty
    finally:
        if empty is not None:
            empty.close()
        for session in sessions:
            session.close()
        if server.restart is None:
            # A server of somebody else's is left as it was found; our own cluster is removed whole.
            with contextlib.suppress(psycopg.Error), connect(server.dsn("postgres")) as maintenance:
                maintenance.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))
                maintenance.execute(sql.SQL("drop role if exists {}").format(sql.Identifier(name)))


def _open(server: TwinServer, name: str, role: Owner) -> tuple[psycopg.Connection[Any], str, list[str]]:
    """Return the superuser's session, the DSN of the owner's, and what is lost where the owner may not log in."""
    admin = connect(server.dsn(name))
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
