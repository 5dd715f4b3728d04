"""What is kept of one look: the slim snapshot, the findings, the numbers that have a trend. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from advisor.history.model import Identity
from advisor.model.catalog import Index
from advisor.model.history import SavedFinding
from advisor.model.redaction import redact
from advisor.model.report import Report
from advisor.model.snapshot import Snapshot
from advisor.render.order import items

# Of fewer rows a share says nothing.
_LEAST_ROWS = 10_000
# Beyond these the smallest are left out. A server keeps 5,000 statements unless told otherwise.
MOST_STATEMENTS = 20_000
MOST_RELATIONS = 20_000
MOST_MEASURES = 1_000
# The gap that a report has where its time was over before the partitions were tried.
UNTRIED = "partitions tried on the twin"
_OWN_MARK = "/* pgadvise"  # in every statement the advisor itself sends


def identity_of(snapshot: Snapshot, name: str | None = None, address: str | None = None) -> Identity:
    """Return what the snapshot's database is recognised by."""
    return Identity(
        database=snapshot.server.database,
        name=name,
        system_identifier=snapshot.server.system_identifier,
        address=address,
    )


def slim(snapshot: Snapshot) -> Snapshot:
    """Return counters, sizes, settings and definitions only: no column values, no literals, bounded."""
    asked = tuple(row for row in snapshot.statements if row.query is None or _OWN_MARK not in row.query)
    bare = redact(replace(snapshot, statements=asked))
    statements = sorted(bare.statements, key=lambda row: -row.total_exec_time)[:MOST_STATEMENTS]
    tables = sorted(bare.tables, key=lambda table: -(table.total_bytes or 0))[:MOST_RELATIONS]
    indexes = sorted(bare.indexes, key=lambda index: -(index.size_bytes or 0))[:MOST_RELATIONS]
    return replace(
        bare,
        statements=tuple(statements),
        tables=tuple(tables),
        indexes=tuple(indexes),
        roles=(),
        schemas=(),
        columns=(),
        constraints=(),
        statistics=(),
        extended_statistics=(),
        schema_objects=(),
        sessions=(),
        replicas=tuple(
            replace(replica, sessions=(), statements=replica.statements[:MOST_STATEMENTS]) for replica in bare.replicas
        ),
        sizes=(),
        facts={},
        gaps=(),
        timings={},
    )


def definition_of(index: Index) -> str:
    """Return a hash of what an index is: another definition under the same name is another index."""
    return hashlib.sha256(index.definition.encode("utf-8", "replace")).hexdigest()[:16]


def saved_findings(report: Report, before: Mapping[str, SavedFinding], now: datetime) -> tuple[SavedFinding, ...]:
    """Return what the report asks for, each with the time since when; what was not judged this time is carried over.

    `before` are the findings of the run before, by key.
    """
    found: dict[str, SavedFinding] = {}
    for item in items(report):
        old = before.get(item.key)
        found[item.key] = SavedFinding(
            key=item.key,
            rule=item.rule,
            subject=item.subject,
            severity=item.severity.value,
            confidence=item.confidence,
            object=item.object,
            title=item.title,
            since=old.since if old is not None else now,
            size_bytes=item.size_bytes,
        )
    skipped = {skip.rule for skip in report.skipped if not skip.why.startswith("judged only in part")}
    for key, old in before.items():
        if key not in found and not _was_judged(old, report, skipped):
            found[key] = replace(old, judged=False)
    return tuple(found.values())


def searched(report: Report) -> bool:
    """Whether the search for indexes went to its end: what it does not propose is not wanted any more."""
    found = report.indexes
    return "index" in report.subjects and found is not None and found.complete and found.planner not in ("", "none")


def unexamined(findings: Iterable[SavedFinding], report: Report) -> tuple[SavedFinding, ...]:
    """Return what was carried over although this report was asked for it."""
    asked = {*report.subjects, *(("workload",) if "index" in report.subjects else ())}
    return tuple(f for f in findings if not f.judged and f.subject in asked)


def _was_judged(old: SavedFinding, report: Report, skipped: set[str]) -> bool:
    """Whether this report would have it if it were still so."""
    if old.rule in skipped:
        return False
    if old.subject in ("index", "workload") and (old.rule.startswith("index/") or old.subject == "workload"):
        # Without a planner nothing is proposed, and less is said of what exists; without time neither.
        return searched(report)
    if old.subject == "settings":
        return "settings" in report.subjects
    if old.subject == "retention" and old.rule.startswith(("ret.", "part.")):
        untried = old.rule.startswith("part.") and any(gap.what == UNTRIED for gap in report.gaps)
        return "retention" in report.subjects and not untried
    return "health" in report.subjects


def measures(snapshot: Snapshot, report: Report) -> dict[str, float]:
    """Return the numbers with a trend: sizes in bytes, sequences and ages in their own units."""
    found: dict[str, float] = {}
    if snapshot.server.database_size_bytes is not None:
        found["database"] = snapshot.server.database_size_bytes
    if snapshot.server.datfrozenxid_age is not None:
        found["xid_age"] = snapshot.server.datfrozenxid_age
    if snapshot.server.datminmxid_age is not None:
        found["mxid_age"] = snapshot.server.datminmxid_age
    for sequence in snapshot.sequences:
        if sequence.last_value is not None and not sequence.cycle:
            found[f"sequence:{sequence.schema}.{sequence.name}"] = sequence.last_value
    sized = [(f"table:{t.relation}", t.total_bytes) for t in snapshot.tables if t.kind in "rm" and t.total_bytes]
    sized += [(f"index:{i.relation}", i.size_bytes) for i in snapshot.indexes if i.size_bytes and not i.is_partitioned]
    sized.sort(key=lambda item: -item[1])
    found |= dict(sized[:MOST_MEASURES])
    for status in report.retention:
        if status.expired_rows is not None:
            found[f"expired_rows:{status.table}"] = status.expired_rows
    return found


def dead_share(snapshot: Snapshot) -> float | None:
    """Return the share of dead rows in all tables, which vacuum keeps low; None where nothing is counted."""
    counted = [table.counters for table in snapshot.tables if table.counters is not None]
    dead = sum(counters.n_dead_tup for counters in counted)
    rows = dead + sum(counters.n_live_tup for counters in counted)
    return dead / rows if rows >= _LEAST_ROWS else None


def totals(snapshot: Snapshot) -> dict[str, float]:
    """Return cumulative totals, from which rates per window follow."""
    found: dict[str, float] = {
        "calls": sum(row.calls for row in snapshot.statements),
        "exec_ms": sum(row.total_exec_time for row in snapshot.statements),
        "temp_blks": sum(row.temp_blks_written for row in snapshot.statements),
        "entries": len(snapshot.statements),
    }
    database, cluster = snapshot.database_counters, snapshot.cluster_counters
    if database is not None:
        found["xacts"] = database.xact_commit + database.xact_rollback
        found["temp_bytes"] = database.temp_bytes
        found["blks_read"] = database.blks_read
        found["io_ms"] = database.blk_read_time + database.blk_write_time
    if cluster is not None:
        for name in ("checkpoints_timed", "checkpoints_req", "wal_bytes", "wal_buffers_full", "maxwritten_clean"):
            value = getattr(cluster, name)
            if value is not None:
                found[name] = value
    return found
