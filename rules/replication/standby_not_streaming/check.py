"""Standbys without a WAL receiver."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.finding import Severity
from advisor.model.offence import Offence, Unjudged
from advisor.model.snapshot import Snapshot
from advisor.model.standbys import read_standbys, unread_standbys


def check(snapshot: Snapshot) -> Iterator[Offence | Unjudged]:
    yield from unread_standbys(snapshot)
    for replica in read_standbys(snapshot):
        if replica.state is None or replica.state.has_receiver:
            continue
        restore = replica.setting("restore_command")
        archive = bool(restore is not None and restore.setting)
        yield Offence(
            object=f"standby {replica.name}",
            evidence={"behind_bytes": replica.state.behind_bytes or 0, "archive": archive},
            # A standby fed from an archive may be meant so.
            severity=Severity.LOW if archive else None,
            weight=replica.state.behind_bytes or 0,
        )
