"""Transactions that have been at work for long, by role and application."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from advisor.model.activity import Session
from advisor.model.excerpt import excerpt
from advisor.model.finding import Severity
from advisor.model.offence import Offence, Unjudged
from advisor.model.sessions import label, latest, seconds_since, unseen
from advisor.model.snapshot import Snapshot


def check(snapshot: Snapshot, params: Mapping[str, Any]) -> Iterator[Offence | Unjudged]:
    yield from unseen(snapshot)
    groups: dict[str, list[Session]] = {}
    for session in latest(snapshot.sessions):
        # Idle ones are the rule idle_in_transaction; the server's own processes end by themselves.
        if session.backend_type != "client backend" or (session.state or "").startswith("idle"):
            continue
        if session.leader_pid is None and (seconds_since(session.xact_start, session) or 0) >= params["min_age"]:
            groups.setdefault(label(session), []).append(session)
    for name, sessions in groups.items():
        oldest = max(sessions, key=lambda session: seconds_since(session.xact_start, session) or 0)
        longest = seconds_since(oldest.xact_start, oldest) or 0
        severity = Severity.MEDIUM if longest >= params["high_age"] / 2 else None
        yield Offence(
            object=name,
            evidence={
                "sessions": len(sessions),
                "longest": longest,
                "pid": oldest.pid,
                "database": oldest.database,
                "query": excerpt(oldest.query) if oldest.query and not snapshot.redacted else None,
                "dump": oldest.application_name in ("pg_dump", "pg_dumpall"),
            },
            severity=Severity.HIGH if longest >= params["high_age"] else severity,
            weight=longest,
        )
