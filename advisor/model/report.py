"""The report: what analysis concludes, in the shape every renderer and the JSON schema share."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from advisor.model.finding import Finding
from advisor.model.history import Changes, StatementPlan
from advisor.model.names import RelationName
from advisor.model.snapshot import Gap
from advisor.model.workload import UnusableStatement


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementEffect:
    """What a proposal does to one statement; costs are planner cost units per call."""

    fingerprint: str
    query: str
    calls: float
    cost_before: float
    cost_after: float


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexProposal:
    """An index to create. Costs are planner units summed over the workload (cost × calls)."""

    ddl: str  # CREATE INDEX CONCURRENTLY …
    undo_ddl: str
    table: RelationName
    name: str
    method: str
    columns: tuple[str, ...]
    size_bytes: int
    cost_before: float
    cost_after: float
    statements: tuple[StatementEffect, ...]  # helped, by benefit
    hurt: tuple[StatementEffect, ...]
    write_cost: float  # planner units per window for maintaining it
    reason: str
    confidence: str = "high"
    evidence: str = ""
    lock: str = "SHARE UPDATE EXCLUSIVE: reads and writes go on while it is built"
    build_class: str = ""  # seconds, minutes, hours, with the estimate
    after_ddl: tuple[str, ...] = ()  # ANALYZE after an expression index
    replaces: tuple[str, ...] = ()  # existing indexes it makes redundant
    frees_bytes: int = 0  # by the wider index it stands in for: then it serves statements no better than that did


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexDrop:
    """An index to drop."""

    ddl: str
    undo_ddl: str
    index: RelationName
    table: RelationName
    reason: str
    kind: str  # duplicate redundant invalid unused outdated replaced (the last two by proposed indexes)
    size_bytes: int
    confidence: str = "high"
    hurt: tuple[StatementEffect, ...] = ()  # statements that get worse by the planner, empty when proven harmless
    checked: int = 0  # statements re-planned without it
    unused_since: datetime | None = None  # of an unused one: no node has used it since, as far as is known


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexRejection:
    """A candidate that was considered and refused, with the reason."""

    ddl: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexAdvice:
    """The answer for the whole workload."""

    create: tuple[IndexProposal, ...] = ()
    drop: tuple[IndexDrop, ...] = ()
    rejected: tuple[IndexRejection, ...] = ()
    cost_before: float = 0.0
    cost_after: float = 0.0
    cost_bound: float | None = None  # no set of these candidates costs less, if more indexes never raise a cost
    bound_checks: int = 0  # pairs of plans that could show it wrong,
    bound_violations: int = 0  # those that do,
    bound_excess: float = 0.0  # and the largest excess, as a share
    statements: int = 0
    unusable: tuple[UnusableStatement, ...] = ()
    candidates: int = 0
    plans_asked: int = 0
    planner: str = ""  # "twin (15.18)", "HypoPG on the server"
    complete: bool = True  # False: the search's time was over, and more proposals may be missing
    notes: tuple[str, ...] = ()
    # (statement key, (cost per call now, with the proposals)) for every statement that could be planned
    statement_costs: tuple[tuple[str, tuple[float, float]], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingProposal:
    """One setting to change; values as PostgreSQL writes them (`8GB`)."""

    name: str
    current: str
    current_source: str
    proposed: str
    reason: str
    restart: bool
    apply_sql: tuple[str, ...]
    undo_sql: tuple[str, ...]
    confidence: str = "high"
    severity: str = "medium"
    evidence: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """From users to connections: Little's law with every assumption listed. Times in seconds, sizes in bytes."""

    users: int
    requests_per_second: float  # at the peak
    busy: float  # connections busy at the peak
    pool: int  # server connections of the pooler
    cores: int  # the smallest usual number that carries the pool
    max_connections: int
    max_client_connections: int  # clients of the pooler
    ram_bytes: int | None = None
    work_mem_bytes: int | None = None
    worst_case_bytes: int | None = None
    application_connections: int | None = None  # pool x processes x servers of the application
    pgbouncer_ini: str = ""
    assumptions: tuple[str, ...] = ()  # "one request per user in 10 s (assumed)"
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsAdvice:
    """Settings with the memory arithmetic that holds them together."""

    proposals: tuple[SettingProposal, ...] = ()
    worst_case_bytes_now: int | None = None
    worst_case_bytes_proposed: int | None = None
    memory_now: tuple[tuple[str, int], ...] = ()  # what the worst case is made of: part, bytes; for the plot
    memory_proposed: tuple[tuple[str, int], ...] = ()
    ram_bytes: int | None = None
    ram_source: str | None = None
    cores: float | None = None
    cores_source: str | None = None
    profile: str = "mixed"
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()  # setting, why nothing is proposed (provider, unknown RAM)
    sound: tuple[str, ...] = ()  # settings that were judged and may stay
    capacity: Capacity | None = None  # where the number of users is given


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionStatus:
    """One table against its window."""

    table: RelationName
    rule: str  # ret.overdue, ret.no_enforcement, ret.ok, …
    severity: str
    policy: str  # "90 days (default for geolocation tables)"
    policy_is_default: bool
    time_column: str | None
    oldest: datetime | None
    oldest_source: str  # min() by index, histogram bound, partition bound, unknown
    expired_rows: int | None
    expired_bytes: int | None
    enforcement: str  # what was found to enforce it, or where was looked
    detail: str
    sql: tuple[str, ...] = ()
    undo_sql: tuple[str, ...] = ()
    confidence: str = "medium"
    evidence: dict[str, Any] = field(default_factory=dict)
    window_days: float | None = None  # the window of `policy` in days, for the timeline; None: keeps for ever


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One standby that was asked for, and what of it is in the report."""

    name: str
    status: str  # read, refused, unreachable
    why: str | None = None  # why it was not read
    calls: int | None = None  # of statements, that are in the report
    since: datetime | None = None  # they were counted since
    behind_bytes: int | None = None  # what the primary had written and this one had not replayed


@dataclass(frozen=True, slots=True, kw_only=True)
class Fidelity:
    """How the what-if planner compares with the server's own."""

    planner: str  # twin or hypopg
    server_version: str
    twin_version: str | None
    compared: int
    exact: int  # same total cost to the last printed digit
    same_shape: int
    worst_error: float | None  # relative
    withheld: tuple[str, ...] = ()  # statement keys without advice because they do not match
    doubted: tuple[str, ...] = ()  # statement keys whose plan is another one here: advice on them is less sure
    degraded: tuple[str, ...] = ()  # objects that could not be restored
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementSummary:
    """One line of the workload table."""

    fingerprint: str
    query: str
    calls: float
    total_exec_time: float | None  # ms
    mean_exec_time: float | None
    rows: float | None
    share: float | None  # of the window's execution time
    cost_before: float | None
    cost_after: float | None
    cost_band: tuple[float, float] | None = None  # cheapest and dearest scenario now
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A rule that could not be judged."""

    rule: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RelationSize:
    """For the size plot."""

    relation: RelationName
    heap_bytes: int
    index_bytes: int
    toast_bytes: int
    rows: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything said about one database."""

    tool_version: str
    generated_at: datetime
    version_num: int
    version: str
    database: str
    provider: str
    since: datetime | None
    until: datetime | None
    database_size_bytes: int | None
    findings: tuple[Finding, ...]  # health rules and everything else that is a finding, worst first
    indexes: IndexAdvice | None
    settings: SettingsAdvice | None
    retention: tuple[RetentionStatus, ...]
    gaps: tuple[Gap, ...]
    skipped: tuple[Skipped, ...]
    passed: tuple[str, ...] = ()  # rules that looked and found nothing
    fidelity: Fidelity | None = None
    workload: tuple[StatementSummary, ...] = ()
    sizes: tuple[RelationSize, ...] = ()
    total_exec_time: float | None = None  # ms in the window
    timings: dict[str, float] = field(default_factory=dict)  # seconds per stage
    peak_memory_bytes: int | None = None
    subjects: tuple[str, ...] = ("index", "settings", "retention", "health")
    nodes: tuple[Node, ...] = ()  # the standbys that were asked for; empty: one server
    changes: Changes | None = None  # with --history: what is new since the last run
    plans: tuple[StatementPlan, ...] = ()  # of the dearest statements, where history asked for them
