"""Queries that standbys cancelled because they stood in the way of recovery."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from advisor.model.finding import Severity
from advisor.model.offence import Offence, Unjudged
from advisor.model.replica import Replica
from advisor.model.snapshot import Snapshot
from advisor.model.standbys import read_standbys, unread_standbys

_WORDS = {
    "tablespace": "a dropped tablespace",
    "lock": "a lock that replay needed",
    "snapshot": "rows that vacuum removed on the primary",
    "bufferpin": "a page that replay had to clean up",
    "deadlock": "a deadlock with replay",
    "active_logicalslot": "a logical slot on the standby",
}
_DAY = 86400.0


def check(snapshot: Snapshot, params: Mapping[str, Any]) -> Iterator[Offence | Unjudged]:
    yield from unread_standbys(snapshot)
    for replica in read_standbys(snapshot):
        conflicts, since = replica.conflicts, replica.counting_since
        if conflicts is None or since is None or replica.server is None:
            continue
        seconds = (replica.server.collected_at - since).total_seconds()
        # Less than a day of counters counts as one: an hour says little about a day.
        per_day = conflicts.total / max(seconds / _DAY, 1.0)
        if conflicts.total < params["min_conflicts"] or per_day < params["per_day"]:
            continue
        counts = {name: count for name, count in asdict(conflicts).items() if count}
        ordered = sorted(counts, key=lambda name: -counts[name])
        yield Offence(
            object=f"standby {replica.name}",
            evidence={"total": conflicts.total, "seconds": round(seconds), "per_day": per_day, **counts},
            values={
                "main": ordered[0],
                "reasons": [f"{counts[name]:,} for {_WORDS[name]}" for name in ordered],
                "feedback": _value(replica, "hot_standby_feedback"),
                "delay": _delay(replica),
            },
            severity=Severity.HIGH if per_day >= params["high_per_day"] else None,
            weight=conflicts.total,
        )


def _value(replica: Replica, name: str) -> str:
    setting = replica.setting(name)
    return setting.setting or "unknown" if setting is not None else "unknown"


def _delay(replica: Replica) -> str:
    """Return max_standby_streaming_delay as people write it; the server gives milliseconds."""
    value = _value(replica, "max_standby_streaming_delay")
    if value == "-1":
        return "-1 (replay waits for ever)"
    return f"{int(value) / 1000:g}s" if value.isdigit() else value
