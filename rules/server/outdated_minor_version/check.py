"""Whether the newest minor release known to this pgadvise is installed."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.finding import Severity
from advisor.model.offence import Offence
from advisor.model.releases import AS_OF, RELEASES
from advisor.model.snapshot import Snapshot

# One release behind is the normal state of a well-kept server for some weeks.
_NORMAL = 1


def check(snapshot: Snapshot) -> Iterator[Offence]:
    server = snapshot.server
    release = RELEASES.get(server.major)
    minor = server.version_num % 10000
    if release is None or minor >= release.newest_minor:
        return
    behind = release.newest_minor - minor
    yield Offence(
        object="server",
        evidence={
            "running": f"{server.major}.{minor}",
            "newest": f"{server.major}.{release.newest_minor}",
            "behind": behind,
            "as_of": AS_OF.isoformat(),
        },
        severity=Severity.INFO if behind <= _NORMAL else None,
    )
