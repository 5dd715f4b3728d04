"""Statements that are mostly fast and sometimes very slow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from advisor.model.excerpt import excerpt
from advisor.model.offence import Offence
from advisor.model.snapshot import Snapshot


def check(snapshot: Snapshot, params: Mapping[str, Any]) -> Iterator[Offence]:
    total = sum(statement.total_exec_time for statement in snapshot.statements)
    for statement in snapshot.statements:
        mean = statement.mean_exec_time
        if statement.calls < params["min_calls"] or mean < params["min_mean"] * 1000 or statement.queryid is None:
            continue
        if statement.total_exec_time < params["min_share"] * total:
            continue
        if statement.stddev_exec_time >= params["factor"] * mean:
            yield Offence(
                object=f"statement {statement.queryid}",
                evidence={
                    "query": excerpt(statement.query, 500),
                    "role": statement.role,
                    "calls": statement.calls,
                    "mean_ms": mean,
                    "max_ms": statement.max_exec_time,
                    "factor": statement.stddev_exec_time / mean,
                },
                weight=statement.total_exec_time,
            )
