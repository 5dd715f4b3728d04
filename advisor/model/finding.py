"""Findings and remedies: the one shape of everything the advisor says."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    """How bad it is; the order of definition is the order of the report."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for critical … 4 for info."""
        return list(Severity).index(self)


class Confidence(StrEnum):
    """How sure the advisor is of a finding."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """What a person can run. `sql` statements are run one by one, outside a transaction block."""

    sql: tuple[str, ...] = ()
    undo_sql: tuple[str, ...] = ()
    lock: str | None = None  # the strongest lock taken and for how long
    note: str | None = None  # what to watch, what it costs


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing worth doing. `key` is stable from run to run and contains no OID: '<rule>:<object>'."""

    rule: str  # 'indexes/unused_index'
    severity: Severity
    confidence: Confidence
    title: str  # one line: what is wrong, with the object
    object: str  # 'public.orders', 'setting:work_mem', 'server'
    detail: str  # why it matters, what it wins, what it costs; plain sentences
    evidence: dict[str, Any] = field(default_factory=dict)
    remedy: Remedy = Remedy()
    subject: str = "health"  # health index settings retention workload

    @property
    def key(self) -> str:
        return f"{self.rule}:{self.object}"
