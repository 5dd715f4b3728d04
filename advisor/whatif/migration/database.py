"""The private database a migration runs in: production's schema without rows, owned by an ordinary role.

A migration is somebody's code. It runs as a role that is no superuser, in a server without network, and the
database it changes is a copy of its own.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql

from advisor.errors import AdvisorError
from advisor.gate.script import read_script
from advisor.model.lookup import Catalog
from advisor.model.migration import Step
from advisor.model.names import RelationName
from advisor.model.snapshot import Snapshot
from advisor.whatif.twin.create import execute_items
from advisor.whatif.twin.database import create_collations, create_database, create_extensions
from advisor.whatif.twin.owner import own_everything
from advisor.whatif.twin.schema import Means, relations_to_build, role_stub, schema_items
from advisor.whatif.twin.servers import TwinServer

ROLE = "pgadvise_migration"
BASE = "pgadvise_base"
# In force unless a migration sets its own; the odd value tells the two apart.
LOCK_TIMEOUT = "5003ms"
STATEMENT_TIMEOUT = "30s"

_ROLES = re.compile(
    r"\b(?:owner\s+to|set\s+(?:local\s+|session\s+)?role|create\s+(?:role|user)(?:\s+if\s+not\s+exists)?"
    r"|grant\b[^;']*?\bto|revoke\b[^;']*?\bfrom|create\s+policy\b[^;']*?\bto|for\s+role|authorization)"
    r"\s+((?:\"[^\"]+\"|[a-z_][\w$]*)(?:\s*,\s*(?:\"[^\"]+\"|[a-z_][\w$]*))*)",
    re.IGNORECASE,
)
_NO_ROLES = frozenset(
    {"public", "current_user", "session_user", "current_role", "group", "none", "default", "postgres"}
)
# Who owns an object and who may use it changes no lock; in the private database one role owns everything.
_OWNERSHIP = re.compile(
    r"\s*(?:alter\s+.*\sowner\s+to\s|grant\s|revoke\s|set\s+(?:local\s+|session\s+)?(?:role|session\s+authorization)\s)",
    re.IGNORECASE | re.DOTALL,
)
_EXTENSION = re.compile(
    r"\bcreate\s+extension\s+(?:if\s+not\s+exists\s+)?(\"[^\"]+\"|[\w-]+)"
    r"(?:\s+with)?(?:\s+schema\s+(\"[^\"]+\"|\w+))?",
    re.IGNORECASE,
)


class SchemaRefused(AdvisorError):
    """The schema file cannot be loaded: the run does not take place.

    `lacking`: this server lacks extensions that the file needs, which may be all that is wrong.
    """

    lacking = False


@dataclass
class Base:
    """A database to copy. `lines` say what it lacks; `extensions` are there, `missing` the server does not have."""

    server: TwinServer
    name: str = BASE
    lines: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)  # objects that are not there: what needs them fails
    missing: set[str] = field(default_factory=set)

    def copy(self, name: str) -> Copy:
        """Return a new database with the same objects (and the same OIDs)."""
        with admin_connection(self.server, "postgres") as admin:
            admin.execute(
                sql.SQL("create database {} template {} owner {}").format(
                    sql.Identifier(name), sql.Identifier(self.name), sql.Identifier(ROLE)
                )
            )
        return Copy(self.server, name)


@dataclass(frozen=True)
class Copy:
    """A database that a migration may change."""

    server: TwinServer
    name: str

    def drop(self) -> None:
        """Remove it, with whoever is still connected."""
        with admin_connection(self.server, "postgres") as admin:
            admin.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(self.name)))

    def session(self) -> psycopg.Connection[Any]:
        """Return a session as the ordinary role."""
        dsn = psycopg.conninfo.make_conninfo(self.server.dsn(self.name), user=ROLE, application_name="migration")
        return psycopg.connect(dsn, autocommit=True, client_encoding="utf8")

    def admin(self) -> contextlib.AbstractContextManager[psycopg.Connection[Any]]:
        """Return a session of the superuser: it watches, it never runs the migration's code."""
        return admin_connection(self.server, self.name)


@contextlib.contextmanager
def admin_connection(server: TwinServer, database: str) -> Iterator[psycopg.Connection[Any]]:
    """Yield a superuser's session without a search_path."""
    with psycopg.connect(server.dsn(database), autocommit=True, client_encoding="utf8") as connection:
        connection.execute("set search_path = ''; set client_min_messages = error")
        yield connection


def prepare_roles(server: TwinServer, texts: Iterable[str], more: Iterable[str] = ()) -> None:
    """Create the role that runs migrations, and stubs of the roles the texts name, as members it may act for."""
    names = set(more)
    for text in texts:
        for match in _ROLES.finditer(text):
            parts = re.findall(r"\"([^\"]+)\"|([A-Za-z_][\w$]*)", match[1])
            names |= {quoted or plain.lower() for quoted, plain in parts}
    names = {name for name in names if name.lower() not in _NO_ROLES and not name.lower().startswith("pg_")}
    with admin_connection(server, "postgres") as admin:
        admin.execute(
            sql.SQL(
                "create role {role} login nosuperuser nocreatedb nocreaterole noreplication;"
                " alter role {role} set lock_timeout = {lock}; alter role {role} set statement_timeout = {statement};"
                " alter role {role} set client_min_messages = error; alter role {role} set temp_file_limit = '2GB'"
            ).format(
                role=sql.Identifier(ROLE), lock=sql.Literal(LOCK_TIMEOUT), statement=sql.Literal(STATEMENT_TIMEOUT)
            )
        )
        for name in sorted(names - {ROLE}):
            with contextlib.suppress(psycopg.Error):  # a reserved name: the statement that uses it is not judged
                admin.execute(role_stub(name).encode())
                admin.execute(sql.SQL("grant {} to {}").format(sql.Identifier(name), sql.Identifier(ROLE)))


