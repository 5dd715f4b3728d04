"""`pgadvise history` (list, show, diff, prune) and `pgadvise verify`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from advisor.cli import options as opt
from advisor.cli.app import app
from advisor.cli.config import Config, find_config
from advisor.cli.console import check_format, note, print_text, show_progress, terminal_width, wants_color, write_file
from advisor.cli.history_flag import DEFAULT, HistoryCommand, now, recorder
from advisor.errors import UsageError
from advisor.model.finding import Severity
from advisor.pipeline import ReportOptions, Source, make_report, open_source
from advisor.render.history import RunLine, render_changes, render_json_value, render_ledger, render_runs
from advisor.units import parse_duration

if TYPE_CHECKING:
    from advisor.history.model import Run, RunHead
    from advisor.history.store import History

runs_app = typer.Typer(no_args_is_help=True, help="The runs that were kept with --history: list, show, compare, prune.")
app.add_typer(runs_app, name="history")

Target = Annotated[str | None, typer.Option("--target", help="One database: its name, or host:port/database.")]
Most = Annotated[int, typer.Option("--most", min=1, help="At most this many of the newest runs.")]
Place = Annotated[str | None, typer.Option("--history", metavar="[PATH|DSN]", help="A file or DSN; else the default.")]
Form = Annotated[str, typer.Option("--format", "-f", help="text or json.")]


def _open(place: str | None, config: Config | None = None) -> History:
    from advisor.history.engine import is_dsn
    from advisor.history.store import default_path, open_history

    chosen = (config or find_config(Path.cwd())).get("history", place)
    if chosen is None or chosen == DEFAULT:
        if not default_path().exists():
            raise UsageError("There is no history yet.", "Keep the first run with: pgadvise report --history")
        chosen = None
    elif not is_dsn(chosen) and not Path(chosen).expanduser().exists():
        raise UsageError(f"There is no history {chosen}.", "Keep the first run with: pgadvise report --history PATH")
    return open_history(chosen, tell=note)


def _one_target(history: History, name: str | None) -> int | None:
    if name is None:
        return None
    rows = history.targets()
    found = [row for row in rows if name in (row.title, row.name, row.database)]
    if len(found) != 1:
        known = ", ".join(row.title for row in rows) or "none"
        what = "no database" if not found else f"{len(found)} databases"
        raise UsageError(f"The history has {what} '{name}'.", f"It knows: {known}.")
    return found[0].id


def _line(head: RunHead) -> RunLine:
    return RunLine(
        id=head.id,
        target=head.target.title,
        at=head.at,
        version_num=head.version_num,
        findings=head.findings,
        changed=head.counts,
        events=head.events,
        size_bytes=head.size_bytes,
    )


def _run(history: History, number: int) -> Run:
    run = history.run(number)
    if run is None:
        raise UsageError(f"The history has no run {number}.", "See: pgadvise history list")
    return run


@runs_app.command("list", cls=HistoryCommand)
def list_runs(history: Place = None, target: Target = None, most: Most = 50, format: Form = "text") -> None:
    """List the runs: what each found, and what changed in it."""
    check_format(format, ("text", "json"))
    with _open(history) as store:
        lines = [_line(head) for head in store.runs(_one_target(store, target), most)]
    if format == "json":
        print_text(render_json_value(lines))
    else:
        print_text(render_runs(lines, color=wants_color(False), width=terminal_width()))


@runs_app.command("show", cls=HistoryCommand)
def show_run(
    number: Annotated[int, typer.Argument(help="The run's number, as in the list.")],
    history: Place = None,
    format: Form = "text",
) -> None:
    """Show what one run found."""
    check_format(format, ("text", "json"))
    with _open(history) as store:
        run = _run(store, number)
        head = next(head for head in store.runs() if head.id == number)
    if format == "json":
        print_text(render_json_value({"run": _line(head), "findings": run.findings, "plans": run.plans}))
        return
    print_text(render_runs([_line(head)], color=wants_color(False), width=terminal_width()))
    for finding in sorted(run.findings, key=lambda f: (Severity(f.severity).rank, f.key)):
        print_text(f"       {finding.severity:<8}  since {finding.since:%Y-%m-%d}  {finding.title}\n")


@runs_app.command("diff", cls=HistoryCommand)
def compare_runs(
    older: Annotated[int, typer.Argument(help="A run's number.")],
    newer: Annotated[int, typer.Argument(help="Another one's.")],
    history: Place = None,
    format: Form = "text",
) -> None:
    """Say what changed between two runs of one database."""
    check_format(format, ("text", "json"))
    from advisor.history.record import compare

    with _open(history) as store:
        heads = {head.id: head for head in store.runs()}
        first, second = sorted((_run(store, older), _run(store, newer)), key=lambda run: run.at)
        if heads[older].target.id != heads[newer].target.id:
            raise UsageError(f"The runs {older} and {newer} are of different databases.", "See: pgadvise history list")
    changes = compare(first, second)
    if format == "json":
        print_text(render_json_value(changes))
        return
    title = f"From run {first.id} to run {second.id}"
    print_text(render_changes(changes, title, f"run {first.id}", color=wants_color(False), width=terminal_width()))


@runs_app.command("prune", cls=HistoryCommand)
def prune_runs(
    keep: Annotated[str, typer.Option("--keep", help="How long runs stay, e.g. 180d; the newest of each stays.")],
    history: Place = None,
) -> None:
    """Remove old runs and give their space back."""
    from datetime import timedelta

    seconds = parse_duration(keep)
    with _open(history) as store:
        removed = store.prune(now() - timedelta(seconds=seconds))
        left = len(store.runs())
    print_text(f"{removed} runs removed, {left} left.\n")


@app.command("verify", cls=HistoryCommand)
def verify(
    dsn: opt.Dsn = None,
    snapshot: opt.SnapshotFile = None,
    history: Place = None,
    stored: Annotated[bool, typer.Option("--stored", help="Only what runs know; read no server.")] = False,
    target: Target = None,
    config: opt.ConfigFile = None,
    format: Form = "text",
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write here.")] = None,
    quiet: opt.Quiet = False,
) -> None:
    """Did the changes do what was promised? Counters before and after, and the revert where they did not.

    Exit code 1 where something does harm or is not used.
    """
    check_format(format, ("text", "json"))
    settings = find_config(Path.cwd(), config)
    if stored:
        with _open(history, settings) as store:
            ids = [row.id for row in store.targets()]
            chosen = _one_target(store, target)
            if chosen is None and len(ids) != 1:
                raise UsageError(f"The history has {len(ids)} databases.", "Name one with --target.")
            states = store.ledger(chosen if chosen is not None else ids[0])
        entries = tuple(state.entry for state in states if state.entry.state != "lapsed")
    else:
        with (
            recorder(settings.get("history", history) or DEFAULT, settings, quiet=quiet, required=True) as past,
            show_progress(quiet) as progress,
            open_source(
                Source(dsn=dsn or (None if snapshot else settings.scalars.get("dsn")), snapshot=snapshot),
                None,
                progress,
            ) as (facts, connection),
        ):
            assert past is not None, "a place was given"
            options = ReportOptions(subjects=())
            facts, options = past.before(facts, connection, options)
            # Not kept: the next report would have no news to tell. Its counters come again then.
            report = past.after(make_report(facts, options, connection, progress))
        entries = report.changes.ledger if report.changes is not None else ()
    if format == "json":
        text = render_json_value({"schema_version": 1, "ledger": entries})
    else:
        text = render_ledger(entries, color=wants_color(False) and output is None, width=terminal_width())
    if output is not None:
        write_file(output, text)
    else:
        print_text(text)
    raise typer.Exit(int(any(entry.state in ("harmful", "unused") for entry in entries)))
