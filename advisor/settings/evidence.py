"""What the server's own counters say: numbers only, each None where it cannot be known.

With an earlier snapshot of the same server the difference counts; without one, everything since the statistics
were reset. Thresholds are where the numbers are used.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, TypeVar

from advisor.model.activity import Session, StatementCounters
from advisor.model.server import ClusterCounters, DatabaseCounters
from advisor.model.snapshot import Snapshot
from advisor.workload.difference import statements_since

T = TypeVar("T", DatabaseCounters, ClusterCounters)
Counters = DatabaseCounters | ClusterCounters

# Fewer samples of pg_stat_activity than this say nothing about a peak.
MIN_SAMPLES = 10
YOUNG_SECONDS = 86400.0
# Two snapshots nearer to each other measure a moment, and fewer intervals no distribution.
_MIN_INTERVAL_SECONDS = 60.0
_MIN_INTERVALS = 3
# A freshly loaded server writes full pages and fills its buffers; that is no pattern yet.
_MIN_WAL_SECONDS = 3600.0
_MIN_WAL_BYTES = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class TempStatement:
    """A statement that spilled to disk."""

    query: str
    role: str | None
    bytes_per_call: float
    share: float  # of all statements' temporary bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The window and what happened in it. Times in seconds, sizes in bytes, shares 0..1."""

    window_seconds: float | None = None  # of pg_stat_database
    is_difference: bool = False
    hit_ratio: float | None = None
    blocks_read: int | None = None
    read_share: float | None = None  # read time of the execution time; needs track_io_timing
    temp_bytes_per_day: float | None = None
    temp_files: int | None = None
    temp_p95_per_call: float | None = None
    temp_statements: tuple[TempStatement, ...] = ()  # the largest first
    checkpoints: int | None = None
    forced_share: float | None = None
    checkpoint_interval: float | None = None
    checkpoint_sync: float | None = None  # per checkpoint
    backend_write_share: float | None = None
    backend_writes: int | None = None
    wal_bytes_per_second: float | None = None  # on average
    wal_p95_bytes_per_second: float | None = None  # 95 % of the time between snapshots the rate was at most this
    wal_intervals: int = 0  # between snapshots, that the 95 % rest on
    wal_buffers_full_per_hour: float | None = None
    full_page_share: float | None = None
    active_p95: float | None = None
    samples: int = 0
    peak_connections: int | None = None
    idle_share: float | None = None
    session_age: float | None = None  # average of client sessions
    idle_transaction_longest: float | None = None  # of the sessions seen
    statement_longest: float | None = None  # of the application's, since pg_stat_statements counts
    autovacuum_busy_share: float | None = None
    jit_share: float | None = None

    @property
    def is_young(self) -> bool:
        """Whether the window is too short to be sure of a rate."""
        return self.window_seconds is not None and self.window_seconds < YOUNG_SECONDS and not self.is_difference


def read_evidence(
    snapshot: Snapshot, previous: Snapshot | None, workers: int, series: Sequence[Snapshot] = ()
) -> Evidence:
    """Return the evidence in `snapshot`, or in its difference to `previous`; `workers` is autovacuum_max_workers.

    `series` holds snapshots of the same server in any order: rates between them and their samples of sessions count.
    """
    now = snapshot.server.collected_at
    database, cluster = snapshot.database_counters, snapshot.cluster_counters
    statements = snapshot.statements
    cluster_since = cluster.bgwriter_stats_reset if cluster else None
    wal_since = (cluster.wal_stats_reset or cluster_since) if cluster else None
    # From 15 on a database whose statistics were never reset has no reset time: they count since the cluster's do,
    # which survive restarts. The start of the server would make every rate too large.
    database_since = (database.stats_reset if database else None) or min(
        (since for since in (cluster_since, wal_since) if since is not None), default=None
    )
    is_difference = False
    if previous is not None and _same_epoch(snapshot, previous):
        before = previous.server.collected_at
        if database is not None and previous.database_counters is not None:
            database, database_since, is_difference = _minus(database, previous.database_counters), before, True
        if cluster is not None and previous.cluster_counters is not None:
            cluster, cluster_since, wal_since = _minus(cluster, previous.cluster_counters), before, before
            is_difference = True
        statements = statements_since(statements, previous.statements)
    database_seconds = _seconds(database_since, now)
    values: dict[str, object] = {"window_seconds": database_seconds, "is_difference": is_difference}
    if database is not None:
        values |= _of_database(database, statements, database_seconds, is_difference)
    if cluster is not None:
        values |= _of_cluster(
            cluster,
            _seconds(cluster_since, now),
            _seconds(wal_since, now),
            snapshot.server.block_size,
            is_difference,
        )
    values |= _of_temp(statements, snapshot.server.block_size)
    values |= _of_wal_series((*series, snapshot))
    values |= _of_sessions([session for one in (*series, snapshot) for session in one.sessions], workers)
    values["jit_share"] = _jit_share(statements)
    values["statement_longest"] = max(
        (row.max_exec_time / 1000 for row in statements if row.toplevel and _is_query(row.query)), default=None
    )
    return Evidence(**values)  # type: ignore[arg-type]


