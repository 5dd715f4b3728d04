"""Vacuums that had to go over the indexes more than once, because their memory for dead rows was full."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from advisor.model.offence import Offence
from advisor.model.snapshot import Snapshot
from advisor.units import format_setting_size

_GB = 1 << 30
# Up to this major a vacuum remembers dead rows in at most 1 GB.
_LIMITED = 16


def check(rows: Sequence[Mapping[str, Any]], snapshot: Snapshot, params: Mapping[str, Any]) -> Iterator[Offence]:
    for row in rows:
        if row["passes"] <= params["max_passes"]:
            continue
        own = row["autovacuum_work_mem"] >= 0 and not row["manual"]
        memory = row["autovacuum_work_mem"] if own else row["maintenance_work_mem"]
        most = _GB - (1 << 20) if snapshot.server.major <= _LIMITED else 8 * _GB
        raised = min(memory * (row["passes"] + 1), most)
        yield Offence(
            object=row["object"],
            evidence={"passes": row["passes"], "phase": row["phase"], "memory": memory, "manual": row["manual"]},
            values={
                "setting": "autovacuum_work_mem" if own else "maintenance_work_mem",
                "own_server": snapshot.server.provider == "self-hosted",
                "raised": format_setting_size(raised >> 20 << 20) if raised > 1.5 * memory else None,
            },
            weight=row["passes"],
        )
