"""The whole way through: source -> Snapshot -> what-if -> analysis -> Report. The command line only calls this."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from advisor import __version__
from advisor.analyse import judge
from advisor.collect import collect
from advisor.collect.replicas import with_replicas
from advisor.connect import open_connection
from advisor.deadline import OutOfTime
from advisor.errors import AdvisorError, TwinFailed, UsageError
from advisor.index_search import SearchOptions, advise_drops, advise_indexes
from advisor.index_search.planner import PlanFailed
from advisor.model.activity import WorkloadText
from advisor.model.finding import Finding
from advisor.model.history import StatementPlan
from advisor.model.lookup import Catalog
from advisor.model.report import (
    Fidelity,
    IndexAdvice,
    Report,
    RetentionStatus,
    SettingsAdvice,
)
from advisor.model.snapshot import Gap, Snapshot, read_snapshot
from advisor.model.workload import Workload
from advisor.progress import Progress, Silent
from advisor.retention import Policy, assess_retention
from advisor.retention.trials import PartitionTrial
from advisor.rulebook import load_rules
from advisor.settings import SettingsOptions, advise_settings
from advisor.summaries import relation_sizes, statement_summaries, time_of_texts, window_start
from advisor.whatif import WhatIf, WhatIfOptions, open_whatif
from advisor.whatif.gaps import twin_gaps
from advisor.whatif.partitioned.offer import partition_trials
from advisor.whatif.replay import read_plans
from advisor.whatif.replay_advice import replayed_advice
from advisor.whatif.session import PlanningSession
from advisor.workload.difference import since
from advisor.workload.files import read_workload_file
from advisor.workload.logs import read_log_file
from advisor.workload.read import read_workload
from advisor.workload.replicas import nodes_read, with_standbys
from advisor.workload.touched import relations_touched

SUBJECTS = ("index", "settings", "retention", "health")


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOptions:
    """What to look at, and how hard."""

    subjects: tuple[str, ...] = SUBJECTS
    what_if: WhatIfOptions = field(default_factory=WhatIfOptions)
    search: SearchOptions = field(default_factory=SearchOptions)
    settings: SettingsOptions = field(default_factory=SettingsOptions)
    policy: Policy | None = None
    rule_params: dict[str, dict[str, Any]] = field(default_factory=dict)
    previous: Snapshot | None = None  # an older snapshot of the same database: the window begins there
    keep_plans: bool = False  # for the history: the plans of the dearest statements


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
        snapshot = _with_texts(replace(snapshot, gaps=snapshot.gaps + found.gaps), found.texts)
    return snapshot


class _Clock:
    """Seconds per stage, for the report's footer."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started


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
    clock = _Clock()
    clock.seconds["collect"] = sum(snapshot.timings.values())
    with clock.stage("analyse"):
        # The evidence rules take the difference themselves: they also compare resets and restarts.
        known = replace(options.settings, previous=options.previous)
        settings = advise_settings(snapshot, known) if "settings" in options.subjects else None
    if options.previous is not None:
        snapshot = since(snapshot, options.previous)
    snapshot = with_standbys(snapshot, options.previous)
    catalog = Catalog(snapshot)
    gaps = list(snapshot.gaps)
    workload: Workload | None = None
    indexes: IndexAdvice | None = None
    fidelity: Fidelity | None = None
    plans: list[StatementPlan] = []
    late = False
    if "index" in options.subjects:
        try:
            workload, indexes, fidelity, settings = _index_part(
                snapshot, catalog, options, connection, progress, clock, gaps, settings, plans
            )
        except OutOfTime:
            late = True
            gaps.append(_cut_short("index proposals"))
            indexes = IndexAdvice(drop=advise_drops(snapshot, catalog, None, None), planner="none")
    elif settings is not None and options.what_if.mode != "none" and (snapshot.statements or snapshot.workload_texts):
        try:
            settings = _replay_part(snapshot, catalog, options, connection, progress, clock, gaps, settings)
        except OutOfTime:
            late = True
            gaps.append(_cut_short("the settings' effect on plans"))
    retention: tuple[RetentionStatus, ...] = ()
    if "retention" in options.subjects:
        trials: tuple[PartitionTrial, ...] = ()
        with clock.stage("partitions"):
            try:
                if not late:
                    trials, untried = partition_trials(
                        snapshot, catalog, options.policy, options.what_if, connection, progress
                    )
                    gaps += untried
            except OutOfTime:
                late = True
        if late:
            gaps.append(_cut_short("partitions tried on the twin"))
        with clock.stage("analyse"):
            retention = assess_retention(snapshot, catalog, options.policy, previous=options.previous, trials=trials)
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
        gaps=tuple(gaps),
        skipped=judgement.skipped if "health" in options.subjects else (),
        passed=judgement.passed if "health" in options.subjects else (),
        fidelity=fidelity,
        workload=statement_summaries(workload, indexes, total) if workload is not None else (),
        sizes=relation_sizes(snapshot),
        total_exec_time=total,
        timings=clock.seconds,
        peak_memory_bytes=_peak_memory(),
        subjects=options.subjects,
        plans=tuple(plans),
    )


