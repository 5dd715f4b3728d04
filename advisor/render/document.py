"""The JSON report, version 1: its keys, their types and meaning. The published schema is made from these classes.

New keys may be added; what stands here keeps its name, type and meaning. Readers must accept unknown keys.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from advisor.model.history import Changes

SCHEMA_VERSION = 1

Severity = Annotated[
    str, Meta(description="critical, high, medium, low or info", pattern="^(critical|high|medium|low|info)$")
]
Confidence = Annotated[str, Meta(description="high, medium or low")]
Sql = Annotated[list[str], Meta(description="Statements to run one by one, outside a transaction block, in this order")]
UndoSql = Annotated[list[str], Meta(description="Statements that take the change back")]
Cost = Annotated[float | None, Meta(description="Planner cost units; null when unknown")]
Bytes = Annotated[int | None, Meta(description="Bytes; null when unknown")]
Milliseconds = Annotated[float | None, Meta(description="Milliseconds; null when unknown")]
Query = Annotated[str, Meta(description="Text of the statement, cut after 4,000 characters with a note")]
Relation = Annotated[str, Meta(description="Schema-qualified, quoted where SQL needs it")]
Time = Annotated[datetime, Meta(tz=True)]
Moment = Annotated[Time | None, Meta(description="ISO 8601 in UTC; null when unknown")]


class Tool(msgspec.Struct):
    """The program that made the report."""

    name: str
    version: str


class ServerPart(msgspec.Struct):
    """The server and database that were examined."""

    version_num: Annotated[int, Meta(description="server_version_num, e.g. 150018")]
    version: str
    database: str
    provider: Annotated[str, Meta(description="self-hosted, rds, aurora, neon, supabase, …")]
    database_size_bytes: Bytes


class NodePart(msgspec.Struct):
    """A standby that was asked for (--replica), and what of it is in the report."""

    name: str
    status: Annotated[str, Meta(description="read, refused or unreachable")]
    why: Annotated[str | None, Meta(description="Why it was not read")]
    calls: Annotated[int | None, Meta(description="Of its statements; they are in the workload's numbers")]
    since: Moment
    behind_bytes: Annotated[int | None, Meta(description="Written by the primary and not replayed yet")]


class Window(msgspec.Struct):
    """The time that the cumulative statistics cover."""

    since: Moment
    until: Moment


class RemedyPart(msgspec.Struct):
    """What a person can run."""

    sql: Sql
    undo_sql: UndoSql
    lock: Annotated[str | None, Meta(description="The strongest lock taken and for how long")]
    note: Annotated[str | None, Meta(description="What to watch, what it costs")]


class FindingPart(msgspec.Struct):
    """One thing worth knowing. Ordered by severity, rule, object."""

    key: Annotated[str, Meta(description="Stable from run to run; holds no OID")]
    rule: str
    severity: Severity
    confidence: Confidence
    subject: str
    title: str
    object: str
    detail: str
    evidence: Annotated[dict[str, Any], Meta(description="The numbers behind it; keys depend on the rule")]
    remedy: RemedyPart


class ActionPart(msgspec.Struct):
    """One step of 'what to do first'. Ordered by severity, then by what it wins."""

    key: str
    rule: str
    subject: str
    severity: Severity
    confidence: Confidence
    object: str
    title: str
    why: str
    win: str
    costs: str
    share: Annotated[float, Meta(description="Share of the whole that it wins, 0 to 1", ge=0, le=1)]
    sql: Sql
    undo_sql: UndoSql


class EffectPart(msgspec.Struct):
    """What a proposal does to one statement; costs are per call."""

    fingerprint: str
    query: Query
    calls: float | None
    cost_before: Cost
    cost_after: Cost


class CreatePart(msgspec.Struct):
    """An index to create. Costs are summed over the workload (cost × calls). Ordered as the search chose them."""

    ddl: str
    undo_ddl: str
    after_ddl: Annotated[list[str], Meta(description="To run after it, e.g. ANALYZE for an index on an expression")]
    table: Relation
    name: str
    method: str
    columns: list[str]
    size_bytes: int
    cost_before: Cost
    cost_after: Cost
    statements: Annotated[list[EffectPart], Meta(description="Statements helped, by benefit")]
    hurt: Annotated[list[EffectPart], Meta(description="Statements that get dearer")]
    write_cost: Annotated[float | None, Meta(description="Planner units per window for maintaining it")]
    reason: str
    confidence: Confidence
    evidence: str
    lock: str
    build_class: str
    replaces: Annotated[list[str], Meta(description="Existing indexes it makes redundant")]
    frees_bytes: Annotated[int, Meta(description="Size of the wider index it stands in for, if it does")]


class DropPart(msgspec.Struct):
    """An index to drop."""

    ddl: str
    undo_ddl: str
    index: Relation
    table: Relation
    reason: str
    kind: Annotated[
        str, Meta(description="duplicate, redundant, invalid, unused; by proposed indexes: outdated, replaced")
    ]
    size_bytes: int
    confidence: Confidence
    hurt: list[EffectPart]
    checked: Annotated[int, Meta(description="Statements that were planned again without it")]
    unused_since: Annotated[
        datetime | None, Meta(description="Of an unused one: no node that was read has used it since")
    ] = None


class RejectedPart(msgspec.Struct):
    """A candidate that was considered and refused."""

    ddl: str
    reason: str


class UnusablePart(msgspec.Struct):
    """A text of the workload that took no part in planning."""

    text: Query
    calls: float | None
    total_exec_time: Milliseconds
    reason: str
    category: str


class IndexWorkload(msgspec.Struct):
    """The whole workload under the proposals."""

    cost_before: Cost
    cost_after: Cost
    cost_bound: Annotated[float | None, Meta(description="No choice among the candidates can cost less")]
    complete: Annotated[bool, Meta(description="False: the time of the search was over, and indexes may be missing")]
    statements: int
    candidates: int
    planner: str
    unusable: Annotated[list[UnusablePart], Meta(description="At most 1,000; unusable_total counts all")]
    unusable_total: int


class IndexesPart(msgspec.Struct):
    """The index search; empty lists where it did not run."""

    create: list[CreatePart]
    drop: list[DropPart]
    rejected: list[RejectedPart]
    workload: IndexWorkload
    notes: list[str]


class SettingPart(msgspec.Struct):
    """A setting to change; values as PostgreSQL writes them."""

    name: str
    current: str
    current_source: str
    proposed: str
    reason: str
    restart: bool
    severity: Severity
    confidence: Confidence
    apply_sql: Sql
    undo_sql: UndoSql
    evidence: dict[str, Any]


class SettingsContext(msgspec.Struct):
    """What the settings were computed from, and the memory they add up to."""

    ram_bytes: Bytes
    ram_source: str | None
    cores: float | None
    cores_source: str | None
    profile: str
    worst_case_bytes_now: Bytes
    worst_case_bytes_proposed: Bytes
    notes: list[str]
    refused: Annotated[list[dict[str, str]], Meta(description="Settings without a proposal: name and why")]


class RetentionPart(msgspec.Struct):
    """A table against its retention window."""

    table: Relation
    rule: str
    severity: Severity
    policy: str
    policy_is_default: bool
    time_column: str | None
    oldest: Moment
    oldest_source: str
    expired_rows: int | None
    expired_bytes: Bytes
    enforcement: str
    detail: str
    confidence: Confidence
    sql: Sql
    undo_sql: UndoSql
    evidence: dict[str, Any]


class StatementPart(msgspec.Struct):
    """A statement of the workload; costs are per call. Ordered by execution time."""

    fingerprint: str
    query: Query
    calls: float | None
    total_exec_time: Milliseconds
    mean_exec_time: Milliseconds
    rows: float | None
    share: Annotated[float | None, Meta(description="Of the window's execution time, 0 to 1")]
    cost_before: Cost
    cost_after: Cost
    notes: list[str]


class FidelityPart(msgspec.Struct):
    """How the what-if planner compares with the server's own."""

    planner: str
    server_version: str
    twin_version: str | None
    compared: int
    exact: Annotated[int, Meta(description="Statements with the same total cost to the last printed digit")]
    same_shape: int
    worst_error: Annotated[float | None, Meta(description="Relative error of the total cost")]
    withheld: list[str]
    degraded: list[str]
    note: str | None


