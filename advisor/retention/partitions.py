"""Verdicts on tables partitioned by time: nothing ahead, gaps, rows in the default partition, broken detaches."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise

from advisor.model.catalog import Table
from advisor.model.finding import Severity
from advisor.model.lookup import Catalog
from advisor.model.names import RelationName
from advisor.model.report import RetentionStatus
from advisor.retention.bounds import Leaf, Partitioning, holds_rows, leaf_bytes, time_partitioning
from advisor.retention.fill import Ident, Trusted, fill
from advisor.retention.moments import literal_sql
from advisor.retention.naming import free_like, naming_of
from advisor.retention.plans.default_rows import LOCK, move_rows
from advisor.retention.plans.interval import leaf_suffix
from advisor.retention.plans.plan import free_name
from advisor.retention.policy import Policy
from advisor.retention.probes import DEFAULT_ROWS
from advisor.retention.targets import judged_tables
from advisor.units import format_count, format_size

_PREMAKE = 4
_MOST_GAPS = 10


def partition_statuses(catalog: Catalog, policy: Policy | None, now: datetime) -> Iterator[RetentionStatus]:
    """Everything wrong with the time partitions of every table, whether or not it has a window."""
    analyzed = frozenset(row.relation for row in catalog.snapshot.statistics if row.inherited)
    for table in judged_tables(catalog.snapshot):
        if table.kind != "p":
            continue
        yield from _detach_pending(table, catalog)
        if table.relation not in analyzed:
            yield from _not_analyzed(table, catalog)
        partitioning = time_partitioning(table, catalog)
        if partitioning is None or not (partitioning.leaves or partitioning.default):
            continue
        premake = (
            next((p.premake for p in policy.tables if p.table.matches(table.relation)), _PREMAKE)
            if policy
            else _PREMAKE
        )
        yield from _missing_future(partitioning, premake, catalog, now)
        yield from _gaps(partitioning, catalog, now)
        yield from _default_rows(partitioning, catalog)


def partition_status(
    table: Table, rule: str, severity: Severity, detail: str, *, sql: tuple[str, ...] = (),
    undo_sql: tuple[str, ...] = (), confidence: str = "high", column: str | None = None, **evidence: object,
) -> RetentionStatus:  # fmt: skip
    """Return a row of the report about a table's partitions, whether or not it has a window."""
    return RetentionStatus(
        table=table.relation,
        rule=rule,
        severity=severity.value,
        policy="partitions",
        policy_is_default=False,
        time_column=column,
        oldest=None,
        oldest_source="not looked for",
        expired_rows=None,
        expired_bytes=None,
        enforcement="not looked for",
        detail=detail,
        sql=sql,
        undo_sql=undo_sql,
        confidence=confidence,
        evidence=dict(evidence),
    )


def _detach_pending(root: Table, catalog: Catalog) -> Iterator[RetentionStatus]:
    pending = [p for p in catalog.partitions.get(root.relation, ()) if p.detach_pending]
    if pending:
        names = ", ".join(str(p.relation) for p in pending)
        yield partition_status(
            root,
            "part.detach_pending",
            Severity.HIGH,
            f"A DETACH CONCURRENTLY was interrupted: {names} is neither in nor out, and no other partition can be"
            " detached until"
            " it is finished.",
            sql=tuple(
                fill("ALTER TABLE {t} DETACH PARTITION {p} FINALIZE", t=root.relation, p=p.relation) for p in pending
            ),
        )


def _not_analyzed(root: Table, catalog: Catalog) -> Iterator[RetentionStatus]:
    counters = root.counters
    if root.parent is not None or not any(holds_rows(p, catalog) for p in catalog.partitions.get(root.relation, ())):
        return
    if counters is not None and counters.last_analyze is not None:
        return
    if counters is None and catalog.snapshot.server.major >= 14:
        return  # before 14 there are none for a partitioned table, and the missing statistics must do
    if not any(
        catalog.statistics(p.relation, c) is not None
        for p in catalog.partitions.get(root.relation, ())[:3]
        for c in catalog.columns.get(p.relation, {})
    ):
        return  # this role sees no statistics at all: nothing can be said
    yield partition_status(
        root,
        "part.parent_not_analyzed",
        Severity.LOW,
        "The partitioned table itself has never been analyzed: autovacuum only looks at its partitions, so the"
        " planner guesses for"
        " queries over several of them. Run this after large changes, for instance nightly.",
        sql=(fill("ANALYZE {t}", t=root.relation),),
    )