def _cut_short(what: str) -> Gap:
    return Gap(
        what=what,
        why="the time of the run was over (--max-time)",
        fix="give it more time, or less to do: --time-limit, --what-if none",
        costs="they are missing; everything else in this report was judged",
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


def _index_part(
    snapshot: Snapshot,
    catalog: Catalog,
    options: ReportOptions,
    connection: psycopg.Connection[Any] | None,
    progress: Progress,
    clock: _Clock,
    gaps: list[Gap],
    settings: SettingsAdvice | None,
    plans: list[StatementPlan],
) -> tuple[Workload | None, IndexAdvice, Fidelity | None, SettingsAdvice | None]:
    what_if = replace(options.what_if, touched=relations_touched(snapshot, catalog))
    with ExitStack() as stack:
        engine: WhatIf | None = None
        with clock.stage("twin"):
            try:
                engine = stack.enter_context(open_whatif(snapshot, what_if, connection, progress))
            except TwinFailed as error:
                asked = options.what_if
                if asked.mode != "auto" or asked.twin_dsn or asked.twin_image or asked.twin_major:
                    raise  # what was asked for by name must not turn into a gap
                gaps.append(
                    Gap(what="what-if planner", why=error.message, fix=error.hint, costs="no index proposals, no costs")
                )
        if engine is None:
            drops = advise_drops(snapshot, catalog, None, None)
            return None, IndexAdvice(drop=drops, planner="none"), None, settings
        gaps += twin_gaps(engine.degraded, snapshot.server.major)
        with clock.stage("workload"):
            workload = read_workload(snapshot, catalog, engine.session, progress)
        with clock.stage("fidelity"):
            fidelity = engine.measure_fidelity(workload.statements)
        trusted = workload
        if fidelity is not None and (fidelity.withheld or fidelity.doubted):
            withheld, doubted = set(fidelity.withheld), set(fidelity.doubted)
            kept = (s for s in workload.statements if s.key not in withheld)
            trusted = replace(workload, statements=tuple(replace(s, doubted=s.key in doubted) for s in kept))
        with clock.stage("search"):
            try:
                indexes = advise_indexes(snapshot, catalog, trusted, engine.planner, options.search, progress)
            except PlanFailed as error:
                # Not one statement but the planner itself: what was read and judged without it stands.
                gaps.append(Gap(what="what-if planner", why=str(error), costs="no index proposals, no costs"))
                indexes = IndexAdvice(drop=advise_drops(snapshot, catalog, workload, None), planner="none")
        if settings is not None and engine.kind == "twin" and isinstance(engine.session, PlanningSession):
            with clock.stage("replay"):
                settings = replayed_advice(engine.session, trusted.statements, settings, snapshot.role_settings)
        if options.keep_plans and isinstance(engine.session, PlanningSession):
            with clock.stage("plans"):
                plans += read_plans(engine.session, trusted.statements)
        return workload, indexes, fidelity, settings


def _replay_part(
    snapshot: Snapshot,
    catalog: Catalog,
    options: ReportOptions,
    connection: psycopg.Connection[Any] | None,
    progress: Progress,
    clock: _Clock,
    gaps: list[Gap],
    settings: SettingsAdvice,
) -> SettingsAdvice:
    """Return the settings advice with the workload replayed on a twin, where nothing else needs one."""
    what_if = replace(options.what_if, touched=relations_touched(snapshot, catalog))
    with clock.stage("replay"):
        try:
            with open_whatif(snapshot, what_if, connection, progress) as engine:
                if engine is None or engine.kind != "twin" or not isinstance(engine.session, PlanningSession):
                    return settings
                workload = read_workload(snapshot, catalog, engine.session, progress)
                return replayed_advice(engine.session, workload.statements, settings, snapshot.role_settings)
        except TwinFailed as error:
            if what_if.mode != "auto" or what_if.twin_dsn or what_if.twin_image:
                raise  # what was asked for by name must not turn into a gap
            gaps.append(Gap(what="what-if planner", why=error.message, fix=error.hint, costs="no replay of plans"))
            return settings


def _peak_memory() -> int:
    """Return the peak resident size of this process in bytes (ru_maxrss is kB on Linux, bytes on macOS)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def capture(source: Source, policy: Policy | None, progress: Progress) -> Snapshot:
    """Return a snapshot of the source's server."""
    with open_source(source, policy, progress) as (snapshot, _):
        return snapshot


__all__ = ["SUBJECTS", "AdvisorError", "ReportOptions", "Source", "capture", "make_report", "open_source"]
