"""What a report shows of a snapshot and its workload besides advice. Pure."""

from __future__ import annotations

from datetime import datetime

from advisor.model.report import IndexAdvice, RelationSize, StatementSummary
from advisor.model.snapshot import Snapshot
from advisor.model.workload import Workload

# The size plot and the workload table show this many; totals cover everything.
_LARGEST_RELATIONS = 30


def time_of_texts(snapshot: Snapshot) -> float:
    """Return the time (ms) that logs report: the whole, where there is no pg_stat_statements to ask."""
    return sum(text.total_exec_time or 0.0 for text in snapshot.workload_texts)


def window_start(snapshot: Snapshot) -> datetime | None:
    """Return since when the counters count, None where the server does not say."""
    counters = snapshot.database_counters
    return snapshot.statements_view.stats_reset or (counters.stats_reset if counters else None)


def statement_summaries(
    workload: Workload, indexes: IndexAdvice | None, total: float | None
) -> tuple[StatementSummary, ...]:
    """Return the workload's statements with their costs before and after, the dearest first; `total` in ms."""
    costs = dict(indexes.statement_costs) if indexes is not None else {}
    rows = []
    for statement in sorted(workload.statements, key=lambda s: -(s.total_exec_time or 0.0)):
        before, after = costs.get(statement.key, (None, None))
        spent = statement.total_exec_time
        rows.append(
            StatementSummary(
                fingerprint=statement.fingerprint,
                query=statement.original,
                calls=statement.calls,
                total_exec_time=spent,
                mean_exec_time=statement.mean_exec_time,
                rows=statement.rows,
                share=spent / total if spent is not None and total else None,
                cost_before=before,
                cost_after=after,
                notes=statement.notes,
            )
        )
    return tuple(rows)


def relation_sizes(snapshot: Snapshot) -> tuple[RelationSize, ...]:
    """Return the largest tables with their parts in bytes."""
    sizes = [
        RelationSize(
            relation=table.relation,
            heap_bytes=table.size_bytes or 0,
            index_bytes=table.indexes_bytes or 0,
            toast_bytes=table.toast_bytes or 0,
            rows=max(table.reltuples, 0.0),
        )
        for table in snapshot.tables
        if table.kind in "rm"
    ]
    sizes.sort(key=lambda s: -(s.heap_bytes + s.index_bytes + s.toast_bytes))
    return tuple(sizes[:_LARGEST_RELATIONS])
