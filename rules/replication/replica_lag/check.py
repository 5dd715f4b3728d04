"""Standbys that were read themselves: how far replay is behind, and whether it runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from advisor.model.finding import Severity
from advisor.model.offence import Offence, Unjudged
from advisor.model.replica import Replica
from advisor.model.snapshot import Snapshot
from advisor.model.standbys import listed, read_standbys, unread_standbys


def check(snapshot: Snapshot, params: Mapping[str, Any]) -> Iterator[Offence | Unjudged]:
    yield from unread_standbys(snapshot)
    for replica in read_standbys(snapshot):
        state = replica.state
        if state is None:
            continue
        behind = state.behind_bytes or 0
        delay = _wanted_delay(replica)
        seconds = _seconds(snapshot, replica, behind, params["timed_bytes"])
        late = seconds - delay >= params["max_seconds"]
        # A server that waits on purpose holds the WAL of that time.
        much = behind >= params["max_bytes"] and not delay
        paused = state.pause_state == "paused"
        if not (late or much or paused):
            continue
        missing = max((state.primary_lsn or 0) - (state.receive_lsn or state.replay_lsn or 0), 0)
        high = late and seconds - delay >= params["high_seconds"]
        yield Offence(
            object=f"standby {replica.name}",
            evidence={
                "paused": paused,
                "seconds": round(seconds, 1),
                "behind_bytes": behind,
                "received_bytes": max(behind - missing, 0),
                "delay_seconds": delay,
            },
            values={"late": late},
            severity=Severity.HIGH if high or (paused and behind >= params["max_bytes"]) else None,
            weight=behind,
        )


def _wanted_delay(replica: Replica) -> float:
    """Return recovery_min_apply_delay in seconds."""
    setting = replica.setting("recovery_min_apply_delay")
    return int(setting.setting) / 1000 if setting is not None and (setting.setting or "").isdigit() else 0.0


def _seconds(snapshot: Snapshot, replica: Replica, behind: int, timed_bytes: int) -> float:
    """Return the delay: as the primary has measured it, or the age of the last commit where much is outstanding.

    On an idle primary the last commit is old and nothing is late.
    """
    state, row = replica.state, listed(snapshot, replica)
    measured = row.replay_lag if row is not None and row.replay_lag is not None else 0.0
    if state is None or state.last_replayed_at is None or behind < timed_bytes:
        return measured
    return max(measured, (state.looked_at - state.last_replayed_at).total_seconds())
