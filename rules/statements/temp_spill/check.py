"""Statements whose sorts and hashes write temporary files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from advisor.model.autovacuum import setting_number
from advisor.model.excerpt import excerpt
from advisor.model.finding import Severity
from advisor.model.offence import Offence
from advisor.model.snapshot import Snapshot
from advisor.units import format_setting_size

_MEGABYTE = 1 << 20
# More than this is not for one sort.
_MOST = 1 << 30


def check(snapshot: Snapshot, params: Mapping[str, Any]) -> Iterator[Offence]:
    block = snapshot.server.block_size
    total = sum(statement.temp_blks_written for statement in snapshot.statements) * block
    for statement in snapshot.statements:
        written = statement.temp_blks_written * block
        if written < params["min_written"] or written < params["min_share"] * total or not statement.calls:
            continue
        if statement.queryid is None:
            continue
        per_call = written / statement.calls
        wanted = min(max(round(per_call * 1.5 / _MEGABYTE), 8) * _MEGABYTE, _MOST)
        yield Offence(
            object=f"statement {statement.queryid}",
            evidence={
                "query": excerpt(statement.query, 500),
                "role": statement.role,
                "calls": statement.calls,
                "written": written,
                "per_call": per_call,
                "share": written / total,
                "mean_ms": statement.mean_exec_time,
                "work_mem": (setting_number(snapshot, "work_mem") or 0) * 1024 or None,
            },
            values={"wanted": format_setting_size(wanted)},
            severity=Severity.MEDIUM if written >= 50 * params["min_written"] else None,
            weight=written,
        )
