"""What a setting should be and how far the present value may be from it before a change is worth proposing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from advisor.settings.configuration import Present
from advisor.settings.facts import Fact
from advisor.settings.values import normalise, plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The value a setting should have, in the setting's own unit (text for switches and words).

    The present value is left alone while it lies within `low` … `high` times the target: hardware formulas are
    not exact enough to justify smaller changes. `effective` replaces a present value that stands for another
    (autovacuum_work_mem = -1 is maintenance_work_mem). With `only_raise` a larger present value is always fine.
    """

    name: str
    value: float | str
    reason: str
    low: float = 0.5
    high: float = 2.0
    only_raise: bool = False
    exact: bool = False  # other values count on this one: every difference matters
    effective: float | None = None
    confidence: str = "high"
    severity: str = "medium"
    evidence: dict[str, Any] = field(default_factory=dict)

    def text(self, fact: Fact) -> str:
        """Return the value as pg_settings.setting, inside the version's legal range."""
        if isinstance(self.value, str):
            return normalise(fact, self.value)
        value = self.value
        if fact.minimum is not None:
            value = max(value, fact.minimum)
        if fact.maximum is not None:
            value = min(value, fact.maximum)
        return plain(value if fact.vartype == "real" else int(value))

    def is_material(self, present: Present, exact: bool) -> bool:
        """Return whether the present value is far enough off to be worth changing.

        `exact` asks for the formula's own value: there is no running server whose value could stay.
        """
        wanted = self.text(present.fact)
        if wanted == present.text:
            return False
        if isinstance(self.value, str):
            return True
        now = self.effective if self.effective is not None else present.number
        target = float(wanted)
        if now == target:
            return False
        if self.only_raise and now >= target:
            return False
        if exact or self.exact:
            return True
        if target <= 0 or now <= 0:
            return now != target
        ratio = now / target
        return ratio <= self.low or (ratio >= self.high and not self.only_raise)
