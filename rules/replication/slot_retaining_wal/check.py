"""Slots that keep WAL for a consumer that is gone or slow, and slots that have lost it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from advisor.model.finding import Severity
from advisor.model.offence import Offence
from advisor.model.snapshot import Snapshot


def check(rows: Sequence[Mapping[str, Any]], snapshot: Snapshot, params: Mapping[str, Any]) -> Iterator[Offence]:
    for row in rows:
        lost = row["wal_status"] == "lost" or row["reason"] is not None
        retained = row["retained_bytes"] or 0
        limit = row["limit_mb"] << 20 if (row["limit_mb"] or -1) >= 0 else None
        # Close to its limit a slot is in danger however small the limit is.
        endangered = row["wal_status"] == "unreserved" or (limit is not None and retained >= 0.9 * limit > 0)
        too_much = retained >= params["high_retained" if row["active"] else "min_retained"]
        idle = _idle_seconds(row, snapshot)
        forgotten = not row["active"] and idle is not None and idle >= params["max_inactive"]
        if not (lost or endangered or too_much or forgotten):
            continue
        yield Offence(
            object=f"slot {row['name']}",
            evidence={
                "name": row["name"],
                "type": row["type"],
                "active": row["active"],
                "retained_bytes": retained,
                "limit_bytes": limit,
                "lost": lost,
                "reason": row["reason"],
                "inactive_since": row["inactive_since"],
            },
            severity=Severity.HIGH
            if lost or endangered or retained >= params["high_retained"]
            else None
            if too_much
            else Severity.LOW,
            weight=retained,
        )


def _idle_seconds(row: Mapping[str, Any], snapshot: Snapshot) -> float | None:
    """Return how long nobody has used the slot; known from PostgreSQL 17 on."""
    since = row["inactive_since"]
    if since is None:
        return None
    return (snapshot.server.collected_at - datetime.fromisoformat(since)).total_seconds()
