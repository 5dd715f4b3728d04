"""`pgadvise report` and its subjects one by one: index, settings, retention, health."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import typer

from advisor.cli import options as opt
from advisor.cli.app import app
from advisor.cli.config import find_config
from advisor.cli.console import show_progress
from advisor.cli.deliver import deliver, exit_code, without_ignored
from advisor.cli.errand import errand_for, tell_problems
from advisor.cli.flags import report_options, source_from
from advisor.cli.history_flag import HistoryCommand, check_flags, recorder, today
from advisor.cli.retention_actions import Action, run_action
from advisor.deliver.outcome import speaks
from advisor.demo.container import open_container
from advisor.errors import UsageError
from advisor.model.snapshot import Snapshot
from advisor.pipeline import SUBJECTS, ReportOptions, Source, make_report, open_source
from advisor.progress import Progress


def _run_report(
    *,
    subjects: tuple[str, ...],
    dsn: opt.Dsn = None,
    replica: opt.Replicas = None,
    snapshot: opt.SnapshotFile = None,
    workload: opt.WorkloadFiles = None,
    log: opt.LogFiles = None,
    sample: opt.Sample = None,
    previous: opt.Previous = None,
    history: opt.History = None,
    keep: opt.Keep = None,
    policy: opt.PolicyFile = None,
    config: opt.ConfigFile = None,
    testcontainer: opt.TestContainer = None,
    schema: opt.SchemaFiles = None,
    ram: opt.Ram = None,
    cores: opt.Cores = None,
    storage: opt.StorageOption = None,
    profile: opt.ProfileOption = None,
    users: opt.Users = None,
    disk: opt.Disk = None,
    provider: opt.Provider = None,
    what_if: opt.WhatIfOption = opt.WhatIf.AUTO,
    twin_dsn: opt.TwinDsn = None,
    twin_image: opt.TwinImage = None,
    twin_major: opt.TwinMajor = None,
    endpoints: opt.Endpoints = False,
    budget: opt.Budget = None,
    max_indexes: opt.MaxIndexes = None,
    max_width: opt.MaxWidth = 4,
    time_limit: opt.TimeLimit = None,
    format: opt.Format = None,
    output: opt.Outputs = None,
    redact: opt.Redact = False,
    quiet: opt.Quiet = False,
    no_color: opt.NoColor = False,
    fail_on: opt.FailOnOption = opt.FailOn.NEVER,
    mail_to: opt.MailTo = None,
    webhook: opt.WebhookUrls = None,
    textfile: opt.Textfile = None,
    max_time: opt.MaxTime = None,
    targets: opt.Targets = None,
    workers: opt.Workers = None,
    shard: opt.ShardOption = None,
) -> None:
    flags = dict(locals())
    settings = find_config(Path.cwd(), config)
    limit = fail_on.value if fail_on is not opt.FailOn.NEVER else settings.scalars.get("fail_on", "never")
    if targets is not None:
        from advisor.cli.fleet import run_fleet

        run_fleet(flags, settings, subjects, limit)
    if workers is not None or shard is not None:
        raise UsageError("--workers and --shard need --targets FILE.")
    source = source_from(flags, settings)
    options = report_options(flags, settings, subjects)
    if testcontainer is None and schema:
        raise UsageError("--schema needs --testcontainer IMAGE.", "It loads the files into that container.")
    place, kept = settings.get("history", history), settings.get("keep", keep)
    check_flags(place, kept, previous)
    with (
        errand_for(flags, settings, source, kept=place is not None) as errand,
        recorder(place, settings, disk=settings.get("disk", disk), quiet=quiet) as past,
    ):
        options = errand.bounded(options)
        with (
            show_progress(quiet) as progress,
            _snapshot(source, options, progress, testcontainer, tuple(schema or ())) as (facts, connection),
        ):
            if past is not None:
                facts, options = past.before(facts, connection, options)
            report = make_report(facts, options, connection, progress)
        errand.looked()
        if past is not None:
            report = past.after(report)
        report = without_ignored(report, settings.ignore, today())
        code = exit_code(report, limit)
        wanted = not quiet or speaks(report, code, limit)
        problems = deliver(report, format, output or [], redact=redact, quiet=quiet, no_color=no_color, speak=wanted)
        problems += errand.send(report, code, speak=wanted, redact=redact)
        if past is not None:
            # Last: a run that dies before tells its news again the next time.
            past.keep(quiet)
            past.prune(kept)
        tell_problems(problems)
    raise typer.Exit(code)


@contextmanager
def _snapshot(
    source: Source, options: ReportOptions, progress: Progress, image: str | None, schema: tuple[Path, ...]
) -> Iterator[tuple[Snapshot, psycopg.Connection[Any] | None]]:
    """Yield the facts of a container made for the purpose, or of the source itself."""
    if image is None:
        with open_source(source, options.policy, progress) as found:
            yield found
        return
    if source.dsn is not None or source.snapshot is not None:
        raise UsageError("--testcontainer is a source of its own.", "Leave out --dsn and --snapshot.")
    with (
        open_container(image, schema, source.workload_files, progress) as dsn,
        open_source(replace(source, dsn=dsn), options.policy, progress) as found,
    ):
        yield found


def _subject_command(
    name: str,
    subjects: tuple[str, ...],
    help_text: str,
    actions: Callable[[str, Mapping[str, Any]], None] | None = None,
) -> None:
    """Register a command with all of `_run_report`'s options and a fixed choice of subjects; `actions` takes what is
    asked for by a word after the command."""
    signature = inspect.signature(_run_report, eval_str=True)
    parameters = [parameter for parameter in signature.parameters.values() if parameter.name != "subjects"]
    if actions is not None:
        word = inspect.Parameter("action", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Action)
        parameters.insert(0, word)

    def command(**flags: Any) -> None:
        action = flags.pop("action", None)
        if action is not None and actions is not None:
            actions(action, flags)
            return
        _run_report(subjects=subjects, **flags)

    command.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    app.command(name, help=help_text, cls=HistoryCommand)(command)


_subject_command("report", SUBJECTS, "Look at everything and say what to change first. Reads only, changes nothing.")
_subject_command("index", ("index",), "Only indexes: which to create and which to drop, proven by the planner.")
_subject_command(
    "retention", ("retention",), "Only retention: windows, oldest rows, and what enforces them.", run_action
)
_subject_command("health", ("health",), "Only the health rules.")
