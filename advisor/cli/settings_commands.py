"""`pgadvise settings`: with a server, a snapshot, a configuration file, or only a host."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from advisor import __version__
from advisor.cli import options as opt
from advisor.cli.app import app
from advisor.cli.config import find_config
from advisor.cli.console import show_progress
from advisor.cli.deliver import deliver, exit_code, without_ignored
from advisor.cli.errand import tell_problems
from advisor.cli.flags import report_options, settings_options, source_from
from advisor.errors import UsageError
from advisor.model.report import Report, SettingsAdvice
from advisor.model.snapshot import read_snapshot
from advisor.pipeline import make_report, open_source
from advisor.settings import advise_for_host
from advisor.settings.review import review_conf

_NEWEST = 18
_PREVIOUS_HELP = (
    "An older snapshot of the same database: evidence is what happened since. Several give rates over time."
)
Major = Annotated[int | None, typer.Option("--major", metavar="N", help="PostgreSQL's major, without a server.")]


@app.command()
def settings(
    dsn: opt.Dsn = None,
    snapshot: opt.SnapshotFile = None,
    review: Annotated[
        Path | None,
        typer.Option("--review", metavar="FILE", help="Judge this postgresql.conf."),
    ] = None,
    major: Major = None,
    connections: Annotated[
        int | None, typer.Option("--connections", metavar="N", help="max_connections, without a server.")
    ] = None,
    config: opt.ConfigFile = None,
    ram: opt.Ram = None,
    cores: opt.Cores = None,
    ram_share: opt.RamShare = None,
    storage: opt.StorageOption = None,
    wal_disk_free: opt.WalDisk = None,
    profile: opt.ProfileOption = None,
    users: opt.Users = None,
    provider: opt.Provider = None,
    what_if: opt.WhatIfOption = opt.WhatIf.AUTO,
    previous: Annotated[list[Path] | None, typer.Option("--previous", metavar="FILE", help=_PREVIOUS_HELP)] = None,
    format: opt.Format = None,
    output: opt.Outputs = None,
    redact: opt.Redact = False,
    quiet: opt.Quiet = False,
    no_color: opt.NoColor = False,
    fail_on: opt.FailOnOption = opt.FailOn.NEVER,
) -> None:
    """Only settings: of a server, of a snapshot, of a configuration file (--review), or for a host (--major)."""
    flags = dict(locals()) | {"max_width": 4, "previous": None}
    found = find_config(Path.cwd(), config)
    options = settings_options(flags, found)
    if connections is not None:
        options = replace(options, connections=connections)
    if review is not None:
        if not review.is_file():
            raise UsageError(f"There is no file {review}.")
        advice = review_conf(review, options, major or _NEWEST, options)
        report = _report(major or _NEWEST, advice, f"the file {review.name}; no server was asked", options.provider)
    elif major is not None and dsn is None and snapshot is None:
        report = _report(major, advise_for_host(major, connections, options), "a new server", options.provider)
    else:
        series = tuple(sorted((read_snapshot(path) for path in previous or ()), key=lambda s: s.server.collected_at))
        chosen = replace(
            report_options(flags, found, ("settings",)),
            settings=replace(options, series=series),
            previous=series[0] if series else None,
        )
        with (
            show_progress(quiet) as progress,
            open_source(source_from(flags, found), None, progress) as (facts, connection),
        ):
            report = make_report(facts, chosen, connection, progress)
    report = without_ignored(report, found.ignore)
    tell_problems(deliver(report, format, output or [], redact=redact, quiet=quiet, no_color=no_color))
    limit = fail_on.value if fail_on is not opt.FailOn.NEVER else found.scalars.get("fail_on", "never")
    raise typer.Exit(exit_code(report, limit))


def _report(major: int, advice: SettingsAdvice, name: str, provider: str | None) -> Report:
    """Return a report that holds nothing but settings."""
    return Report(
        tool_version=__version__,
        generated_at=datetime.now(UTC),
        version_num=major * 10000,
        version=str(major),
        database=name,
        provider=provider or "self-hosted",
        since=None,
        until=None,
        database_size_bytes=None,
        findings=advice.findings,
        indexes=None,
        settings=advice,
        retention=(),
        gaps=(),
        skipped=(),
        subjects=("settings",),
    )
