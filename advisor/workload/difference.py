"""The window between two snapshots of one database: counters are differences, sizes have a history."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, replace

from advisor.errors import UsageError
from advisor.model.activity import StatementCounters
from advisor.model.snapshot import Gap, SizeSample, Snapshot

# Cumulative counters of pg_stat_statements; minima, maxima and deviations cannot be subtracted and stay.
CUMULATIVE = tuple(
    field.name
    for field in fields(StatementCounters)
    if field.name in ("calls", "rows", "plans", "jit_functions")
    or field.name.startswith(("total_", "shared_blk", "local_blk", "temp_blk", "wal_", "jit_generation"))
)
_Key = tuple[int | None, str | None, bool]


def since(now: Snapshot, before: Snapshot) -> Snapshot:
    """Return `now` with the statements of the time after `before`, and the sizes both have seen.

    Entries that were evicted and came back, or counters that were reset, count as new. Raises UsageError when the
    two are not of the same database or in the wrong order.
    """
    _check(now, before)
    sizes = tuple(
        SizeSample(
            at=before.server.collected_at,
            relation=str(table.relation),
            total_bytes=table.total_bytes,
            reltuples=table.reltuples if table.reltuples >= 0 else None,
        )
        for table in before.tables
        if table.total_bytes is not None
    )
    history = (*before.sizes, *sizes)
    view = now.statements_view
    if view.stats_reset is not None and view.stats_reset > before.server.collected_at:
        gap = Gap(
            what="statements since the previous snapshot",
            why=f"pg_stat_statements was reset at {view.stats_reset:%Y-%m-%d %H:%M} UTC, after that snapshot",
            costs="the window begins at the reset",
        )
        return replace(now, sizes=history, gaps=(*now.gaps, gap))
    statements = statements_since(now.statements, before.statements)
    evicted = (view.dealloc or 0) - (before.statements_view.dealloc or 0)
    return replace(
        now,
        statements=statements,
        statements_view=replace(
            view,
            stats_reset=before.server.collected_at,
            dealloc=max(evicted, 0) if view.dealloc is not None else None,
        ),
        sizes=history,
    )


def statements_since(
    now: Iterable[StatementCounters], before: Iterable[StatementCounters]
) -> tuple[StatementCounters, ...]:
    """Return what was run between two readings of pg_stat_statements; new and reset entries count whole."""
    earlier = {_key(row): row for row in before}
    return tuple(row for row in (_difference(row, earlier.get(_key(row))) for row in now) if row is not None)


def _check(now: Snapshot, before: Snapshot) -> None:
    ours, theirs = now.server, before.server
    known = ours.system_identifier is not None and theirs.system_identifier is not None
    if ours.database != theirs.database or (known and ours.system_identifier != theirs.system_identifier):
        raise UsageError(
            f"The previous snapshot is of database {theirs.database} of another server or name.",
            "Give one of the same database.",
        )
    if ours.major != theirs.major:
        raise UsageError(
            f"The previous snapshot is of PostgreSQL {theirs.major}, and this is {ours.major}.",
            "Statements have other identifiers there; take a new one.",
        )
    if ours.timeline is not None and theirs.timeline is not None and ours.timeline != theirs.timeline:
        raise UsageError(
            f"The previous snapshot is of another primary: timeline {theirs.timeline}, and this one writes timeline "
            f"{ours.timeline}. Counters do not go on after a failover.",
            "Take a new one.",
        )
    if theirs.collected_at >= ours.collected_at:
        raise UsageError("The previous snapshot is not older than this one.", "Exchange the two.")


def _key(row: StatementCounters) -> _Key:
    return row.queryid, row.role, row.toplevel


def _difference(row: StatementCounters, old: StatementCounters | None) -> StatementCounters | None:
    """Return what was added since `old`; None when nothing was run."""
    if old is None or row.calls < old.calls or row.stats_since != old.stats_since:
        return row
    if row.calls == old.calls:
        return None
    changes: dict[str, float | int | None] = {}
    for name in CUMULATIVE:
        new_value, old_value = getattr(row, name), getattr(old, name)
        if new_value is not None and old_value is not None:
            changes[name] = max(new_value - old_value, 0)
    calls = row.calls - old.calls
    mean = max(row.total_exec_time - old.total_exec_time, 0.0) / calls
    return replace(row, mean_exec_time=mean, **changes)  # type: ignore[arg-type]
