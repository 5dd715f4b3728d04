"""The whole way through: source -> Snapshot -> what-if -> analysis -> Report. The command line only calls this."""

from __future__ import annotations

import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from advisor import __version__
from advisor.analyse import judge
from advisor.collect import collect
from advisor.collect.replicas import with_replicas
from advisor.connect import open_connection
from advisor.errors import AdvisorError, UsageError
from advisor.model.activity import WorkloadText
from advisor.model.finding import Finding
from advisor.model.lookup import Catalog
from advisor.model.report import IndexAdvice, Report, RetentionStatus
from advisor.model.snapshot import Snapshot, read_snapshot
from advisor.planned import SUBJECTS, Clock, ReportOptions, with_planner
from advisor.progress import Progress, Silent
from advisor.retention import Policy, assess_retention
from advisor.rulebook import load_rules
from advisor.settings import advise_settings
from advisor.summaries import relation_sizes, statement_summaries, time_of_texts, window_start
from advisor.workload.difference import since
from advisor.workload.files import read_workload_file
from advisor.workload.logs import read_log_file
from advisor.workload.replicas import nodes_read, with_standbys


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where the facts come from: a snapshot file, or a server (dsn None means libpq's own defaults)."""

    dsn: str | None = None
    snapshot: Path | None = None
    workload_files: tuple[Path, ...] = ()
    log_files: tuple[Path, ...] = ()
    sample_seconds: float = 0.0
    provider: str | None = None
    replicas: tuple[str, ...] = ()  # DSNs of standbys


@contextmanager
def open_source(
    source: Source, policy: Policy | None, progress: Progress
) -> Iterator[tuple[Snapshot, psycopg.Connection[Any] | None]]:
    """Yield the snapshot and, for a live server, the connection it was read through."""
    texts = tuple(text for path in source.workload_files for text in read_workload_file(path))
    if source.snapshot is not None:
        if source.dsn is not None:
            raise UsageError("--dsn and --snapshot exclude each other.", "Give one of them.")
        if source.replicas:
            raise UsageError("--replica reads a server.", "A snapshot holds the standbys it was captured with.")
        yield _with_logs(_with_texts(read_snapshot(source.snapshot), texts), source.log_files, progress), None
        return
    with open_connection(source.dsn) as connection:
        snapshot = collect(
            connection,
            rules=load_rules(),
            policy=policy,
            sample_seconds=source.sample_seconds,
            workload_texts=texts,
            provider=source.provider,
            progress=progress,
        )
        if source.replicas:
            snapshot = with_replicas(snapshot, connection, source.replicas, progress)
        yield _with_logs(snapshot, source.log_files, progress), connection


def _with_texts(snapshot: Snapshot, texts: tuple[WorkloadText, ...]) -> Snapshot:
    if not texts:
        return snapshot
    return replace(snapshot, workload_texts=snapshot.workload_texts + texts)


def _with_logs(snapshot: Snapshot, paths: tuple[Path, ...], progress: Progress) -> Snapshot:
    """Return the snapshot with the statements of its server's logs, and a gap for each log that gave none."""
    prefix = snapshot.setting("log_line_prefix")
    for path in paths:
        with progress.step(f"reading the log {path.name}"):
            found = read_log_file(
                path, log_line_prefix=prefix.setting if prefix else None, database=snapshot.server.database
            )
        snapshot = replace(snapshot, gaps=snapshot.gaps + found.gaps, scan_rows=snapshot.scan_rows + found.scans)
        snapshot = _with_texts(snapshot, found.texts)
    return snapshot


def make_report(
    snapshot: Snapshot,
    options: ReportOptions,
    connection: psycopg.Connection[Any] | None = None,
    progress: Progress | None = None,
) -> Report:
    """Return the report of one snapshot. `connection` serves only the fidelity check and HypoPG.

    A what-if planner that cannot be had becomes a gap; the rest of the report stands.
    """
    progress = progress or Silent()
    clock = Clock()
    clock.seconds["collect"] = sum(snapshot.timings.values())
    with clock.stage("analyse"):
        # The evidence rules take the difference themselves: they also compare resets and restarts.
        known = replace(options.settings, previous=options.previous)
        settings = advise_settings(snapshot, known) if "settings" in options.subjects else None
    if options.previous is not None:
        snapshot = since(snapshot, options.previous)
    snapshot = with_standbys(snapshot, options.previous)
    catalog = Catalog(snapshot)
    planned = with_planner(snapshot, catalog, options, settings, connection, progress, clock)
    settings, indexes, workload = planned.settings, planned.indexes, planned.workload
    retention: tuple[RetentionStatus, ...] = ()
    if "retention" in options.subjects:
        with clock.stage("analyse"):
            retention = assess_retention(
                snapshot, catalog, options.policy, previous=options.previous, trials=planned.trials
            )
    with clock.stage("analyse"):
        judgement = judge(snapshot, catalog, load_rules(), params=options.rule_params)
    findings = judgement.findings if "health" in options.subjects else ()
    if settings is not None:
        findings += settings.findings
    total = sum(row.total_exec_time for row in snapshot.statements) or time_of_texts(snapshot) or None
    return Report(
        tool_version=__version__,
        generated_at=datetime.now(UTC),
        version_num=snapshot.server.version_num,
        version=snapshot.server.version,
        database=snapshot.server.database,
        provider=snapshot.server.provider,
        since=window_start(snapshot),
        until=snapshot.server.collected_at,
        database_size_bytes=snapshot.server.database_size_bytes,
        nodes=nodes_read(snapshot),
        # Stable: within a severity the rules' own order stands, the biggest first.
        findings=tuple(sorted(_once(findings, indexes), key=lambda f: f.severity.rank)),
        indexes=indexes,
        settings=settings,
        retention=retention,
        gaps=(*snapshot.gaps, *planned.gaps),
        skipped=judgement.skipped if "health" in options.subjects else (),
        passed=judgement.passed if "health" in options.subjects else (),
        fidelity=planned.fidelity,
        workload=statement_summaries(workload, indexes, total) if workload is not None else (),
        sizes=relation_sizes(snapshot),
        total_exec_time=total,
        timings=clock.seconds,
        peak_memory_bytes=_peak_memory(),
        subjects=options.subjects,
        plans=planned.plans,
    )


# A health rule, and the settings finding that says the same with the memory arithmetic at hand.
_SAID_BY_SETTINGS = {
    "server/pending_restart": "settings/pending_restart",
    "vacuum/autovacuum_off": "settings/dangerous",
    "connections/near_limit": "settings/connections_near_limit",
    "connections/connection_churn": "settings/short_sessions",
}


def _once(findings: tuple[Finding, ...], indexes: IndexAdvice | None) -> list[Finding]:
    """Leave out what another part of the report says better."""
    said = {(finding.rule, finding.object) for finding in findings}
    rules = {rule for rule, _ in said}
    dropped = {str(drop.index) for drop in indexes.drop if drop.kind == "invalid"} if indexes is not None else set()
    kept = []
    for finding in findings:
        better = _SAID_BY_SETTINGS.get(finding.rule)
        if better == "settings/dangerous":
            if (better, "setting:autovacuum") in said:
                continue
        elif better in rules:
            continue
        if finding.rule == "indexes/invalid_index" and finding.object in dropped:
            continue
        kept.append(finding)
    return kept


def _peak_memory() -> int:
    """Return the peak resident size of this process in bytes (ru_maxrss is kB on Linux, bytes on macOS)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def capture(source: Source, policy: Policy | None, progress: Progress) -> Snapshot:
    """Return a snapshot of the source's server."""
    with open_source(source, policy, progress) as (snapshot, _):
        return snapshot


__all__ = ["SUBJECTS", "AdvisorError", "ReportOptions", "Source", "capture", "make_report", "open_source"]
