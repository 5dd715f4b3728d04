"""Verdicts on what is found to enforce a window: jobs that fail, windows that differ, pg_partman's traps."""

from __future__ import annotations

import re
from collections.abc import Iterator

from advisor.model.finding import Severity
from advisor.model.lookup import Catalog
from advisor.model.names import RelationName
from advisor.model.report import RetentionStatus
from advisor.retention.bounds import time_partitioning
from advisor.retention.fill import Literal, fill
from advisor.retention.partitions import partition_status
from advisor.retention.partman import interval_window, is_unitless
from advisor.retention.statuses import Judged, make_status
from advisor.units import format_size

_LONG_HISTORY = 64 << 20
_TROUBLE = {
    "job_inactive": ("ret.job_inactive", "does not run"),
    "job_failing": ("ret.job_failing", "fails"),
    "job_late": ("ret.job_late", "is late"),
}


def job_statuses(judged: Judged, catalog: Catalog) -> Iterator[RetentionStatus]:
    """Everything wrong with the mechanisms found."""
    yield from _troubles(judged)
    yield from _mismatches(judged)
    yield from _unsafe(judged)
    yield from _partman(judged, catalog)
    yield from _orphans(judged, catalog)


def scheduler_statuses(catalog: Catalog) -> Iterator[RetentionStatus]:
    """What the schedulers themselves keep for ever: pg_cron's record of runs."""
    runs = catalog.tables.get(RelationName("cron", "job_run_details"))
    if runs is None or (runs.size_bytes or 0) < _LONG_HISTORY:
        return
    delete = "DELETE FROM cron.job_run_details WHERE end_time < now() - interval '30 days'"
    yield partition_status(
        runs,
        "ret.sched_history",
        Severity.LOW,
        f"pg_cron writes a row for every run and never deletes one: {format_size(runs.size_bytes or 0)} by now."
        " The job below keeps thirty days of it.",
        sql=(fill("SELECT cron.schedule('purge cron history', '0 4 * * *', {d})", d=Literal(delete)),),
        undo_sql=("SELECT cron.unschedule('purge cron history')",),
    )


def _troubles(judged: Judged) -> Iterator[RetentionStatus]:
    working = any(not m.trouble for m in judged.enforcement.mechanisms)
    for mechanism in judged.enforcement.mechanisms:
        for kind, sentence in mechanism.trouble:
            rule, verb = _TROUBLE[kind]
            yield make_status(
                judged,
                rule,
                Severity.MEDIUM if working else Severity.HIGH,
                f"{mechanism.what} is meant to remove old rows and {verb}: {sentence}.",
                sql=mechanism.fix,
                confidence="high",
            )


def _mismatches(judged: Judged) -> Iterator[RetentionStatus]:
    keep = judged.target.keep
    if keep is None or judged.target.is_default:
        return
    low = keep.total_days
    high = keep.plus(judged.target.tolerance).total_days
    for mechanism in judged.enforcement.mechanisms:
        windows = [w for text in mechanism.windows if (w := interval_window(text)) is not None]
        wrong = [w for w in windows if not low - 0.5 <= w.total_days <= high + 0.5]
        if wrong and len(wrong) == len(windows):
            shorter = wrong[0].total_days < low
            yield make_status(
                judged,
                "ret.job_mismatch",
                Severity.HIGH,
                f"{mechanism.what} works with {wrong[0]}, the policy says {keep}: "
                + ("rows go too early." if shorter else "rows stay too long."),
                job_window=str(wrong[0]),
            )


def _unsafe(judged: Judged) -> Iterator[RetentionStatus]:
    for mechanism in judged.enforcement.mechanisms:
        removal = mechanism.removal
        if removal is None or removal.verb not in ("delete", "truncate"):
            continue
        if removal.verb == "truncate" and removal.table != judged.target.relation.name:
            continue  # a partition of its own, as good as dropped
        if removal.verb == "truncate":
            yield make_status(
                judged,
                "ret.job_unsafe",
                Severity.MEDIUM,
                f"{mechanism.what}: TRUNCATE empties the table, rows inside the window too, under ACCESS EXCLUSIVE.",
            )
            continue
        if removal.joined_by_ctid:
            why = (
                "It joins the batch back by ctid (DELETE … USING), which reads the whole table for every batch: use"
                " ctid = ANY (ARRAY(SELECT ctid … LIMIT n FOR UPDATE SKIP LOCKED))."
            )
        elif not removal.limited and judged.rows > 1_000_000 and (judged.expired.rows or 0) > 100_000:
            why = (
                "It deletes everything in one statement: a long transaction that holds back vacuum, a burst of WAL,"
                " and all"
                " of it again after an error. Delete in batches."
            )
        else:
            continue
        yield make_status(judged, "ret.job_unsafe", Severity.LOW, f"{mechanism.what}: {why}")


