"""Connected standbys and how far they are behind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from advisor.model.finding import Severity
from advisor.model.offence import Offence
from advisor.model.snapshot import Snapshot
from advisor.model.standbys import listed, read_standbys


def check(rows: Sequence[Mapping[str, Any]], snapshot: Snapshot, params: Mapping[str, Any]) -> Iterator[Offence]:
    # What was read on the standby itself knows of pauses and wanted delays: replication/replica_lag judges that.
    known = {(s.application_name, s.client_addr) for s in (listed(snapshot, r) for r in read_standbys(snapshot)) if s}
    for row in rows:
        if (row["name"], row["address"]) in known:
            continue
        # A base backup or a standby that is catching up after its start is not a lagging one.
        if row["state"] in ("backup", "startup"):
            continue
        seconds, lag_bytes = row["seconds"] or 0, row["lag_bytes"] or 0
        if seconds < params["max_seconds"] and lag_bytes < params["max_bytes"]:
            continue
        address = f" at {row['address']}" if row["address"] else ""
        yield Offence(
            object=f"{row['name']}{address}",
            evidence={key: row[key] for key in ("state", "sync_state", "seconds", "lag_bytes", "sent_bytes")},
            severity=Severity.HIGH if seconds >= params["high_seconds"] else None,
            weight=lag_bytes,
        )