def _seconds(since: datetime | None, now: datetime) -> float | None:
    if since is None:
        return None
    seconds = (now - since).total_seconds()
    return seconds if seconds > 0 else None


def _same_epoch(snapshot: Snapshot, previous: Snapshot) -> bool:
    """Return whether the counters of both can be subtracted: same server and database, no reset between."""
    if previous.server.collected_at >= snapshot.server.collected_at:
        return False
    same = (previous.server.system_identifier, previous.server.timeline, previous.server.database) == (
        snapshot.server.system_identifier,
        snapshot.server.timeline if previous.server.timeline is not None else None,
        snapshot.server.database,
    )
    for a, b in (
        (snapshot.database_counters, previous.database_counters),
        (snapshot.cluster_counters, previous.cluster_counters),
    ):
        if a is not None and b is not None:
            same = same and _resets(a) == _resets(b) and not _shrunk(a, b)
    return same


def _resets(counters: DatabaseCounters | ClusterCounters) -> tuple[datetime | None, ...]:
    if isinstance(counters, DatabaseCounters):
        return (counters.stats_reset,)
    return (counters.bgwriter_stats_reset, counters.wal_stats_reset)


# Not counters: a difference of them means nothing.
_GAUGES = frozenset({"numbackends"})


def _shrunk(now: Counters, before: Counters) -> bool:
    return any(
        isinstance(a := getattr(now, f.name), int | float)
        and isinstance(b := getattr(before, f.name), int | float)
        and a < b
        for f in dataclasses.fields(now)
        if f.name not in _GAUGES
    )


def _minus(now: T, before: T) -> T:
    changes: dict[str, Any] = {}
    for field in dataclasses.fields(now):
        a, b = getattr(now, field.name), getattr(before, field.name)
        if field.name not in _GAUGES and isinstance(a, int | float) and isinstance(b, int | float):
            changes[field.name] = a - b
    return dataclasses.replace(now, **changes)


def _of_database(
    counters: DatabaseCounters, statements: tuple[StatementCounters, ...], seconds: float | None, is_difference: bool
) -> dict[str, object]:
    touched = counters.blks_hit + counters.blks_read
    execution = sum(s.total_exec_time for s in statements)
    reading = sum(s.shared_blk_read_time for s in statements)
    values: dict[str, object] = {
        "blocks_read": counters.blks_read,
        "temp_files": counters.temp_files,
        "hit_ratio": counters.blks_hit / touched if touched else None,
    }
    if execution and reading:
        values["read_share"] = min(1.0, reading / execution)
    elif counters.active_time and counters.blk_read_time:
        values["read_share"] = min(1.0, counters.blk_read_time / counters.active_time)
    if seconds:
        # A single burst after a reset is not a rate: less than a day counts as a day. A difference is one on purpose.
        span = seconds if is_difference else max(seconds, YOUNG_SECONDS)
        values["temp_bytes_per_day"] = counters.temp_bytes / span * 86400
    return values


def _of_cluster(
    counters: ClusterCounters,
    seconds: float | None,
    wal_seconds: float | None,
    block_size: int,
    is_difference: bool,
) -> dict[str, object]:
    values: dict[str, object] = {}
    if counters.checkpoints_timed is not None and counters.checkpoints_req is not None:
        total = counters.checkpoints_timed + counters.checkpoints_req
        values["checkpoints"] = total
        if total:
            values["forced_share"] = counters.checkpoints_req / total
            values["checkpoint_interval"] = seconds / total if seconds else None
            if counters.checkpoint_sync_time is not None:
                values["checkpoint_sync"] = counters.checkpoint_sync_time / 1000 / total
    if counters.buffers_backend is not None:
        written = counters.buffers_backend + (counters.buffers_clean or 0) + (counters.buffers_checkpoint or 0)
        values["backend_writes"] = counters.buffers_backend
        values["backend_write_share"] = counters.buffers_backend / written if written else None
    if counters.wal_bytes is not None and wal_seconds:
        values["wal_bytes_per_second"] = counters.wal_bytes / wal_seconds
    elif is_difference and counters.current_wal_lsn is not None and wal_seconds:
        # 13 counts no WAL, but two positions in it are as good.
        values["wal_bytes_per_second"] = counters.current_wal_lsn / wal_seconds
    if counters.wal_buffers_full is not None and wal_seconds and wal_seconds >= _MIN_WAL_SECONDS:
        values["wal_buffers_full_per_hour"] = counters.wal_buffers_full / wal_seconds * 3600
    if counters.wal_bytes and counters.wal_bytes >= _MIN_WAL_BYTES and counters.wal_fpi is not None:
        values["full_page_share"] = min(1.0, counters.wal_fpi * block_size / counters.wal_bytes)
    return values


