"""Sessions that hold a transaction open and do nothing, by role and application."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from advisor.model.activity import Session
from advisor.model.finding import Severity
from advisor.model.offence import Offence, Unjudged
from advisor.model.sessions import label, latest, seconds_since, unseen
from advisor.model.snapshot import Snapshot


def check(snapshot: Snapshot, params: Mapping[str, Any]) -> Iterator[Offence | Unjudged]:
    yield from unseen(snapshot)
    groups: dict[str, list[Session]] = {}
    for session in latest(snapshot.sessions):
        waiting = session.state in ("idle in transaction", "idle in transaction (aborted)")
        if waiting and (seconds_since(session.state_change, session) or 0) >= params["min_age"]:
            groups.setdefault(label(session), []).append(session)
    for name, sessions in groups.items():
        oldest = max(sessions, key=lambda session: seconds_since(session.state_change, session) or 0)
        longest = seconds_since(oldest.state_change, oldest) or 0
        yield Offence(
            object=name,
            evidence={"sessions": len(sessions), "longest": longest, "pid": oldest.pid, "database": oldest.database},
            values={"role": oldest.role or "public"},
            severity=Severity.HIGH if longest >= params["high_age"] else None,
            weight=longest,
        )
