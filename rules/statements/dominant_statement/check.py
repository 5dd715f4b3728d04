"""A statement that outweighs the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from advisor.model.excerpt import excerpt
from advisor.model.offence import Offence
from advisor.model.snapshot import Snapshot


def check(snapshot: Snapshot, params: Mapping[str, Any]) -> Iterator[Offence]:
    # Statements inside functions count for the function's call, too.
    top = [statement for statement in snapshot.statements if statement.toplevel or statement.queryid is None]
    total = sum(statement.total_exec_time for statement in top) / 1000
    if total < params["min_total"]:
        return
    by_query: dict[int, list[Any]] = {}
    for statement in top:
        if statement.queryid is not None:
            by_query.setdefault(statement.queryid, []).append(statement)
    for queryid, rows in by_query.items():
        seconds = sum(row.total_exec_time for row in rows) / 1000
        calls = sum(row.calls for row in rows)
        if seconds / total < params["min_share"] or not calls:
            continue
        yield Offence(
            object=f"statement {queryid}",
            evidence={
                "query": excerpt(next((row.query for row in rows if row.query), None), 500),
                "share": seconds / total,
                "seconds": seconds,
                "total": total,
                "calls": calls,
                "mean_ms": seconds * 1000 / calls,
                "rows_per_call": sum(row.rows for row in rows) / calls,
            },
            weight=seconds,
        )
