"""Deadlocks of this database, by rate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from advisor.model.finding import Severity
from advisor.model.offence import Offence
from advisor.model.snapshot import Snapshot

_DAY = 86400


def check(snapshot: Snapshot, params: Mapping[str, Any]) -> Iterator[Offence]:
    counters = snapshot.database_counters
    if counters is None or not counters.deadlocks:
        return
    per_day = None
    if counters.stats_reset is not None:
        window = max((snapshot.server.collected_at - counters.stats_reset).total_seconds(), _DAY)
        per_day = counters.deadlocks / window * _DAY
    if per_day is None and counters.deadlocks < params["min_total"]:
        return
    if per_day is not None and per_day < params["min_per_day"]:
        return
    often = per_day is not None and per_day >= 24 * params["min_per_day"]
    yield Offence(
        object="database",
        evidence={"deadlocks": counters.deadlocks, "per_day": per_day},
        severity=Severity.MEDIUM if often else None,
    )