def _percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _of_temp(statements: tuple[StatementCounters, ...], block_size: int) -> dict[str, object]:
    spilled = [s for s in statements if s.temp_blks_written > 0 and s.calls > 0]
    if not spilled:
        return {}
    total = sum(s.temp_blks_written for s in spilled)
    largest = sorted(spilled, key=lambda s: -s.temp_blks_written)
    return {
        "temp_p95_per_call": _percentile([s.temp_blks_written * block_size / s.calls for s in spilled], 0.95),
        "temp_statements": tuple(
            TempStatement(
                query=s.query or "(text hidden)",
                role=s.role,
                bytes_per_call=s.temp_blks_written * block_size / s.calls,
                share=s.temp_blks_written / total,
            )
            for s in largest[:10]
        ),
    }


def _of_wal_series(series: Sequence[Snapshot]) -> dict[str, object]:
    """Return the WAL rate that 95 % of the time between consecutive snapshots kept to."""
    positions = sorted(
        (one.server.collected_at, one.cluster_counters.current_wal_lsn)
        for one in series
        if one.cluster_counters is not None and one.cluster_counters.current_wal_lsn is not None
    )
    rates = sorted(
        ((after - before) / seconds, seconds)
        for (start, before), (end, after) in pairwise(positions)
        # A position that went back is another timeline: a restored server.
        if (seconds := (end - start).total_seconds()) >= _MIN_INTERVAL_SECONDS and after >= before
    )
    count = len(rates)
    if count < _MIN_INTERVALS:
        return {}
    left = 0.05 * sum(seconds for _, seconds in rates)
    # From the fastest interval down, until a twentieth of the time was faster.
    while rates and (left := left - rates[-1][1]) >= 0:
        rates.pop()
    return {"wal_p95_bytes_per_second": rates[-1][0], "wal_intervals": count}


def _of_sessions(sessions: Sequence[Session], workers: int) -> dict[str, object]:
    clients = [s for s in sessions if s.backend_type == "client backend"]
    if not clients:
        return {}
    moments = {s.sampled_at for s in sessions}
    per_moment = Counter(s.sampled_at for s in clients)
    active = Counter(s.sampled_at for s in clients if s.state == "active")
    ages = [(s.sampled_at - s.backend_start).total_seconds() for s in clients if s.backend_start is not None]
    values: dict[str, object] = {
        "samples": len(moments),
        "peak_connections": max(per_moment.values()),
        "idle_share": sum(s.state == "idle" for s in clients) / len(clients),
        "session_age": sum(ages) / len(ages) if ages else None,
        "idle_transaction_longest": max(
            (
                (s.sampled_at - s.state_change).total_seconds()
                for s in clients
                if (s.state or "").startswith("idle in transaction") and s.state_change is not None
            ),
            default=None,
        ),
    }
    if len(moments) >= MIN_SAMPLES:
        values["active_p95"] = _percentile([float(active[m]) for m in moments], 0.95)
        vacuums = Counter(s.sampled_at for s in sessions if s.backend_type == "autovacuum worker")
        values["autovacuum_busy_share"] = sum(vacuums[m] >= workers for m in moments) / len(moments)
    return values


def _jit_share(statements: tuple[StatementCounters, ...]) -> float | None:
    execution = sum(s.total_exec_time for s in statements)
    known = [s.jit_generation_time for s in statements if s.jit_generation_time is not None]
    return sum(known) / execution if execution and known else None


def _is_query(text: str | None) -> bool:
    """Return whether a text is no maintenance or dump, which may take as long as it takes."""
    return (text or "").lstrip(" \n\t(").partition(" ")[0].lower() in ("select", "insert", "update", "delete", "with")
