"""What one run came to, in the words and numbers that mail, webhook and metrics share. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from advisor.model.finding import Severity
from advisor.model.report import Report
from advisor.render import items, worst
from advisor.render.clean import one_line

_TITLES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing to do, short."""

    key: str
    severity: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One look at one database, or the sentence why there was none."""

    target: str
    at: datetime
    exit_code: int
    seconds: float
    database: str | None = None
    version: str | None = None
    error: str | None = None  # one sentence; nothing below is then known
    hint: str | None = None
    counts: tuple[tuple[str, int], ...] = ()  # severity, number of things to do; every severity, worst first
    worst: str | None = None
    steps: tuple[Step, ...] = ()  # the first of them, worst first
    steps_total: int = 0
    gaps: int = 0
    changes: tuple[tuple[str, int], ...] | None = None  # new, worse, overdue …; None: no history, or the first run

    @property
    def looked(self) -> bool:
        return self.error is None

    @property
    def status(self) -> str:
        """failed, findings (at or above --fail-on), or ok."""
        return "failed" if not self.looked else "findings" if self.exit_code == 1 else "ok"


def outcome_of(report: Report, target: str, exit_code: int, seconds: float) -> Outcome:
    """Return what a report came to."""
    found = [item for item in items(report) if item.severity is not Severity.INFO]
    severities = Counter(item.severity for item in found)
    first = worst(report)
    changes = report.changes
    return Outcome(
        target=target,
        at=report.generated_at,
        exit_code=exit_code,
        seconds=seconds,
        database=report.database,
        version=report.version.split(" (", 1)[0],
        counts=tuple((s.value, severities[s]) for s in Severity if s is not Severity.INFO),
        worst=first.value if first is not None else None,
        steps=tuple(Step(key=i.key, severity=i.severity.value, title=one_line(i.title)) for i in found[:_TITLES]),
        steps_total=len(found),
        gaps=len(report.gaps),
        changes=tuple(changes.counts.items()) if changes is not None and changes.previous is not None else None,
    )


def headline(outcome: Outcome) -> str:
    """Return one line for a subject or a chat message.

    >>> from datetime import UTC
    >>> headline(Outcome(target="shop", at=datetime.now(UTC), exit_code=1, seconds=1, counts=(("high", 2),)))
    'pgadvise shop: 2 high'
    """
    if outcome.error is not None:
        return f"pgadvise {outcome.target}: could not look. {outcome.error}"
    said = ", ".join(f"{count} {severity}" for severity, count in outcome.counts if count) or "nothing to do"
    if outcome.changes:
        said += "; " + ", ".join(f"{count} {name}" for name, count in outcome.changes)
    elif outcome.changes is not None:
        said += "; nothing new"
    return f"pgadvise {outcome.target}: {said}"


def speaks(report: Report, exit_code: int, fail_on: str) -> bool:
    """Whether a quiet run has something to say: at or above --fail-on, or new since the last run.

    Where neither a limit nor a history is there to judge by, every report is wanted.
    """
    changes = report.changes
    if fail_on == "never" and changes is None:
        return True
    return exit_code == 1 or (changes is not None and changes.changed)