def add_extensions(admin: psycopg.Connection[Any], texts: Iterable[str]) -> set[str]:
    """Create the extensions the texts create; return those that the server does not have."""
    missing = set()
    for text in texts:
        for match in _EXTENSION.finditer(text):
            name, schema = match[1].strip('"'), (match[2] or "public").strip('"')
            try:
                if schema != "pg_catalog":
                    admin.execute(
                        sql.SQL("create schema if not exists {s}; alter schema {s} owner to {r}").format(
                            s=sql.Identifier(schema), r=sql.Identifier(ROLE)
                        )
                    )
                admin.execute(sql.SQL("set search_path = {}").format(sql.Identifier(schema)))
                admin.execute(sql.SQL("create extension if not exists {} cascade").format(sql.Identifier(name)))
            except psycopg.Error:
                missing.add(name)
    admin.execute("set search_path = ''")
    return missing


def _open_public(admin: psycopg.Connection[Any]) -> None:
    """Give the public schema to the role, and let the stubs of roles own things in it."""
    admin.execute(sql.SQL("alter schema public owner to {}").format(sql.Identifier(ROLE)))
    admin.execute("grant all on schema public to public")


def base_from_schema(server: TwinServer, text: str, migrations: Iterable[str]) -> Base:
    """Create the base database from a schema file, loaded by the ordinary role.

    Raises SchemaRefused with the first statement that does not load.
    """
    base = Base(server)
    with admin_connection(server, "postgres") as admin:
        admin.execute(sql.SQL("create database {} template template0 owner {}").format(
            sql.Identifier(base.name), sql.Identifier(ROLE)))  # fmt: skip
        admin.execute(sql.SQL("grant all on database {} to public").format(sql.Identifier(base.name)))
    with admin_connection(server, base.name) as admin:
        _open_public(admin)
        base.missing = add_extensions(admin, (text, *migrations))
    with contextlib.closing(Copy(server, base.name).session()) as connection:
        connection.execute("set check_function_bodies = off; set statement_timeout = '120s'")
        for step in read_script(text).steps:
            _load_step(connection, step, base)
    return base


def _load_step(connection: psycopg.Connection[Any], step: Step, base: Base) -> None:
    from advisor.whatif.migration.session import execute, server_wide

    if step.raw is not None or step.error is not None:
        raise SchemaRefused(f"line {step.line}: this statement does not parse, or has placeholders.")
    if server_wide(step) or _OWNERSHIP.match(step.sql):
        return
    refused = execute(connection, step.sql, step.data)
    if refused is None:
        return
    if refused.sqlstate == "42501":
        base.doubts.append(f"schema, line {step.line}: not loaded, it takes more privileges: {refused.message}")
        return
    error = SchemaRefused(f"line {step.line}: {refused.message}")
    error.lacking = bool(base.missing)
    raise error


def base_from_snapshot(server: TwinServer, snapshot: Snapshot, migrations: Iterable[str]) -> Base:
    """Create the base database from a snapshot: everything but rows. What could not be built is in `lines`."""
    base = Base(server)
    with admin_connection(server, "postgres") as admin:
        loss = create_database(admin, base.name, snapshot.server)
        if loss is not None:
            base.lines.append(loss)
        admin.execute(sql.SQL("alter database {d} owner to {r}; grant all on database {d} to public").format(
            d=sql.Identifier(base.name), r=sql.Identifier(ROLE)))  # fmt: skip
    with admin_connection(server, base.name) as admin:
        admin.execute("set check_function_bodies = off; set statement_timeout = '60s'")
        missing = create_extensions(admin, snapshot)
        admin.execute("set search_path = ''")
        create_collations(admin, snapshot)
        base.missing = set(missing) | add_extensions(admin, migrations)
        catalog = Catalog(snapshot)
        stubs = frozenset(
            RelationName(item.schema, item.name)
            for item in snapshot.schema_objects
            if item.kind == "type" and item.extension is not None and item.extension in missing
        )
        means = Means(major=server.major, stub_types=stubs)
        wanted = relations_to_build(snapshot, catalog, None)
        own_everything(admin, ROLE)
        _open_public(admin)
        # Creating an index or a constraint may run the schema's functions: never as a superuser.
        with contextlib.closing(Copy(server, base.name).session()) as owner:
            owner.execute("set search_path = ''; set check_function_bodies = off; set statement_timeout = '60s'")
            items = list(schema_items(snapshot, catalog, wanted, means, missing))
            base.doubts += execute_items(owner, items, superuser=admin)
        own_everything(admin, ROLE)
    return base
