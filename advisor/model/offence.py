"""What a rule's check found, before it is put into words: rule.toml's templates turn it into a Finding."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from advisor.model.finding import Confidence, Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Offence:
    """One object that breaks a rule.

    `object` is the quoted SQL name ('public.orders'), 'server', 'database' or 'setting:<name>'; it makes the finding's
    stable key, so it holds no OID, pid or number that changes. `evidence` is JSON-able and shown to people and
    machines; the templates see it, too. `values` are for the templates only (names for the remedy's SQL).
    """

    object: str
    evidence: dict[str, Any] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    severity: Severity | None = None  # None: the rule's own
    confidence: Confidence | None = None
    weight: float = 0.0  # within one severity the heavier comes first: bytes, rows, seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Unjudged:
    """What a check could not look at: the rule is then listed as skipped with this reason, even if it found other
    offences, and never as passed."""

    why: str
