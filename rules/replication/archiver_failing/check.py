"""The archiver's last attempt failed."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.offence import Offence
from advisor.model.snapshot import Snapshot


def check(snapshot: Snapshot) -> Iterator[Offence]:
    counters = snapshot.cluster_counters
    mode = snapshot.setting("archive_mode")
    if counters is None or counters.last_failed_time is None or mode is None or mode.setting == "off":
        return
    archived = counters.last_archived_time
    if archived is not None and archived >= counters.last_failed_time:
        return
    yield Offence(
        object="server",
        evidence={
            "failed": f"{counters.last_failed_time:%Y-%m-%d %H:%M}",
            "since": f"{archived:%Y-%m-%d %H:%M}" if archived is not None else None,
            "failures": counters.archive_failed_count or 1,
        },
    )
