"""Minor versions that differ between a primary and its standbys."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.finding import Severity
from advisor.model.offence import Offence, Unjudged
from advisor.model.snapshot import Snapshot
from advisor.model.standbys import read_standbys, unread_standbys


def check(snapshot: Snapshot) -> Iterator[Offence | Unjudged]:
    yield from unread_standbys(snapshot)
    ours = snapshot.server
    for replica in read_standbys(snapshot):
        theirs = replica.server
        if theirs is None or theirs.version_num == ours.version_num:
            continue
        older = theirs.version_num < ours.version_num
        yield Offence(
            object=f"standby {replica.name}",
            evidence={"ours": ours.version.split(" ")[0], "theirs": theirs.version.split(" ")[0], "older": older},
            severity=Severity.MEDIUM if older else None,
        )
