"""Chains of sessions that wait for each other, by the session at their head."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from advisor.model.activity import Session
from advisor.model.excerpt import excerpt
from advisor.model.finding import Severity
from advisor.model.offence import Offence, Unjudged
from advisor.model.sessions import label, seconds_since, unseen, with_blockers
from advisor.model.snapshot import Snapshot


def check(snapshot: Snapshot, params: Mapping[str, Any]) -> Iterator[Offence | Unjudged]:
    yield from unseen(snapshot)
    sessions = {session.pid: session for session in with_blockers(snapshot.sessions)}
    queues: dict[int, list[Session]] = {}
    for session in sessions.values():
        if session.blocked_by and (seconds_since(session.query_start, session) or 0) >= params["min_wait"]:
            queues.setdefault(_head(session, sessions), []).append(session)
    for pid, queue in queues.items():
        head = sessions.get(pid)
        longest = max(seconds_since(session.query_start, session) or 0 for session in queue)
        many = len(queue) >= params["high_sessions"]
        yield Offence(
            object=label(head) if head is not None else "a session that has ended or a prepared transaction",
            evidence={
                "blocked": len(queue),
                "longest": longest,
                "pid": pid,
                "state": head.state if head is not None else None,
                "holder_age": seconds_since(head.xact_start, head) if head is not None else None,
                "query": excerpt(head.query) if head is not None and head.query and not snapshot.redacted else None,
                "waiting": sorted({label(session) for session in queue}),
            },
            severity=Severity.HIGH if many else None,
            weight=len(queue),
        )


def _head(session: Session, sessions: Mapping[int, Session]) -> int:
    """Return the pid at the end of the chain; parallel workers and deadlocks must not lead in circles."""
    seen = {session.pid}
    pid = session.blocked_by[0]
    while pid not in seen:
        seen.add(pid)
        blocker = sessions.get(pid)
        if blocker is None or not blocker.blocked_by:
            break
        pid = blocker.blocked_by[0]
    return pid
