"""One database on several nodes: the counters of its standbys added to those of the primary. Pure.

Statements are added by queryid, role and level (a physical standby has the primary's OIDs, so the identifiers are
the same); the part that each standby counted stays known. Scans of indexes and tables are added by name. The window
of the sum is what all nodes have counted together: it begins where the youngest counters begin.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from datetime import datetime

from advisor.model.activity import NodeShare, StatementCounters, StatementsView
from advisor.model.catalog import Index, Table, TableCounters
from advisor.model.replica import IndexUse, Replica, TableUse
from advisor.model.report import Node
from advisor.model.snapshot import Gap, Snapshot
from advisor.workload.difference import CUMULATIVE, statements_since

_READABLE = ("ok", "damaged")
# Windows that differ by more than this share of the longest are said to differ.
_UNEVEN = 0.1
_UNEVEN_SECONDS = 600.0
_Key = tuple[int | None, str | None, bool]


def with_standbys(snapshot: Snapshot, previous: Snapshot | None = None) -> Snapshot:
    """Return the snapshot with the counters of all nodes as one; without standbys the snapshot itself.

    With `previous` (whose window the primary's statements already have) the standbys' statements are those since
    then, too.
    """
    nodes = [replica for replica in snapshot.replicas if replica.is_read]
    if not nodes:
        return snapshot
    if previous is not None:
        nodes = [_since(node, previous) for node in nodes]
    by_name = {node.name: node for node in nodes}
    counting = [node for node in nodes if node.statements_view.status in _READABLE]
    view, gaps = snapshot.statements_view, list(snapshot.gaps)
    statements = snapshot.statements
    if counting:
        statements = _merged_statements(snapshot.statements, counting)
        gaps += _uneven(snapshot, counting)
        view = _merged_view(view, counting)
    return replace(
        snapshot,
        statements=statements,
        statements_view=view,
        indexes=_merged_indexes(snapshot.indexes, nodes),
        tables=_merged_tables(snapshot.tables, nodes),
        replicas=tuple(
            by_name.get(replica.name, replica) if replica.is_read else replica for replica in snapshot.replicas
        ),
        gaps=tuple(gaps),
    )


def nodes_read(snapshot: Snapshot) -> tuple[Node, ...]:
    """Return the standbys that were asked for, and which of their counters are in the report."""
    nodes = []
    for replica in snapshot.replicas:
        if not replica.is_read:
            nodes.append(Node(name=replica.name, status=replica.status, why=replica.why))
            continue
        began = statements_begin(replica.statements_view, replica.server.started_at if replica.server else None)
        counted = replica.statements_view.status in _READABLE and began is not None
        nodes.append(
            Node(
                name=replica.name,
                status=replica.status,
                calls=sum(row.calls for row in replica.statements) if counted else None,
                since=began if counted else None,
                behind_bytes=replica.state.behind_bytes if replica.state is not None else None,
            )
        )
    return tuple(nodes)


def _since(node: Replica, previous: Snapshot) -> Replica:
    """Return the node with the statements since `previous`, where that has read the same node."""
    old = next((other for other in previous.replicas if other.name == node.name and other.is_read), None)
    if old is None or old.server is None:
        return node
    reset = node.statements_view.stats_reset
    if reset is not None and reset > old.server.collected_at:
        return node
    return replace(
        node,
        statements=statements_since(node.statements, old.statements),
        statements_view=replace(node.statements_view, stats_reset=old.server.collected_at),
    )


def statements_begin(view: StatementsView, started_at: datetime | None) -> datetime | None:
    """Return since when a node's pg_stat_statements counts; before extension 1.9 its server's start stands for it."""
    return view.stats_reset or started_at


def _merged_view(view: StatementsView, nodes: Sequence[Replica]) -> StatementsView:
    resets = [view.stats_reset, *(node.statements_view.stats_reset for node in nodes)]
    known = [reset for reset in resets if reset is not None]
    evictions = [view.dealloc, *(node.statements_view.dealloc for node in nodes)]
    counted = [count for count in evictions if count is not None]
    return replace(
        view,
        status=view.status if view.status in _READABLE else "ok",
        stats_reset=max(known) if known else None,
        dealloc=sum(counted) if counted else None,
    )


def _uneven(snapshot: Snapshot, nodes: Sequence[Replica]) -> list[Gap]:
    """Return a gap where the nodes have counted for times too different to be added without a word."""
    now = snapshot.server.collected_at
    begins = {"the primary": statements_begin(snapshot.statements_view, snapshot.server.started_at)}
    for node in nodes:
        begins[node.name] = statements_begin(node.statements_view, node.server.started_at if node.server else None)
    known = {name: begin for name, begin in begins.items() if begin is not None}
    if len(known) < 2:
        return []
    first, last = min(known, key=lambda n: known[n]), max(known, key=lambda n: known[n])
    spans = (now - known[first]).total_seconds(), (now - known[last]).total_seconds()
    if spans[0] - spans[1] <= max(_UNEVEN * spans[0], _UNEVEN_SECONDS):
        return []
    return [
        Gap(
            what="equal windows on all nodes",
            why=f"pg_stat_statements counts since {known[first]:%Y-%m-%d %H:%M} on {first} and since"
            f" {known[last]:%Y-%m-%d %H:%M} on {last}",
            fix="give --previous FILE or --history: differences of two runs have one window on all nodes",
            costs=f"what {last} runs weighs too little beside {first}; the window named begins where the last one does",
        )
    ]


def _merged_statements(rows: Iterable[StatementCounters], nodes: Sequence[Replica]) -> tuple[StatementCounters, ...]:
    merged: dict[_Key, StatementCounters] = {}
    nameless = []  # without a queryid nothing tells which is which
    for row in rows:
        if row.queryid is None:
            nameless.append(row)
        else:
            merged[_key(row)] = row
    for node in nodes:
        for row in node.statements:
            share = NodeShare(node=node.name, calls=row.calls, total_exec_time=row.total_exec_time)
            if row.queryid is None:
                nameless.append(replace(row, nodes=(share,)))
                continue
            known = merged.get(_key(row))
            merged[_key(row)] = replace(row, nodes=(share,)) if known is None else _sum(known, row, share)
    return tuple(sorted((*merged.values(), *nameless), key=lambda row: -row.total_exec_time))


def _key(row: StatementCounters) -> _Key:
    return row.queryid, row.role, row.toplevel


def _sum(one: StatementCounters, other: StatementCounters, share: NodeShare) -> StatementCounters:
    """Return the counters of both: sums, extremes, and mean and deviation of all calls together."""
    changes: dict[str, object] = {}
    for name in CUMULATIVE:
        mine, theirs = getattr(one, name), getattr(other, name)
        changes[name] = mine if theirs is None else theirs if mine is None else mine + theirs
    calls = one.calls + other.calls
    mean = (one.total_exec_time + other.total_exec_time) / calls if calls else 0.0
    # Steiner: the squares within each node, and those of the nodes' means around the common one.
    squares = sum(row.calls * (row.stddev_exec_time**2 + (row.mean_exec_time - mean) ** 2) for row in (one, other))
    return replace(
        one,
        query=one.query if one.query is not None else other.query,
        min_exec_time=min(one.min_exec_time, other.min_exec_time),
        max_exec_time=max(one.max_exec_time, other.max_exec_time),
        mean_exec_time=mean,
        stddev_exec_time=math.sqrt(squares / calls) if calls else 0.0,
        stats_since=_latest(one.stats_since, other.stats_since),
        nodes=(*one.nodes, share),
        **changes,  # type: ignore[arg-type]
    )


def _latest(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((moment for moment in (one, other) if moment is not None), default=None)


def _merged_indexes(indexes: Iterable[Index], nodes: Sequence[Replica]) -> tuple[Index, ...]:
    uses: dict[tuple[str, str], list[IndexUse]] = {}
    for node in nodes:
        for use in node.indexes:
            uses.setdefault((use.schema, use.name), []).append(use)
    return tuple(_used(index, uses.get((index.schema, index.name), ())) for index in indexes)


def _used(index: Index, uses: Iterable[IndexUse]) -> Index:
    for use in uses:
        index = replace(
            index,
            idx_scan=(index.idx_scan or 0) + use.idx_scan,
            idx_tup_read=(index.idx_tup_read or 0) + use.idx_tup_read,
            idx_tup_fetch=(index.idx_tup_fetch or 0) + use.idx_tup_fetch,
            last_idx_scan=_latest(index.last_idx_scan, use.last_idx_scan),
        )
    return index


# Reads happen on every node; rows, vacuums and analyses only on the primary.
_READS = tuple(
    field.name for field in fields(TableUse) if field.name not in ("schema", "name", "last_seq_scan", "last_idx_scan")
)


def _merged_tables(tables: Iterable[Table], nodes: Sequence[Replica]) -> tuple[Table, ...]:
    uses: dict[tuple[str, str], list[TableUse]] = {}
    for node in nodes:
        for use in node.tables:
            uses.setdefault((use.schema, use.name), []).append(use)
    return tuple(
        replace(table, counters=_read(table.counters, uses[table.schema, table.name]))
        if table.counters is not None and (table.schema, table.name) in uses
        else table
        for table in tables
    )


def _read(counters: TableCounters, uses: Iterable[TableUse]) -> TableCounters:
    for use in uses:
        sums = {name: (getattr(counters, name) or 0) + getattr(use, name) for name in _READS}
        counters = replace(
            counters,
            last_seq_scan=_latest(counters.last_seq_scan, use.last_seq_scan),
            last_idx_scan=_latest(counters.last_idx_scan, use.last_idx_scan),
            **sums,
        )
    return counters