def _step(partitioning: Partitioning) -> timedelta | None:
    """Return the width of the newest ordinary partition."""
    closed = [leaf for leaf in partitioning.leaves if leaf.lower is not None and leaf.upper is not None]
    if not closed:
        return None
    newest = max(closed, key=lambda leaf: leaf.upper or datetime.min)
    return newest.upper - newest.lower if newest.upper is not None and newest.lower is not None else None


def next_bounds(last: datetime, step: timedelta, count: int) -> list[tuple[datetime, datetime]]:
    """Return `count` ranges after `last`; steps of about a month, quarter or year follow the calendar."""
    months = {1: range(28, 32), 3: range(89, 93), 12: range(365, 367)}
    calendar = next((m for m, days in months.items() if step.days in days and step.seconds == 0), None)
    found: list[tuple[datetime, datetime]] = []
    lower = last
    for _ in range(count):
        if calendar is not None and last.day == 1 and not (last.hour or last.minute):
            index = lower.year * 12 + lower.month - 1 + calendar
            upper = lower.replace(year=index // 12, month=index % 12 + 1)
        else:
            upper = lower + step
        found.append((lower, upper))
        lower = upper
    return found


def _missing_future(
    partitioning: Partitioning, premake: int, catalog: Catalog, now: datetime
) -> Iterator[RetentionStatus]:
    root = partitioning.root
    if any(leaf.upper is None for leaf in partitioning.leaves):
        return
    step = _step(partitioning)
    last = max((leaf.upper for leaf in partitioning.leaves if leaf.upper is not None), default=None)
    if last is None or step is None or step.total_seconds() <= 0:
        return
    ahead = (last - now) / step
    if ahead >= premake or ahead < -1000:
        return
    has_default = partitioning.default is not None
    retired = last < now - 3 * step and last < now - timedelta(days=60) and not has_default
    if ahead < 1:
        severity = Severity.LOW if retired else Severity.HIGH if has_default else Severity.CRITICAL
    elif ahead < 2:
        severity = Severity.MEDIUM
    else:
        return  # fewer than wished and still two intervals ahead: the next run of the job makes more
    when = f"on {last:%Y-%m-%d %H:%M} UTC" if last > now else f"since {last:%Y-%m-%d %H:%M} UTC"
    if has_default:
        effect = "Later rows fall into the default partition, which then blocks the creation of proper partitions."
    else:
        effect = "There is no default partition: inserts of later rows fail (error 23514)."
    missing = max(1, min(_PREMAKE * 4, round(premake - ahead + 0.5)))
    ranges = next_bounds(last, step, missing)
    yield partition_status(
        root,
        "part.missing_future",
        severity,
        f"The newest partition ends {when}. {effect} Create the next ones, and let a job keep {premake} ahead.",
        sql=tuple(s for lower, upper in ranges for s in create_partition(partitioning, lower, upper, catalog)),
        undo_sql=tuple(
            fill("DROP TABLE {p}", p=_leaf_name(partitioning, lower, ranges[0][1] - ranges[0][0], catalog))
            for lower, _ in ranges
        ),
        column=partitioning.column.name,
        last_bound=last.isoformat(),
        intervals_ahead=round(ahead, 2),
    )


def _leaf_name(partitioning: Partitioning, lower: datetime, step: timedelta, catalog: Catalog) -> RelationName:
    root = partitioning.root.relation
    alike = free_like(naming_of(partitioning), lower, catalog)
    return alike or RelationName(root.schema, free_name(root.schema, root.name, leaf_suffix(lower, step), catalog))


def create_partition(partitioning: Partitioning, lower: datetime, upper: datetime, catalog: Catalog) -> tuple[str, ...]:
    """Return CREATE TABLE … PARTITION OF for one range; it does not take row security from the table by itself."""
    column, unit = partitioning.column, partitioning.unit
    others = len(partitioning.root.partition_key_columns) - 1
    tail = ", MINVALUE" * others
    name = _leaf_name(partitioning, lower, upper - lower, catalog)
    create = fill(
        "CREATE TABLE {p} PARTITION OF {t} FOR VALUES FROM ({low}{tail}) TO ({high}{tail})",
        p=name,
        t=partitioning.root.relation,
        low=Trusted(literal_sql(column, lower, unit)),
        high=Trusted(literal_sql(column, upper, unit)),
        tail=Trusted(tail),
    )
    if not partitioning.root.row_security:
        return (create,)
    return create, fill("ALTER TABLE {p} ENABLE ROW LEVEL SECURITY", p=name)


def _gaps(partitioning: Partitioning, catalog: Catalog, now: datetime) -> Iterator[RetentionStatus]:
    holes: list[tuple[Leaf, Leaf]] = [
        (before, after)
        for before, after in pairwise(partitioning.leaves)
        if before.upper is not None and after.lower is not None and before.upper < after.lower
    ]
    if not holes:
        return
    listed = "; ".join(f"{b.upper:%Y-%m-%d %H:%M} to {a.lower:%Y-%m-%d %H:%M}" for b, a in holes[:_MOST_GAPS])
    ahead = any(a.lower is not None and a.lower > now for _, a in holes)
    effect = "fall into the default partition" if partitioning.default is not None else "are refused (error 23514)"
    severity = Severity.HIGH if ahead or partitioning.default is None else Severity.MEDIUM
    sql = tuple(
        statement
        for b, a in holes[:_MOST_GAPS]
        if b.upper is not None and a.lower is not None
        for statement in create_partition(partitioning, b.upper, a.lower, catalog)
    )
    yield partition_status(
        partitioning.root,
        "part.gap",
        severity,
        f"No partition covers {listed} (UTC): rows of that time {effect}.",
        sql=sql,
        column=partitioning.column.name,
        gaps=len(holes),
    )


def _default_rows(partitioning: Partitioning, catalog: Catalog) -> Iterator[RetentionStatus]:
    default = partitioning.default
    if default is None:
        return
    answer = next(
        (r for r in catalog.snapshot.facts.get(DEFAULT_ROWS, ()) if r.get("subject") == str(default.relation)), None
    )
    seen = answer is not None and bool(answer.get("found"))
    rows = max(catalog.rows(default.relation), 0.0)
    if not seen and not (rows > 0 and (answer is None or answer.get("status") != "ok")):
        return
    root, size = partitioning.root, leaf_bytes(default, catalog)
    look = fill(
        "SELECT date_trunc('day', {c}) AS day, count(*) FROM {p} GROUP BY 1 ORDER BY 1",
        c=Ident(partitioning.column.name),
        p=default.relation,
    )
    move = move_rows(partitioning, default, _step(partitioning), catalog)
    how = (
        " The second statement moves them into partitions of their own, one range per transaction (at most a hundred):"
        " triggers on deletes and inserts fire for them, and statements that look into the default partition wait for"
        " about as long as it takes to write the rows of one range."
        if move is not None
        else " Move them into partitions of their own."
    )
    reads = "ACCESS SHARE: it only reads"
    yield partition_status(
        root,
        "part.default_rows",
        Severity.HIGH,
        f"The default partition {default.relation} holds rows (about {format_count(round(rows))},"
        f" {format_size(size)}). A partition for their range can no longer be created: ATTACH and CREATE fail, and"
        f" pg_partman's maintenance stops. The first query shows which time they have.{how}",
        sql=(look,) if move is None else (look, move),
        locks=[reads] if move is None else [reads, LOCK],
        column=partitioning.column.name,
        confidence="high" if seen else "medium",
        rows=round(rows),
    )
