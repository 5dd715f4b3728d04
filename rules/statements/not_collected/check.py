"""pg_stat_statements: absent, not loaded, not readable, or told to count nothing."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.offence import Offence
from advisor.model.snapshot import Snapshot


def check(snapshot: Snapshot) -> Iterator[Offence]:
    status = snapshot.statements_view.status
    tracking = snapshot.setting("pg_stat_statements.track")
    track = tracking.setting if tracking is not None else None
    if status == "failed" or (status == "ok" and track != "none"):
        return
    preload = snapshot.setting("shared_preload_libraries")
    libraries = None  # unknown without pg_read_all_settings
    if preload is not None:
        libraries = [name.strip().strip('"') for name in (preload.setting or "").split(",") if name.strip()]
    yield Offence(
        object="pg_stat_statements",
        evidence={"status": status, "track": track},
        values={
            "libraries": libraries,
            # Its settings are known to the server only once the library is loaded.
            "preloaded": track is not None or "pg_stat_statements" in (libraries or ()),
            "user": snapshot.server.user,
        },
    )
