"""Sessions on standbys whose snapshot the primary must honour."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from advisor.model.offence import Offence, Unjudged
from advisor.model.snapshot import Snapshot
from advisor.model.standbys import read_standbys, unread_standbys


def check(snapshot: Snapshot, params: Mapping[str, Any]) -> Iterator[Offence | Unjudged]:
    yield from unread_standbys(snapshot)
    for replica in read_standbys(snapshot):
        feedback = replica.setting("hot_standby_feedback")
        if feedback is None or feedback.setting != "on":
            continue
        held = [session for session in replica.sessions if (session.xmin_age or 0) >= params["min_age"]]
        if not held:
            continue
        oldest = max(held, key=lambda session: session.xmin_age or 0)
        since = oldest.xact_start
        application = f" of {oldest.application_name}" if oldest.application_name else ""
        state = f" ({oldest.state})" if oldest.state else ""
        yield Offence(
            object=f"standby {replica.name}",
            evidence={
                "age": oldest.xmin_age,
                "seconds": (oldest.sampled_at - since).total_seconds() if since is not None else None,
                "pid": oldest.pid,
                "sessions": len(held),
            },
            values={"who": f"a session{application} as {oldest.role or 'an unknown role'}{state}"},
            weight=oldest.xmin_age or 0,
        )
