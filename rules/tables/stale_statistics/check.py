"""Tables far past the point where autoanalyze was due."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from advisor.model.autovacuum import thresholds
from advisor.model.catalog import Table
from advisor.model.lookup import Catalog
from advisor.model.offence import Offence
from advisor.model.rollup import by_root, live_rows, user_tables
from advisor.model.snapshot import Snapshot


def check(snapshot: Snapshot, catalog: Catalog, params: Mapping[str, Any]) -> Iterator[Offence]:
    found = [table for table in user_tables(snapshot, "rm") if _is_stale(snapshot, table, params)]
    for root, tables in by_root(catalog, found).items():
        changed = sum(table.counters.n_mod_since_analyze for table in tables if table.counters)
        times = [time for table in tables if (time := _last_analyze(table)) is not None]
        yield Offence(
            object=str(root),
            evidence={
                "changed": changed,
                "rows": sum(live_rows(table) for table in tables),
                "threshold": sum(thresholds(snapshot, table, live_rows(table)).changed_rows for table in tables),
                "last_analyze": min(times).date().isoformat() if times else None,
                "tables": [str(table.relation) for table in tables],
            },
            values={"names": [table.relation for table in tables]},
            weight=changed,
        )


def _is_stale(snapshot: Snapshot, table: Table, params: Mapping[str, Any]) -> bool:
    last = _last_analyze(table)
    # Without any recorded ANALYZE the counter tells nothing of the statistics' age: never_analyzed looks at those.
    if table.counters is None or last is None:
        return False
    # A session that loads and then analyzes reports its rows after the ANALYZE: they count as changed since.
    if (snapshot.server.collected_at - last).total_seconds() < params["min_age"]:
        return False
    changed = table.counters.n_mod_since_analyze
    due = thresholds(snapshot, table, live_rows(table)).changed_rows
    return bool(changed >= params["min_changes"] and changed >= params["factor"] * due)


def _last_analyze(table: Table) -> Any:
    counters = table.counters
    if counters is None:
        return None
    times = [time for time in (counters.last_analyze, counters.last_autoanalyze) if time is not None]
    return max(times, default=None)
