"""All targets together, added up as they come in: memory grows with the targets' names, not with their reports."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from advisor.deliver.outcome import Outcome, Step
from advisor.fleet.followed import FleetLedger, Followed
from advisor.model.finding import Severity

_FIRST_STEPS = 3
# So many names are kept per finding; beyond them only the number.
_NAMED = 20
_RANK = {severity.value: severity.rank for severity in Severity}


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look at one database of a fleet, as it comes back from a worker."""

    outcome: Outcome
    labels: tuple[tuple[str, str], ...] = ()
    server: str | None = None  # the same for all databases of one server
    size_bytes: int | None = None
    outputs: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()  # outputs and history that failed: the look itself stands
    peak_memory_bytes: int = 0
    families: tuple[object, ...] = ()  # metrics, where they are wanted
    followed: Followed = field(default_factory=Followed)  # what became of proposals


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the fleet's page."""

    name: str
    labels: tuple[tuple[str, str], ...]
    server: str | None
    database: str | None
    version: str | None
    size_bytes: int | None
    status: str  # failed findings ok
    error: str | None
    exit_code: int
    seconds: float
    worst: str | None
    counts: tuple[tuple[str, int], ...]
    changes: tuple[tuple[str, int], ...] | None
    steps: tuple[Step, ...]
    steps_total: int
    outputs: tuple[str, ...]
    problems: tuple[str, ...]

    @property
    def order(self) -> tuple[object, ...]:
        """Failed ones first, then by what is worst and how much of it, then by name."""
        counts = dict(self.counts)
        return (self.status != "failed", *(-counts.get(severity.value, 0) for severity in Severity), self.name)


@dataclass
class Shared:
    """One finding, and where it was found."""

    key: str
    severity: str
    title: str
    count: int = 0
    targets: list[str] = field(default_factory=list)
    servers: set[str] = field(default_factory=set)


@dataclass
class Tally:
    """What is known of the fleet so far."""

    rows: list[Row] = field(default_factory=list)
    shared: dict[str, Shared] = field(default_factory=dict)
    peak_memory_bytes: int = 0
    ledger: FleetLedger = field(default_factory=FleetLedger)

    def add(self, look: Look) -> None:
        """Count one look in."""
        outcome = look.outcome
        self.peak_memory_bytes = max(self.peak_memory_bytes, look.peak_memory_bytes)
        self.rows.append(
            Row(
                name=outcome.target, labels=look.labels, server=look.server, database=outcome.database,
                version=outcome.version, size_bytes=look.size_bytes, status=outcome.status, error=outcome.error,
                exit_code=outcome.exit_code, seconds=outcome.seconds, worst=outcome.worst, counts=outcome.counts,
                changes=outcome.changes, steps=outcome.steps[:_FIRST_STEPS], steps_total=outcome.steps_total,
                outputs=look.outputs, problems=look.problems,
            )
        )  # fmt: skip
        self.ledger.add(look.followed)
        for step in outcome.steps:
            known = self.shared.setdefault(step.key, Shared(step.key, step.severity, step.title))
            known.count += 1
            if _RANK[step.severity] < _RANK[known.severity]:
                known.severity, known.title = step.severity, step.title
            if len(known.targets) < _NAMED:
                known.targets.append(outcome.target)
            if look.server is not None:
                known.servers.add(look.server)

    @property
    def ranked(self) -> list[Row]:
        """All rows, what needs attention first."""
        return sorted(self.rows, key=lambda row: row.order)

    @property
    def failed(self) -> list[Row]:
        return [row for row in self.ranked if row.status == "failed"]

    @property
    def servers(self) -> int:
        return len({row.server for row in self.rows if row.server is not None})

    def across(self) -> list[Shared]:
        """Findings of more than one database, the worst and most widespread first."""
        found = [shared for shared in self.shared.values() if shared.count > 1]
        return sorted(found, key=lambda s: (_RANK[s.severity], -s.count, s.key))

    @property
    def exit_code(self) -> int:
        """3 when a target could not be looked at or delivered, else 1 when one has findings, else 0."""
        if any(row.status == "failed" or row.problems for row in self.rows):
            return 3
        return int(any(row.exit_code == 1 for row in self.rows))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """The fleet's page, ready to be rendered."""

    at: datetime
    tool_version: str
    seconds: float
    workers: int
    shard: str | None
    peak_memory_bytes: int
    tally: Tally

    @property
    def counts(self) -> dict[str, int]:
        """Things to do by severity, over all databases."""
        return _sum(row.counts for row in self.tally.rows)

    @property
    def changes(self) -> dict[str, int] | None:
        known = [row.changes for row in self.tally.rows if row.changes is not None]
        return _sum(known) if known else None


def _sum(items: Iterable[Iterable[tuple[str, int]]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for pairs in items:
        for name, count in pairs:
            total[name] = total.get(name, 0) + count
    return total
