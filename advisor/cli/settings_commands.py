"""`pgadvise settings` (with a server, a snapshot, a configuration file, or only a host) and `pgadvise capacity`."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from advisor import __version__
from advisor.cli import options as opt
from advisor.cli.app import app
from advisor.cli.config import find_config
from advisor.cli.console import check_format, show_progress
from advisor.cli.deliver import deliver, exit_code, print_text, without_ignored
from advisor.cli.flags import report_options, settings_options, source_from
from advisor.errors import UsageError
from advisor.model.report import Report, SettingsAdvice
from advisor.pipeline import make_report, open_source
from advisor.render.capacity import CAPACITY_FORMATS, render_capacity
from advisor.settings import Assumptions, advise_for_host, capacity_for_host
from advisor.settings.capacity import capacity_of
from advisor.settings.configuration import server_configuration
from advisor.settings.host import resolve_host
from advisor.settings.review import review_conf

_NEWEST = 18
Major = Annotated[
    int | None, typer.Option("--major", metavar="N", min=13, max=18, help="PostgreSQL's major, without a server.")
]


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
        int | None, typer.Option("--connections", metavar="N", min=1, help="max_connections, without a server.")
    ] = None,
    config: opt.ConfigFile = None,
    ram: opt.Ram = None,
    cores: opt.Cores = None,
    storage: opt.StorageOption = None,
    profile: opt.ProfileOption = None,
    users: opt.Users = None,
    provider: opt.Provider = None,
    format: opt.Format = None,
    output: opt.Outputs = None,
    redact: opt.Redact = False,
    quiet: opt.Quiet = False,
    no_color: opt.NoColor = False,
    fail_on: opt.FailOnOption = opt.FailOn.NEVER,
) -> None:
    """Only settings: of a server, of a snapshot, of a configuration file (--review), or for a host (--major)."""
    flags = dict(locals()) | {"what_if": "none", "max_width": 4}
    found = find_config(Path.cwd(), config)
    options = settings_options(flags, found)
    if connections is not None:
        options = replace(options, connections=connections)
    if review is not None:
        if not review.is_file():
            raise UsageError(f"There is no file {review}.")
        report = _report(major or _NEWEST, review_conf(review, options, major or _NEWEST, options), review.name)
    elif major is not None and dsn is None and snapshot is None:
        report = _report(major, advise_for_host(major, connections, options), "a new server")
    else:
        chosen = replace(report_options(flags, found, ("settings",)), settings=options)
        with (
            show_progress(quiet) as progress,
            open_source(source_from(flags, found), None, progress) as (facts, connection),
        ):
            report = make_report(facts, chosen, connection, progress)
    report = without_ignored(report, found.ignore)
    deliver(report, format, output or [], redact=redact, quiet=quiet, no_color=no_color)
    limit = fail_on.value if fail_on is not opt.FailOn.NEVER else found.scalars.get("fail_on", "never")
    raise typer.Exit(exit_code(report, limit))


def _report(major: int, advice: SettingsAdvice, name: str) -> Report:
    """Return a report that holds nothing but settings."""
    return Report(
        tool_version=__version__,
        generated_at=datetime.now(UTC),
        version_num=major * 10000,
        version=str(major),
        database=name,
        provider="self-hosted",
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


def _assumptions(given: dict[str, Any]) -> Assumptions:
    return Assumptions(**{name: value for name, value in given.items() if value is not None})


@app.command()
def capacity(
    users: Annotated[str, typer.Option("--users", metavar="N", help="Users the application serves.")],
    dsn: opt.Dsn = None,
    snapshot: opt.SnapshotFile = None,
    config: opt.ConfigFile = None,
    ram: opt.Ram = None,
    cores: opt.Cores = None,
    profile: opt.ProfileOption = None,
    provider: opt.Provider = None,
    seconds_between_requests: Annotated[
        float | None, typer.Option("--seconds-between-requests", metavar="S", help="Per user; assumed: 10.")
    ] = None,
    database_seconds: Annotated[
        float | None, typer.Option("--database-seconds", metavar="S", help="Database time per request; assumed: 0.02.")
    ] = None,
    peak_factor: Annotated[
        float | None, typer.Option("--peak-factor", metavar="X", help="Peak over average; assumed: 3.")
    ] = None,
    application_pool: Annotated[
        int | None, typer.Option("--application-pool", metavar="N", help="Connections of each application process.")
    ] = None,
    processes: Annotated[
        int | None, typer.Option("--processes", metavar="N", help="Application processes per server.")
    ] = None,
    servers: Annotated[int | None, typer.Option("--servers", metavar="N", help="Application servers.")] = None,
    format: opt.Format = None,
    quiet: opt.Quiet = False,
) -> None:
    """How many connections, cores and how much memory a number of users needs, with a PgBouncer fragment."""
    name = check_format(format or "text", CAPACITY_FORMATS)
    flags = dict(locals())
    found = find_config(Path.cwd(), config)
    options = settings_options(flags, found)
    assumptions = _assumptions(
        {
            "seconds_between_requests": seconds_between_requests,
            "database_seconds": database_seconds,
            "peak_factor": peak_factor,
            "application_pool": application_pool,
            "processes": processes,
            "servers": servers,
        }
    )
    if dsn is None and snapshot is None:
        assert options.users is not None  # --users is mandatory
        result = capacity_for_host(options.users, options, assumptions)
    else:
        with show_progress(quiet) as progress, open_source(source_from(flags, found), None, progress) as (facts, _):
            used = options.provider or facts.server.provider
            host = resolve_host(facts.host, options, server_configuration(facts), used)
            result = capacity_of(facts, host, options, assumptions)
    print_text(render_capacity(result, name))
