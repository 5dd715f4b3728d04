"""The other nodes of one database: standbys as the primary sees them, and what was read from each of them itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from advisor.model.activity import Session, StatementCounters, StatementsView
from advisor.model.server import DatabaseCounters, Server, Setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Standby:
    """One row of pg_stat_replication, from sql/standbys.sql. Positions are bytes since 0/0, times seconds."""

    application_name: str
    client_addr: str | None
    state: str | None
    sync_state: str | None
    is_logical: bool  # a subscriber, not a physical standby
    slot_name: str | None = None
    sent_lsn: int | None = None
    replay_lsn: int | None = None
    replay_lag: float | None = None
    backend_xmin_age: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaState:
    """How far a standby has got, from sql/replica_state.sql. Positions are bytes since 0/0."""

    receive_lsn: int | None
    replay_lsn: int | None
    last_replayed_at: datetime | None  # commit time on the primary of the last transaction replayed
    looked_at: datetime
    pause_state: str  # 'not paused', 'pause requested' (14 on), 'paused'
    has_receiver: bool
    receiver_status: str | None = None  # None without the privilege
    received_timeline: int | None = None
    slot_name: str | None = None
    sender_host: str | None = None
    application_name: str | None = None
    fallback_application_name: str | None = None
    primary_lsn: int | None = None  # the primary's position a moment before; filled by code

    @property
    def behind_bytes(self) -> int | None:
        """What the primary had written and this standby had not replayed; never below 0."""
        if self.primary_lsn is None or self.replay_lsn is None:
            return None
        return max(self.primary_lsn - self.replay_lsn, 0)

    @property
    def listed_as(self) -> str | None:
        """The application_name under which the primary lists this standby."""
        return self.application_name or self.fallback_application_name


@dataclass(frozen=True, slots=True, kw_only=True)
class StandbyConflicts:
    """Queries cancelled by recovery since the statistics' reset, from sql/standby_conflicts.sql."""

    tablespace: int
    lock: int
    snapshot: int
    bufferpin: int
    deadlock: int
    active_logicalslot: int | None = None  # 16 on

    @property
    def total(self) -> int:
        return (
            self.tablespace
            + self.lock
            + self.snapshot
            + self.bufferpin
            + self.deadlock
            + (self.active_logicalslot or 0)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexUse:
    """How often one index was used on a standby; indexes without a row were not used there."""

    schema: str
    name: str
    idx_scan: int
    idx_tup_read: int
    idx_tup_fetch: int
    last_idx_scan: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TableUse:
    """How often one table was read on a standby; tables without a row were not read there."""

    schema: str
    name: str
    seq_scan: int
    seq_tup_read: int
    idx_scan: int
    idx_tup_fetch: int
    heap_blks_read: int
    heap_blks_hit: int
    last_seq_scan: datetime | None = None
    last_idx_scan: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Replica:
    """One standby that was asked for with --replica: read, or the reason why not."""

    name: str  # host:port as in its DSN, without user and password
    status: str  # read, unreachable, refused
    why: str | None = None
    server: Server | None = None
    state: ReplicaState | None = None
    settings: tuple[Setting, ...] = ()  # those that concern replication
    conflicts: StandbyConflicts | None = None
    counters: DatabaseCounters | None = None
    statements_view: StatementsView = field(default_factory=lambda: StatementsView(status="failed"))
    statements: tuple[StatementCounters, ...] = ()
    sessions: tuple[Session, ...] = ()
    indexes: tuple[IndexUse, ...] = ()
    tables: tuple[TableUse, ...] = ()
    uses_known: bool = False  # `indexes` and `tables` were read; empty then means not used

    @property
    def is_read(self) -> bool:
        return self.status == "read"

    @property
    def counting_since(self) -> datetime | None:
        """Since when its index and table counters count, at the latest; None when unknown."""
        reset = self.counters.stats_reset if self.counters is not None else None
        return reset or (self.server.started_at if self.server is not None else None)

    def setting(self, name: str) -> Setting | None:
        """Return the setting `name` as this standby has it."""
        return next((s for s in self.settings if s.name == name), None)
