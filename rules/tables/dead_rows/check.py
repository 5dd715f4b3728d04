"""Tables far past the point where autovacuum was due."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from advisor.model.autovacuum import autovacuum_disabled, setting_is_off, thresholds
from advisor.model.catalog import Table
from advisor.model.finding import Severity
from advisor.model.lookup import Catalog
from advisor.model.offence import Offence
from advisor.model.rollup import by_root, live_rows, user_tables
from advisor.model.snapshot import Snapshot


def check(snapshot: Snapshot, catalog: Catalog, params: Mapping[str, Any]) -> Iterator[Offence]:
    found = [table for table in user_tables(snapshot, "rm") if _is_overdue(snapshot, table, params)]
    for root, tables in by_root(catalog, found).items():
        dead = sum(table.counters.n_dead_tup for table in tables if table.counters)
        rows = sum(live_rows(table) for table in tables)
        fraction = dead / max(dead + rows, 1)
        times = [time for table in tables if (time := _last_vacuum(table)) is not None]
        yield Offence(
            object=str(root),
            evidence={
                "dead": dead,
                "rows": rows,
                "fraction": fraction,
                "threshold": sum(thresholds(snapshot, table, live_rows(table)).dead_rows for table in tables),
                "last_vacuum": min(times).date().isoformat() if times else None,
                "tables": [str(table.relation) for table in tables],
                "disabled": _where_disabled(snapshot, tables),
            },
            values={"names": [table.relation for table in tables]},
            severity=Severity.HIGH if fraction >= params["severe_fraction"] and dead >= 1_000_000 else None,
            weight=dead,
        )


def _is_overdue(snapshot: Snapshot, table: Table, params: Mapping[str, Any]) -> bool:
    if table.counters is None:
        return False
    dead = table.counters.n_dead_tup
    due = thresholds(snapshot, table, live_rows(table)).dead_rows
    return bool(dead >= params["min_dead_rows"] and dead >= params["factor"] * due)


def _where_disabled(snapshot: Snapshot, tables: list[Table]) -> str | None:
    if setting_is_off(snapshot, "autovacuum") or setting_is_off(snapshot, "track_counts"):
        return "on the whole server"
    return "for this table" if any(autovacuum_disabled(table) for table in tables) else None


def _last_vacuum(table: Table) -> Any:
    counters = table.counters
    if counters is None:
        return None
    times = [time for time in (counters.last_vacuum, counters.last_autovacuum) if time is not None]
    return max(times, default=None)
