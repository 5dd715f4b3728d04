"""`pgadvise gate`: migrations judged before they ship."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from advisor.cli import options as opt
from advisor.cli.app import app
from advisor.cli.config import Config, find_config
from advisor.cli.console import (
    check_format,
    format_of,
    note,
    print_text,
    show_progress,
    terminal_width,
    wants_color,
    write_file,
)
from advisor.errors import UsageError
from advisor.gate import MigrationText, chosen_rules, find_migrations, judge_migrations, rule_names
from advisor.gate.baseline import only_new, read_baseline, write_baseline
from advisor.model.finding import Severity
from advisor.model.migration import GateFile
from advisor.progress import Progress
from advisor.render.gate import GATE_FORMATS, GateResult, render_gate

# A verdict by rule takes a fraction of a second: what reads servers and plans is loaded when it is asked for.
if TYPE_CHECKING:
    from advisor.model.lookup import Catalog
    from advisor.model.snapshot import Snapshot
    from advisor.whatif.migration import Rehearsal

_NEWEST = 18
_THRESHOLD = 1.2
_LARGE = 10_000
# [gate] in pgadvise.toml: keys with the meaning of the flag of the same name.
_KEYS: dict[str, type | tuple[type, ...]] = {
    "schema": str, "major": int, "in_transaction": bool, "threshold": (int, float), "large_table": int,
    "style": bool, "baseline": str, "fail_on": str, "disable": list,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class _Job:
    """What one call of the gate is to do, flags and configuration together."""

    schema: str | None
    major: int | None
    in_transaction: bool
    each: bool
    style: bool
    run: bool
    threshold: float
    large_table: int


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
        float | None,
        typer.Option("--threshold", metavar="FACTOR", min=1.0, help="A statement is slower from this factor on (1.2)."),
    ] = None,
    large_table: Annotated[
        int | None,
        typer.Option("--large-table", metavar="ROWS", min=1, help="New statements may scan smaller tables (10000)."),
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="REF", help="Report only on files changed since this git commit.")
    ] = None,
    baseline: Annotated[
        Path | None,
        typer.Option("--baseline", metavar="FILE.json", help="Report only findings that this file does not have."),
    ] = None,
    write_baseline_to: Annotated[
        Path | None,
        typer.Option("--write-baseline", metavar="FILE.json", help="Write today's findings for --baseline; exit 0."),
    ] = None,
    disable: Annotated[
        list[str] | None, typer.Option("--disable", metavar="RULE", help="Leave a rule out; may repeat.")
    ] = None,
    style: Annotated[bool, typer.Option("--style", help="Rules of style too: types, keys, IF EXISTS …")] = False,
    config: opt.ConfigFile = None,
    format: opt.Format = None,
    output: opt.Outputs = None,
    quiet: opt.Quiet = False,
    no_color: opt.NoColor = False,
    fail_on: Annotated[
        opt.FailOn | None, typer.Option("--fail-on", help="Exit 1 from this severity on (high).")
    ] = None,
) -> None:
    """Judge migrations: what locks, rewrites, fails, loses data or breaks the running application."""
    name = check_format(format or "text", GATE_FORMATS)
    settings = find_config(Path.cwd(), config)
    chosen = _own_settings(settings)
    disabled = _rules_known([*chosen.get("disable", []), *(disable or [])])
    limit = _fail_limit(fail_on.value if fail_on is not None else chosen.get("fail_on", "high"))
    migrations = find_migrations(paths, sys.stdin.read() if "-" in paths else None)
    schema_file = schema if schema is not None else _beside(settings, chosen.get("schema"))
    known = baseline if baseline is not None else _beside(settings, chosen.get("baseline"))
    before = read_baseline(_read_text(known), str(known)) if known is not None and write_baseline_to is None else None
    job = _Job(
        schema=_read_text(schema_file) if schema_file is not None else None,
        major=major or chosen.get("major"),
        in_transaction=in_transaction or chosen.get("in_transaction", False),
        each=each,
        style=style or chosen.get("style", False),
        run=run,
        threshold=threshold or float(chosen.get("threshold", _THRESHOLD)),
        large_table=large_table or chosen.get("large_table", _LARGE),
    )
    flags = {"dsn": dsn, "snapshot": snapshot, "workload": workload}
    with show_progress(quiet) as progress:
        result = _judge(migrations, job, flags, settings, progress)
    files = tuple(
        replace(file, findings=tuple(f for f in file.findings if f.rule not in disabled)) for file in result.files
    )
    if since is not None:
        files = _only_changed(files, since)
    result = replace(result, files=files)
    if write_baseline_to is not None:
        write_file(write_baseline_to, write_baseline(files))
        note(f"wrote {sum(len(file.findings) for file in files)} findings to {write_baseline_to}", quiet)
        raise typer.Exit(_exit_code(result, -1))
    if before is not None:
        fresh = only_new(files, before)
        said = [f"{fresh.known} findings are in {known} already and not shown."] if fresh.known else []
        if fresh.gone and since is None:
            said.append(f"{fresh.gone} findings in {known} occur no more: --write-baseline makes it anew.")
        result = replace(result, files=fresh.files, notes=(*result.notes, *said))
    for path in output or []:
        write_file(path, render_gate(result, format_of(path, GATE_FORMATS, format)))
        note(f"wrote {path}", quiet)
    if not output:
        print_text(render_gate(result, name, color=wants_color(no_color), width=terminal_width()))
    raise typer.Exit(_exit_code(result, limit))


def _judge(
    migrations: Sequence[MigrationText], job: _Job, flags: dict[str, Any], settings: Config, progress: Progress
) -> GateResult:
    """Return the verdict: by rule, and by the run and the workload as far as the sources allow."""
    facts: Snapshot | None = None
    if flags["dsn"] is not None or flags["snapshot"] is not None:
        from advisor.cli.flags import source_from
        from advisor.pipeline import open_source

        with open_source(source_from(flags, settings), None, progress) as (facts, _):
            pass
    elif flags["workload"]:
        raise UsageError("--workload needs production's statistics.", "Give --snapshot or --dsn as well.")
    rehearsal: Rehearsal | None = None
    if job.run and (facts is not None or job.schema is not None):
        from advisor.whatif.migration import RehearsalOptions, rehearse

        options = RehearsalOptions(
            major=job.major, each=job.each, in_transaction=job.in_transaction, threshold=job.threshold,
            large_table=job.large_table,
        )  # fmt: skip
        rehearsal = rehearse(migrations, facts, job.schema, options, _collect, progress)
    files = judge_migrations(
        migrations,
        job.major or (facts.server.major if facts is not None else _NEWEST),
        _catalog(facts),
        schema=job.schema,
        each=job.each,
        in_transaction=job.in_transaction,
        rules=chosen_rules(job.style),
        revisions=rehearsal.revisions if rehearsal is not None else (),
    )
    empty = tuple(f"{m.path} holds no statement." for m in migrations if m.error is None and not m.text.strip())
    if rehearsal is None:
        return GateResult(files=files, notes=empty)
    return GateResult(
        files=files, regressed=rehearsal.regressed, improved=rehearsal.improved, ran=rehearsal.ran,
        notes=(*empty, *rehearsal.notes), failed=rehearsal.failed,
    )  # fmt: skip


def _catalog(facts: Snapshot | None) -> Catalog | None:
    if facts is None:
        return None
    from advisor.model.lookup import Catalog

    return Catalog(facts)


def _own_settings(settings: Config) -> dict[str, Any]:
    """Return [gate] of pgadvise.toml. Raises UsageError for what is unknown or of the wrong type."""
    for name, value in settings.gate.items():
        if name not in _KEYS:
            raise UsageError(
                f"{settings.path}: [gate] has no key '{name}'.", f"Known keys: {', '.join(sorted(_KEYS))}."
            )
        kind = _KEYS[name]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise UsageError(f"{settings.path}: '{name}' in [gate] has the wrong type.")
    if settings.gate.get("major", 18) not in range(13, 19):
        raise UsageError(f"{settings.path}: 'major' in [gate] is 13 to 18.")
    if settings.gate.get("threshold", 1) < 1 or settings.gate.get("large_table", 1) < 1:
        raise UsageError(f"{settings.path}: 'threshold' and 'large_table' in [gate] are 1 or more.")
    return settings.gate


def _beside(settings: Config, name: str | None) -> Path | None:
    """Return a file named in the configuration: relative to it, not to the working directory."""
    return (settings.path.parent / name) if name is not None and settings.path is not None else None


def _rules_known(names: Sequence[str]) -> frozenset[str]:
    found = frozenset(str(name).removeprefix("migrations/") for name in names)
    unknown = sorted(found - rule_names())
    if unknown:
        raise UsageError(f"The gate has no rule '{unknown[0]}'.", "pgadvise rules lists them.")
    return found


def _fail_limit(name: str) -> int:
    """Return the rank from which a finding fails the gate; -1 for never."""
    if name not in [member.value for member in opt.FailOn]:
        raise UsageError(f"fail_on = '{name}' is no severity.", "critical, high, medium, low or never.")
    return -1 if name == "never" else Severity(name).rank


def _collect(dsn: str) -> Snapshot:
    """Return what is in a database of our own."""
    from advisor.collect import collect
    from advisor.connect import open_connection

    with open_connection(dsn) as connection:
        return collect(connection)


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 text.") from error


def _only_changed(files: tuple[GateFile, ...], ref: str) -> tuple[GateFile, ...]:
    """Return the files with the findings of those unchanged since `ref` left out. Raises UsageError."""
    import subprocess

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


def _exit_code(result: GateResult, limit: int) -> int:
    """Return 1 for findings at or above the limit, 3 when a file or the schema could not be read, else 0."""
    if any(Severity(f.severity).rank <= limit for file in result.files for f in file.findings):
        return 1
    unreadable = [file for file in result.files if file.error is not None]
    for file in unreadable:
        sys.stderr.write(f"pgadvise: {file.path} {file.error}.\n")
    if result.failed is not None:
        sys.stderr.write(f"pgadvise: {result.failed.rstrip('.')}.\n")
    return 3 if unreadable or result.failed is not None else 0
