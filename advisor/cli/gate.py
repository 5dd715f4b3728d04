"""`pgadvise gate`: migrations judged before they ship."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from advisor.cli import options as opt
from advisor.cli.app import app
from advisor.cli.config import find_config
from advisor.cli.console import check_format, format_of, note, show_progress, terminal_width, wants_color, write_file
from advisor.cli.deliver import print_text
from advisor.cli.flags import source_from
from advisor.collect import collect
from advisor.connect import open_connection
from advisor.errors import UsageError
from advisor.gate import find_migrations, judge_migrations
from advisor.model.finding import Severity
from advisor.model.lookup import Catalog
from advisor.model.migration import GateFile
from advisor.model.snapshot import Snapshot
from advisor.pipeline import open_source
from advisor.render.gate import GATE_FORMATS, GateResult, render_gate
from advisor.whatif.migration import Rehearsal, RehearsalOptions, rehearse

_NEWEST = 18


@app.command()
def gate(
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Files or folders, or - for standard input.")],
    dsn: opt.Dsn = None,
    snapshot: opt.SnapshotFile = None,
    schema: Annotated[
        Path | None, typer.Option("--schema", metavar="FILE.sql", help="The database before the migrations, as SQL.")
    ] = None,
    major: Annotated[
        int | None, typer.Option("--major", metavar="N", min=13, max=18, help="PostgreSQL's major, without a server.")
    ] = None,
    in_transaction: Annotated[
        bool, typer.Option("--in-transaction", help="The migration tool wraps each file in a transaction.")
    ] = False,
    each: Annotated[bool, typer.Option("--each", help="Judge every file as if it alone were pending.")] = False,
    run: Annotated[
        bool, typer.Option("--run/--no-run", help="Run the migrations on a private copy, where the schema is known.")
    ] = True,
    workload: opt.WorkloadFiles = None,
    threshold: Annotated[
        float, typer.Option("--threshold", metavar="FACTOR", min=1.0, help="A statement is slower from this factor on.")
    ] = 1.2,
    since: Annotated[
        str | None, typer.Option("--since", metavar="REF", help="Report only on files changed since this git commit.")
    ] = None,
    config: opt.ConfigFile = None,
    format: opt.Format = None,
    output: opt.Outputs = None,
    quiet: opt.Quiet = False,
    no_color: opt.NoColor = False,
    fail_on: opt.FailOnOption = opt.FailOn.HIGH,
) -> None:
    """Judge migrations: what locks, rewrites, fails, loses data or breaks the running application."""
    name = check_format(format or "text", GATE_FORMATS)
    settings = find_config(Path.cwd(), config)
    migrations = find_migrations(paths, sys.stdin.read() if "-" in paths else None)
    text = _read_schema(schema) if schema is not None else None
    facts: Snapshot | None = None
    with show_progress(quiet) as progress:
        if dsn is not None or snapshot is not None:
            source = source_from({"dsn": dsn, "snapshot": snapshot, "workload": workload}, settings)
            with open_source(source, None, progress) as (facts, _):
                pass
        elif workload:
            raise UsageError("--workload needs production's statistics.", "Give --snapshot or --dsn as well.")
        chosen = RehearsalOptions(major=major, each=each, in_transaction=in_transaction, threshold=threshold)
        rehearsal: Rehearsal | None = None
        if run and (facts is not None or text is not None):
            rehearsal = rehearse(migrations, facts, text, chosen, _collect, progress)
    files = judge_migrations(
        migrations,
        major or (facts.server.major if facts is not None else _NEWEST),
        Catalog(facts) if facts is not None else None,
        schema=text if facts is None else None,
        each=each,
        in_transaction=in_transaction,
        revisions=rehearsal.revisions if rehearsal is not None else (),
    )
    if since is not None:
        files = _only_changed(files, since)
    result = GateResult(files=files)
    if rehearsal is not None:
        result = replace(
            result, regressed=rehearsal.regressed, improved=rehearsal.improved, ran=rehearsal.ran, notes=rehearsal.notes
        )
    for path in output or []:
        write_file(path, render_gate(result, format_of(path, GATE_FORMATS, format)))
        note(f"wrote {path}", quiet)
    if not output:
        print_text(render_gate(result, name, color=wants_color(no_color), width=terminal_width()))
    raise typer.Exit(_exit_code(result, fail_on.value))


def _collect(dsn: str) -> Snapshot:
    """Return what is in a database of our own."""
    with open_connection(dsn) as connection:
        return collect(connection)


def _read_schema(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 text.") from error


def _only_changed(files: tuple[GateFile, ...], ref: str) -> tuple[GateFile, ...]:
    """Return the files with the findings of those unchanged since `ref` left out. Raises UsageError."""
    command = ["git", "diff", "--name-only", "--diff-filter=d", "--relative", ref, "--"]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, check=False)
        fresh = subprocess.run(
            ["git", "ls-files", "--others", "--exclude-standard"], capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise UsageError("--since needs git.", "Install it, or name the files.") from error
    if listed.returncode != 0:
        raise UsageError(f"git does not know '{ref}' here.", "Give a branch, tag or commit of this repository.")
    changed = {Path(line).resolve() for line in (listed.stdout + fresh.stdout).splitlines()}
    return tuple(file if Path(file.path).resolve() in changed else replace(file, findings=()) for file in files)


def _exit_code(result: GateResult, fail_on: str) -> int:
    """Return 1 for findings at or above the limit, 3 when a file could not be judged, else 0."""
    limit = -1 if fail_on == "never" else Severity(fail_on).rank
    if any(Severity(f.severity).rank <= limit for file in result.files for f in file.findings):
        return 1
    unreadable = [file for file in result.files if file.error is not None]
    for file in unreadable:
        sys.stderr.write(f"pgadvise: {file.path} {file.error}.\n")
    return 3 if unreadable else 0