def _partman(judged: Judged, catalog: Catalog) -> Iterator[RetentionStatus]:
    config = judged.enforcement.partman
    if config is None:
        return
    table = RelationName(config.schema, "part_config")
    where = fill(" WHERE parent_table = {p}", p=Literal(config.parent))
    if config.retention is None:
        yield make_status(
            judged,
            "ret.partman_no_retention",
            Severity.HIGH if judged.target.keep is not None and not judged.target.is_default else Severity.LOW,
            "pg_partman manages the partitions but has no retention set: it makes new ones and never removes old ones.",
            sql=(fill("UPDATE {t} SET retention = {r}", t=table, r=Literal(str(judged.target.keep))) + where,)
            if judged.target.keep is not None
            else (),
        )
        return
    if is_unitless(config.retention) and time_partitioning(judged.target.table, catalog) is not None:
        yield make_status(
            judged,
            "ret.partman_unitless",
            Severity.CRITICAL,
            f"pg_partman's retention is '{config.retention}' without a unit: PostgreSQL reads that as seconds, so"
            " the next"
            " maintenance removes every partition older than that.",
            sql=(
                fill("UPDATE {t} SET retention = {r}", t=table, r=Literal(f"{config.retention.strip()} days")) + where,
            ),
            undo_sql=(fill("UPDATE {t} SET retention = {r}", t=table, r=Literal(config.retention)) + where,),
            confidence="high",
        )
    if config.keep_table and config.retention_schema is None:
        yield make_status(
            judged,
            "ret.partman_keep_table",
            Severity.HIGH if judged.target.is_personal else Severity.MEDIUM,
            "pg_partman only detaches old partitions (retention_keep_table is true): their rows stay on disk as"
            " tables of"
            " their own, and nothing is given back. Setting it to false does not remove those already detached.",
            sql=(fill("UPDATE {t} SET retention_keep_table = false", t=table) + where,),
            undo_sql=(fill("UPDATE {t} SET retention_keep_table = true", t=table) + where,),
            confidence="high",
        )
    elif config.keep_table is False and config.retention_schema is not None:
        yield make_status(
            judged,
            "ret.partman_retention_schema_conflict",
            Severity.MEDIUM,
            f"retention_schema ({config.retention_schema}) wins over retention_keep_table = false: old partitions"
            " are moved there"
            " and not dropped.",
            sql=(fill("UPDATE {t} SET retention_schema = NULL", t=table) + where,),
            undo_sql=(
                fill("UPDATE {t} SET retention_schema = {s}", t=table, s=Literal(config.retention_schema)) + where,
            ),
        )
    yield from _wide_partition(judged, catalog)


def _wide_partition(judged: Judged, catalog: Catalog) -> Iterator[RetentionStatus]:
    """A partition wider than the others that reaches into the window: pg_partman looks at its lower end only."""
    config = judged.enforcement.partman
    partitioning = time_partitioning(judged.target.table, catalog)
    if config is None or partitioning is None:
        return
    window, interval = config.window(), interval_window(config.interval)
    if window is None or interval is None:
        return
    cutoff = window.before(judged.now)
    for leaf in partitioning.leaves:
        if leaf.lower is None or leaf.upper is None or leaf.upper <= cutoff:
            continue
        if (cutoff - leaf.lower).total_seconds() / 86400 >= interval.total_days * 1.01:
            where = fill(" WHERE parent_table = {p}", p=Literal(config.parent))
            table = RelationName(config.schema, "part_config")
            yield make_status(
                judged,
                "ret.partman_wide_partition",
                Severity.CRITICAL,
                f"The partition {leaf.table.relation} reaches from {leaf.lower:%Y-%m-%d} to {leaf.upper:%Y-%m-%d}."
                " pg_partman judges it"
                " by its lower end: the next maintenance removes it with rows that are still inside the window. Switch"
                " retention off until its upper end has passed the window.",
                sql=(fill("UPDATE {t} SET retention = NULL", t=table) + where,),
                undo_sql=(fill("UPDATE {t} SET retention = {r}", t=table, r=Literal(config.retention or "")) + where,),
                confidence="high",
                partition=str(leaf.table.relation),
            )


def _orphans(judged: Judged, catalog: Catalog) -> Iterator[RetentionStatus]:
    """Tables that were partitions once: detached, same columns, still holding rows."""
    target = judged.target
    if target.table.kind != "p":
        return
    pattern = re.compile(re.escape(target.relation.name) + r"_p?\d")
    config = judged.enforcement.partman
    schemas = {target.relation.schema} | ({config.retention_schema} if config is not None else set())
    columns = set(catalog.columns.get(target.relation, {}))
    orphans = [
        table
        for table in catalog.snapshot.tables
        if table.kind == "r" and not table.is_partition and table.schema in schemas and pattern.match(table.name)
        and set(catalog.columns.get(table.relation, {})) == columns
    ]  # fmt: skip
    if not orphans:
        return
    size = sum(t.total_bytes or t.size_bytes or 0 for t in orphans)
    listed = ", ".join(str(t.relation) for t in orphans[:5]) + (" …" if len(orphans) > 5 else "")
    yield make_status(
        judged,
        "ret.orphan_partitions",
        Severity.HIGH if target.is_personal else Severity.MEDIUM,
        f"{len(orphans)} tables look like detached partitions of this table and still hold {format_size(size)}:"
        f" {listed}. Rows in them"
        " are not deleted, only out of sight. Look into them, then drop them.",
        sql=tuple(fill("DROP TABLE {t}", t=t.relation) for t in orphans),
        orphans=[str(t.relation) for t in orphans],
    )
