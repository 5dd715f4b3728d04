"""Reads the standbys of a primary: the same careful session to each, one after the other.

What is not a standby of this primary and of this database is refused, so that no stranger's counters are added to
ours. A standby that cannot be reached or read is a gap; the run goes on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from advisor.collect.activity import collect_sessions
from advisor.collect.reader import Reader
from advisor.collect.server import collect_database_counters, collect_extensions, collect_server, collect_settings
from advisor.collect.workload_views import collect_statements
from advisor.connect import Session, open_connection
from advisor.dsn import choose_dsn, shown_host
from advisor.errors import AdvisorError
from advisor.model.replica import IndexUse, Replica, ReplicaState, Standby, StandbyConflicts, TableUse
from advisor.model.server import Setting
from advisor.model.snapshot import Gap, Snapshot
from advisor.progress import Progress, Silent
from advisor.resources import sql_text

# What a standby must have at least as much of as the primary, and what decides whether its queries live.
_SETTINGS = frozenset(
    [
        "cluster_name", "hot_standby_feedback", "max_connections", "max_locks_per_transaction",
        "max_prepared_transactions", "max_standby_archive_delay", "max_standby_streaming_delay", "max_wal_senders",
        "max_worker_processes", "pg_stat_statements.max", "pg_stat_statements.track", "primary_slot_name",
        "recovery_min_apply_delay", "restore_command", "track_activity_query_size",
    ]
)  # fmt: skip
_COSTS = "its reads are not counted, and no index is called unused"


def collect_standbys(reader: Reader) -> tuple[Standby, ...]:
    """Return the standbys and subscribers that are connected to this server."""
    return reader.rows(
        "standbys",
        Standby,
        what="connected standbys (pg_stat_replication)",
        costs="standbys that were not named with --replica are not noticed",
    )


def with_replicas(
    snapshot: Snapshot, connection: psycopg.Connection[Any], dsns: Sequence[str], progress: Progress
) -> Snapshot:
    """Return the snapshot with what was read from the standbys at `dsns`, and a gap for each that gave nothing."""
    primary = _identity(Reader(connection))
    gaps: list[Gap] = []
    found: list[Replica] = []
    for dsn in dsns:
        name = _name(dsn)
        with progress.step(f"reading the standby {name}"):
            replica = _read(dsn, name, snapshot, primary, found, gaps)
        if replica is not None:
            found.append(replica)
    return replace(snapshot, replicas=tuple(found), gaps=(*snapshot.gaps, *gaps))


def _read(
    dsn: str,
    name: str,
    snapshot: Snapshot,
    primary: Mapping[str, Any] | None,
    others: Sequence[Replica],
    gaps: list[Gap],
) -> Replica | None:
    """Return the standby, read or with the reason why not; None for one that was named twice."""
    try:
        with open_connection(_with_database(dsn, snapshot.server.database)) as connection:
            reader = Reader(connection)
            ours = _identity(reader)
            if ours is not None and any(o.server and o.server.started_at == ours["started_at"] for o in others):
                gaps.append(Gap(what=f"the standby {name}", why="it is the same server as one named before"))
                return None
            why = _refusal(reader, snapshot, primary, ours)
            if why is not None:
                gaps.append(Gap(what=f"the standby {name}", why=why, costs=_COSTS))
                return Replica(name=name, status="refused", why=why)
            replica = _facts(reader, connection, name, primary)
    except AdvisorError as error:
        gaps.append(Gap(what=f"the standby {name}", why=error.message, fix=error.hint, costs=_COSTS))
        return Replica(name=name, status="unreachable", why=error.message)
    except psycopg.Error as error:
        why = (str(error).strip().splitlines() or [type(error).__name__])[0]
        gaps.append(Gap(what=f"the standby {name}", why=why, costs=_COSTS))
        return Replica(name=name, status="unreachable", why=why)
    gaps += [replace(gap, what=f"{gap.what}, on the standby {name}") for gap in reader.gaps]
    return replica


def _facts(reader: Reader, connection: Session, name: str, primary: Mapping[str, Any] | None) -> Replica:
    # The primary's position was read before: what it has written since does not count as lag.
    state = reader.rows("replica_state", ReplicaState, what="progress of replay", costs="its lag is not judged")
    settings = collect_settings(reader)
    server = collect_server(reader)
    view, statements = collect_statements(reader, collect_extensions(reader), settings)
    conflicts = reader.rows(
        "standby_conflicts", StandbyConflicts, what="recovery conflicts", costs="cancelled queries are not judged"
    )
    before = len(reader.gaps)
    indexes = reader.rows("index_use", IndexUse, what="use of indexes", costs="no index is called unused")
    tables = reader.rows("table_use", TableUse, what="use of tables", costs="its reads of tables are not counted")
    uses_known = len(reader.gaps) == before
    return Replica(
        name=name,
        status="read",
        server=server,
        state=replace(state[0], primary_lsn=primary["current_lsn"] if primary else None) if state else None,
        settings=tuple(setting for setting in settings if _wanted(setting)),
        conflicts=conflicts[0] if conflicts else None,
        counters=collect_database_counters(reader),
        statements_view=view,
        statements=statements,
        sessions=collect_sessions(reader, 0.0, Silent()),
        indexes=indexes,
        tables=tables,
        uses_known=uses_known,
    )


def _wanted(setting: Setting) -> bool:
    return setting.name in _SETTINGS


def _identity(reader: Reader) -> Mapping[str, Any] | None:
    rows = reader.dicts(
        sql_text("replication_identity", reader.major), name="replication_identity", what="the server's identity"
    )
    return rows[0] if rows else None


def _refusal(
    reader: Reader, snapshot: Snapshot, primary: Mapping[str, Any] | None, ours: Mapping[str, Any] | None
) -> str | None:
    """Return why this server's counters must not be added to the primary's; None when they may."""
    if primary is None or ours is None:
        return "it cannot be told whether it belongs to this primary"
    if not ours["in_recovery"]:
        return "it is no standby: it accepts writes (after a failover, exchange --dsn and --replica)"
    if primary["in_recovery"]:
        return "the server of --dsn is a standby itself; standbys are read beside their primary"
    identifier = reader.dicts(
        sql_text("system_identifier", reader.major), name="system_identifier", what="the server's identifier"
    )
    known = snapshot.server.system_identifier
    if identifier and known is not None and identifier[0]["system_identifier"] != known:
        return "it is a standby of another primary: the system identifiers differ"
    if ours["database"] != primary["database"]:
        return f"it is connected to the database {ours['database']}, not to {primary['database']}"
    if ours["database_oid"] != primary["database_oid"]:
        return "its database of this name is another one: it is not a standby of this primary"
    state = reader.rows("replica_state", ReplicaState, what="progress of replay")
    timeline = state[0].received_timeline if state else None
    streams = bool(state) and state[0].receiver_status == "streaming"
    if streams and timeline is not None and primary["timeline"] is not None and timeline != primary["timeline"]:
        return (
            f"it follows timeline {timeline}, and this primary writes timeline {primary['timeline']}:"
            " it replays another server"
        )
    return None


def _with_database(dsn: str, database: str) -> str:
    """Return the DSN, with the primary's database where it names none."""
    conninfo = choose_dsn(dsn)
    given = conninfo_to_dict(conninfo)
    if "dbname" in given or "service" in given:
        return conninfo
    return make_conninfo(conninfo, dbname=database)


def _name(dsn: str) -> str:
    """Return how the standby is called in the report: host and port, nothing secret.

    >>> _name("host=db2 user=ann password=s3cret")
    'db2'
    """
    try:
        given = conninfo_to_dict(choose_dsn(dsn))
    except AdvisorError:
        return "(a connection string that cannot be read)"
    host = shown_host(str(given.get("host") or given.get("hostaddr") or given.get("service") or "localhost"))
    port = str(given.get("port") or "5432")
    return host if port == "5432" else f"{host}:{port}"
