"""An upgrade rehearsed: what the next major does to the workload, the settings and the schema."""

from __future__ import annotations

from dataclasses import dataclass

from advisor.model.snapshot import Gap


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanChange:
    """One statement whose plan or cost is another on the next major; costs are planner units per call."""

    fingerprint: str
    query: str
    calls: float
    cost_before: float
    cost_after: float
    plan_before: tuple[str, ...]  # one line per node: 'Index Scan using orders_pkey on orders'
    plan_after: tuple[str, ...]

    @property
    def weight(self) -> float:
        """What it changes over the window: planner units, positive is worse."""
        return (self.cost_after - self.cost_before) * self.calls


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingChange:
    """A setting that the upgrade touches."""

    name: str
    kind: str  # removed, default, range
    before: str
    after: str | None
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeNote:
    """Something in the schema or the statements that the next major treats differently."""

    severity: str
    title: str
    objects: tuple[str, ...]
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeReport:
    """The rehearsal. `failed`: (query, reason) of statements that only the next major refuses."""

    from_version: str
    to_version: str
    database: str
    compared: int
    same: int
    cost_before: float  # over the workload: cost times calls
    cost_after: float
    worse: tuple[PlanChange, ...]
    better: tuple[PlanChange, ...]
    changed: tuple[PlanChange, ...]  # another plan at about the same cost
    failed: tuple[tuple[str, str], ...]
    settings: tuple[SettingChange, ...]
    notes: tuple[UpgradeNote, ...]
    gaps: tuple[Gap, ...] = ()