class SizePart(msgspec.Struct):
    """The size of one relation."""

    relation: Relation
    heap_bytes: int
    index_bytes: int
    toast_bytes: int
    rows: float | None


class GapPart(msgspec.Struct):
    """Something that could not be read."""

    what: str
    why: str
    fix: str | None
    costs: Annotated[str | None, Meta(description="What the report lacks because of it")]


class SkippedPart(msgspec.Struct):
    """A rule that could not be judged."""

    rule: str
    why: str


class Document(msgspec.Struct):
    """A pgadvise report. Every list is in a fixed order; keys may be added, none changes its meaning."""

    schema_version: Annotated[int, Meta(description="1", ge=1, le=1)]
    tool: Tool
    generated_at: Time
    server: ServerPart
    window: Window
    subjects: Annotated[list[str], Meta(description="Parts that were asked for: index, settings, retention, health")]
    actions: list[ActionPart]
    findings: list[FindingPart]
    indexes: IndexesPart
    settings: list[SettingPart]
    settings_context: SettingsContext | None
    retention: list[RetentionPart]
    workload: Annotated[list[StatementPart], Meta(description="At most 1,000; workload_total counts all")]
    workload_total: int
    total_exec_time: Milliseconds
    fidelity: FidelityPart | None
    sizes: list[SizePart]
    nodes: Annotated[list[NodePart], Meta(description="Standbys that were read beside the primary")]
    gaps: list[GapPart]
    skipped: list[SkippedPart]
    passed: Annotated[list[str], Meta(description="Rules that looked and found nothing")]
    timings: Annotated[dict[str, float], Meta(description="Seconds per stage")]
    peak_memory_bytes: Bytes
    changes: Annotated[
        Changes | None, Meta(description="With --history: what is new since the last run; null without")
    ] = None
    changed: Annotated[
        bool | None, Meta(description="With --history: whether this run says something the last one did not")
    ] = None
