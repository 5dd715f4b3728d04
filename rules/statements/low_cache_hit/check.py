"""A low hit ratio, only where much is read and reading is known (or not known) to cost time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from advisor.model.finding import Confidence
from advisor.model.offence import Offence
from advisor.model.snapshot import Snapshot


def check(snapshot: Snapshot, params: Mapping[str, Any]) -> Iterator[Offence]:
    counters = snapshot.database_counters
    if counters is None:
        return
    read_bytes = counters.blks_read * snapshot.server.block_size
    hit_fraction = counters.blks_hit / max(counters.blks_hit + counters.blks_read, 1)
    if read_bytes < params["min_read"] or hit_fraction >= params["min_hit_fraction"]:
        return
    wait_fraction = None
    if counters.blk_read_time > 0 and counters.active_time:
        wait_fraction = counters.blk_read_time / counters.active_time
        if wait_fraction < params["max_wait_fraction"]:
            return
    yield Offence(
        object="database",
        evidence={"hit_fraction": hit_fraction, "read_bytes": read_bytes, "wait_fraction": wait_fraction},
        confidence=None if wait_fraction is None else Confidence.MEDIUM,
    )
