"""Where texts come from: pg_stat_statements, pg_stat_activity and files, as entries of one kind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain

from advisor.model.activity import NodeShare, Session, StatementCounters, WorkloadText
from advisor.model.snapshot import Snapshot
from advisor.model.workload import UnusableStatement

STATEMENTS = "pg_stat_statements"
ACTIVITY = "activity"
_CLIENT = "client backend"
_READ_MS = 0.2  # for a block that was not in shared buffers, where its time was not measured
_ROW_MS = 0.002  # for a row that is written out and sent


@dataclass(frozen=True, slots=True)
class Counters:
    """What was observed of a statement, over all calls; times in ms, None where the source does not know."""

    calls: float = 0.0
    total_exec_time: float | None = None
    rows: float | None = None
    shared_blks: float | None = None
    temp_blks_written: float | None = None
    wal_bytes: float | None = None
    work_time: float | None = None  # of the time, what the server surely worked on the statement itself

    def __add__(self, other: Counters) -> Counters:
        return Counters(
            self.calls + other.calls,
            _sum(self.total_exec_time, other.total_exec_time),
            _sum(self.rows, other.rows),
            _sum(self.shared_blks, other.shared_blks),
            _sum(self.temp_blks_written, other.temp_blks_written),
            _sum(self.wal_bytes, other.wal_bytes),
            _sum(self.work_time, other.work_time),
        )

    def share(self, part: float) -> Counters:
        """Return these counters times `part` (0..1)."""

        def scaled(value: float | None) -> float | None:
            return None if value is None else value * part

        return Counters(
            self.calls * part,
            scaled(self.total_exec_time),
            scaled(self.rows),
            scaled(self.shared_blks),
            scaled(self.temp_blks_written),
            scaled(self.wal_bytes),
            scaled(self.work_time),
        )

    @property
    def time(self) -> float:
        """The time for ordering; unknown counts as none."""
        return self.total_exec_time or 0.0


def _sum(one: float | None, other: float | None) -> float | None:
    return one if other is None else other if one is None else one + other


@dataclass(frozen=True, slots=True)
class Entry:
    """One text with its counters."""

    text: str | None
    counters: Counters
    role: str | None
    source: str
    toplevel: bool = True
    query_id: int | None = None
    truncated: bool = False  # cut at track_activity_query_size
    parameters: tuple[tuple[int, str | None], ...] = ()  # values of the text's own $n, where they are known
    nodes: tuple[NodeShare, ...] = ()  # standbys that ran it, too


def statement_entries(snapshot: Snapshot) -> Iterator[Entry]:
    """Yield pg_stat_statements; the same text of the same role counts once."""
    merged: dict[tuple[str | None, str | None, bool], Entry] = {}
    for row in snapshot.statements:
        entry = Entry(row.query, _counters(row), row.role, STATEMENTS, row.toplevel, row.queryid, nodes=row.nodes)
        if row.query is None:
            yield entry
            continue
        key = (row.query, row.role, row.toplevel)
        known = merged.get(key)
        merged[key] = (
            entry
            if known is None
            else replace(known, counters=known.counters + entry.counters, nodes=known.nodes + entry.nodes)
        )
    yield from merged.values()


def _counters(row: StatementCounters) -> Counters:
    return Counters(
        float(row.calls),
        row.total_exec_time,
        float(row.rows),
        float(row.shared_blks_hit + row.shared_blks_read),
        float(row.temp_blks_written),
        float(row.wal_bytes),
        _work_time(row),
    )


def _work_time(row: StatementCounters) -> float:
    """Return the part of the time that no wait explains: neither a lock, nor a disk, nor a client that takes rows.

    Waits scatter: the least a call took, or the mean less the deviation, has few of them.
    """
    reading = row.shared_blk_read_time or _READ_MS * row.shared_blks_read
    call = max(row.min_exec_time, row.mean_exec_time - row.stddev_exec_time)
    return max(0.0, call * row.calls - reading - _ROW_MS * row.rows)


def activity_entries(snapshot: Snapshot) -> Iterator[Entry]:
    """Yield the texts of this database's client sessions, each sampled execution once."""
    setting = snapshot.setting("track_activity_query_size")
    size = int(setting.setting) if setting is not None and setting.setting and setting.setting.isdigit() else 1024
    seen: set[tuple[int, object, str]] = set()
    for session in chain(snapshot.sessions, *(replica.sessions for replica in snapshot.replicas)):
        if not _is_application(session, snapshot) or not session.query:
            continue
        execution = (session.pid, session.query_start, session.query)
        if execution in seen:
            continue
        seen.add(execution)
        truncated = len(session.query.encode("utf-8", "replace")) >= size - 4  # a cut never splits a character
        yield Entry(
            session.query,
            Counters(1.0),
            session.role,
            ACTIVITY,
            query_id=session.query_id,
            truncated=truncated,
        )


def _is_application(session: Session, snapshot: Snapshot) -> bool:
    return (
        session.backend_type == _CLIENT
        and session.leader_pid is None
        and session.database == snapshot.server.database
        and not (session.application_name or "").startswith("pgadvise")
    )


def file_entries(snapshot: Snapshot) -> Iterator[Entry]:
    """Yield the statements that were given in files, and those found in logs."""
    for text in snapshot.workload_texts:
        yield _of_text(text)


def _of_text(text: WorkloadText) -> Entry:
    return Entry(
        text.query, Counters(text.calls, text.total_exec_time), text.role, text.source, parameters=text.parameters
    )


def outside(snapshot: Snapshot) -> Iterator[UnusableStatement]:
    """Yield what was seen of other databases, as one counted line per source."""
    view = snapshot.statements_view
    if view.entries_other_databases:
        yield UnusableStatement(
            text=f"({view.entries_other_databases} entries of pg_stat_statements)",
            calls=float(view.entries_other_databases),
            total_exec_time=None,
            reason="they belong to other databases of this server",
            category="foreign_database",
        )
    others = [
        session
        for session in snapshot.sessions
        if session.backend_type == _CLIENT
        and session.query
        and session.database not in (None, snapshot.server.database)
    ]
    if others:
        yield UnusableStatement(
            text=f"({len(others)} sampled sessions)",
            calls=float(len(others)),
            total_exec_time=None,
            reason="they work in other databases of this server",
            category="foreign_database",
        )
