"""Entries lost for want of room, by their rate where the window is known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from advisor.model.offence import Offence
from advisor.model.snapshot import Snapshot

_DAY = 86400


def check(snapshot: Snapshot, params: Mapping[str, Any]) -> Iterator[Offence]:
    view = snapshot.statements_view
    if not view.dealloc or view.max_entries is None:
        return
    per_day = None
    if view.stats_reset is not None:
        window = max((snapshot.server.collected_at - view.stats_reset).total_seconds(), 3600)
        per_day = view.dealloc / window * _DAY
        if per_day <= params["max_per_day"]:
            return
    yield Offence(
        object="pg_stat_statements",
        evidence={
            "dealloc": view.dealloc,
            "per_day": per_day,
            "max_entries": view.max_entries,
            "other": view.entries_other_databases,
        },
        values={"wanted": min(max(2 * view.max_entries, 10000), 100_000)},
    )
