"""Whether the major version still gets fixes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from advisor.model.finding import Severity
from advisor.model.offence import Offence
from advisor.model.releases import AS_OF, RELEASES
from advisor.model.snapshot import Snapshot

_DAY = 86400


def check(snapshot: Snapshot, params: Mapping[str, Any]) -> Iterator[Offence]:
    server = snapshot.server
    release = RELEASES.get(server.major)
    today = server.collected_at.date()
    oldest = min(RELEASES)
    if release is None and server.major >= oldest:
        return  # newer than this table
    end = release.end_of_life if release is not None else RELEASES[oldest].end_of_life
    days_left = (end - today).days
    if days_left * _DAY > params["notice"]:
        return
    yield Offence(
        object="server",
        evidence={
            "major": server.major,
            "end_of_life": end.isoformat(),
            "over": days_left < 0,
            "newest": max(RELEASES),
            "as_of": AS_OF.isoformat(),
            "provider": server.provider,
        },
        severity=None if days_left < 0 else Severity.INFO,
    )
