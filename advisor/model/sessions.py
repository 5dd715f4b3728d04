"""Reading samples of pg_stat_activity: the latest sight of each session, and how long it has been in its state."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from advisor.model.activity import Session
from advisor.model.names import quote_ident
from advisor.model.offence import Unjudged
from advisor.model.snapshot import Snapshot

# Samples of one round carry times some milliseconds apart.
_ONE_ROUND = timedelta(seconds=2)


def latest(sessions: Iterable[Session]) -> tuple[Session, ...]:
    """Return the last sight of each session seen in the last round of samples, ours left out."""
    last: dict[int, Session] = {}
    for session in sessions:
        known = last.get(session.pid)
        if known is None or known.sampled_at <= session.sampled_at:
            last[session.pid] = session
    newest = max((session.sampled_at for session in last.values()), default=None)
    return tuple(
        session
        for session in last.values()
        if newest is not None
        and newest - session.sampled_at <= _ONE_ROUND
        and not (session.application_name or "").startswith("pgadvise")
    )


def with_blockers(sessions: Iterable[Session]) -> tuple[Session, ...]:
    """Return the latest sights, with the blockers that an earlier sample of the same wait has seen.

    Who blocks whom is not asked in each sample.
    """
    known: dict[tuple[int, datetime | None], Session] = {}
    sessions = tuple(sessions)
    for session in sessions:
        if session.blocked_by:
            known[session.pid, session.query_start] = session
    found = []
    for session in latest(sessions):
        earlier = known.get((session.pid, session.query_start))
        waits = session.wait_event_type in (None, "Lock")
        found.append(earlier if earlier is not None and waits and not session.blocked_by else session)
    return tuple(found)


def seconds_since(moment: datetime | None, session: Session) -> float | None:
    """Return the seconds from `moment` to the sample, or None when the moment is not known."""
    return None if moment is None else (session.sampled_at - moment).total_seconds()


def label(session: Session) -> str:
    """Return 'role (application)': a name for the session that is the same tomorrow."""
    role = quote_ident(session.role) if session.role else "unknown role"
    return f"{role} ({session.application_name})" if session.application_name else role


def unseen(snapshot: Snapshot) -> Iterator[Unjudged]:
    """Yield the reason why sessions were judged only in part, where the role may not see those of others."""
    # The server hides even the kind of process from a role without the privilege.
    hidden = {session.pid for session in snapshot.sessions if session.backend_type == "unknown"}
    if hidden:
        why = f"the state of {len(hidden)} sessions is hidden; grant pg_read_all_stats to {snapshot.server.user}"
        yield Unjudged(why=why)
