"""Sessions opened for a few queries each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from advisor.model.offence import Offence
from advisor.model.snapshot import Snapshot


def check(snapshot: Snapshot, params: Mapping[str, Any]) -> Iterator[Offence]:
    counters = snapshot.database_counters
    if counters is None or counters.sessions is None or counters.session_time is None:
        return
    if counters.sessions < params["min_sessions"]:
        return
    mean_seconds = counters.session_time / 1000 / counters.sessions
    per_second = None
    if counters.stats_reset is not None:
        window = (snapshot.server.collected_at - counters.stats_reset).total_seconds()
        per_second = counters.sessions / max(window, 1)
    if mean_seconds <= params["max_length"] and (per_second is None or per_second >= params["min_per_second"]):
        yield Offence(
            object="database",
            evidence={"sessions": counters.sessions, "mean_seconds": mean_seconds, "per_second": per_second},
        )
