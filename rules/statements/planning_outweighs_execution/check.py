"""Statements whose planning costs more than their execution (with pg_stat_statements.track_planning)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from advisor.model.excerpt import excerpt
from advisor.model.offence import Offence
from advisor.model.snapshot import Snapshot


def check(snapshot: Snapshot, params: Mapping[str, Any]) -> Iterator[Offence]:
    for statement in snapshot.statements:
        seconds = statement.total_plan_time / 1000
        if not statement.plans or statement.queryid is None or seconds < params["min_total"]:
            continue
        if statement.total_plan_time <= statement.total_exec_time:
            continue
        yield Offence(
            object=f"statement {statement.queryid}",
            evidence={
                "query": excerpt(statement.query, 500),
                "plans": statement.plans,
                "plan_ms": statement.total_plan_time / statement.plans,
                "exec_ms": statement.mean_exec_time,
                "seconds": seconds,
            },
            weight=seconds,
        )
