"""What the statistics views know of statements and sessions: raw rows, not yet understood."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeShare:
    """The part of a statement's counters that one standby has counted."""

    node: str
    calls: int
    total_exec_time: float  # ms


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementCounters:
    """One row of pg_stat_statements of this database; times in ms, blocks of block_size bytes.

    Names follow extension version 1.12; older names (blk_read_time) are mapped by the SQL files.
    `query` is None when the text could not be read (privilege, damaged text file).
    """

    queryid: int | None
    role: str | None
    toplevel: bool
    query: str | None
    calls: int
    total_exec_time: float
    min_exec_time: float
    max_exec_time: float
    mean_exec_time: float
    stddev_exec_time: float
    rows: int
    plans: int
    total_plan_time: float
    shared_blks_hit: int
    shared_blks_read: int
    shared_blks_dirtied: int
    shared_blks_written: int
    local_blks_hit: int = 0
    local_blks_read: int = 0
    temp_blks_read: int = 0
    temp_blks_written: int = 0
    shared_blk_read_time: float = 0.0
    shared_blk_write_time: float = 0.0
    temp_blk_read_time: float | None = None
    temp_blk_write_time: float | None = None
    wal_records: int = 0
    wal_fpi: int = 0
    wal_bytes: int = 0
    jit_functions: int | None = None
    jit_generation_time: float | None = None
    stats_since: datetime | None = None  # extension 1.11 on
    nodes: tuple[NodeShare, ...] = ()  # standbys whose counters are in these; empty: all of one server


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementsView:
    """The state of pg_stat_statements itself.

    `status`: ok, absent (not in this database), not_preloaded, no_privilege, damaged (counters without
    texts), failed.
    """

    status: str
    extension_version: str | None = None
    schema: str | None = None
    dealloc: int | None = None  # entries evicted since the reset; 1.9 on
    stats_reset: datetime | None = None
    max_entries: int | None = None
    entries: int | None = None  # of all databases
    entries_other_databases: int | None = None
    texts_hidden: int = 0  # rows whose text the role may not see


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One row of pg_stat_activity at one moment."""

    sampled_at: datetime
    pid: int
    leader_pid: int | None
    database: str | None
    role: str | None
    application_name: str | None
    client_addr: str | None
    backend_type: str
    state: str | None
    wait_event_type: str | None
    wait_event: str | None
    backend_start: datetime | None
    xact_start: datetime | None
    query_start: datetime | None
    state_change: datetime | None
    query_id: int | None  # 14 on
    query: str | None
    xmin_age: int | None
    blocked_by: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadText:
    """A statement given in a file (`--workload`) or found in a log: literals or $n, weighted by `calls`."""

    query: str
    calls: float = 1.0
    source: str = "workload"  # file name, or "activity"
    line: int | None = None
    total_exec_time: float | None = None  # ms, where the source knows it
    # Values of the text's $n that were logged beside it, as (n, value); n without a known value is absent.
    parameters: tuple[tuple[int, str | None], ...] = ()
    role: str | None = None  # who ran it, where the source says


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanRows:
    """A scan in a measured plan that found far more rows than expected: per loop, with the columns it compared."""

    relation: str  # as EXPLAIN prints it: with its schema only where that is asked for
    columns: tuple[str, ...]
    expected: float
    found: float
