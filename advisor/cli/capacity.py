"""`pgadvise capacity`: what a number of users needs, by arithmetic or, with --load, by measurement."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from advisor.cli import options as opt
from advisor.cli.app import app
from advisor.cli.config import find_config
from advisor.cli.console import check_format, format_of, note, print_text, show_progress, write_file
from advisor.cli.flags import settings_options, source_from
from advisor.errors import UsageError
from advisor.load import run_load_check
from advisor.model.report import Capacity
from advisor.pipeline import Source, open_source
from advisor.render.capacity import CAPACITY_FORMATS, render_capacity
from advisor.settings import Assumptions, SettingsOptions, capacity_for_host, parse_peaks
from advisor.settings.capacity import capacity_of
from advisor.settings.configuration import server_configuration
from advisor.settings.host import resolve_host
from advisor.settings.load import demand_of, parse_clients, parse_target
from advisor.units import parse_duration
from advisor.whatif.load import LoadOptions

_ASSUMED = "What a load is made of"
_LOAD = "Load check"
_TARGETS = (("target_p50", 0.5), ("target_p95", 0.95), ("target_p99", 0.99))
_LOAD_ONLY = ("clients", "step", "with_writes", "statement_timeout", *(name for name, _ in _TARGETS))


def _assumption(flag: str, text: str, metavar: str) -> Any:
    return typer.Option(flag, metavar=metavar, help=text, rich_help_panel=_ASSUMED)


def _load(flag: str, text: str, metavar: str | None = None) -> Any:
    return typer.Option(flag, metavar=metavar, help=text, rich_help_panel=_LOAD)


@app.command()
def capacity(
    users: Annotated[str | None, typer.Option("--users", metavar="N", help="Users the application serves.")] = None,
    dsn: opt.Dsn = None,
    snapshot: opt.SnapshotFile = None,
    workload: opt.WorkloadFiles = None,
    config: opt.ConfigFile = None,
    ram: opt.Ram = None,
    ram_share: opt.RamShare = None,
    cores: opt.Cores = None,
    profile: opt.ProfileOption = None,
    provider: opt.Provider = None,
    seconds_between_requests: Annotated[
        float | None, _assumption("--seconds-between-requests", "Per user; assumed: 10.", "S")
    ] = None,
    database_seconds: Annotated[
        float | None, _assumption("--database-seconds", "Database time per request; assumed: 0.02.", "S")
    ] = None,
    statements_per_request: Annotated[float | None, _assumption("--statements-per-request", "Assumed: 1.", "X")] = None,
    peak_factor: Annotated[float | None, _assumption("--peak-factor", "Peak over average; assumed: 3.", "X")] = None,
    peak: Annotated[
        str | None, _assumption("--peak", "Hours of the day, each with a factor: 7-9:3,18-21:2.", "HOURS")
    ] = None,
    application_pool: Annotated[
        int | None, _assumption("--application-pool", "Connections of each application process.", "N")
    ] = None,
    processes: Annotated[int | None, _assumption("--processes", "Application processes per server.", "N")] = None,
    servers: Annotated[int | None, _assumption("--servers", "Application servers.", "N")] = None,
    load: Annotated[bool, _load("--load", "Measure: run the workload's own statements on the server itself.")] = False,
    may_load_server: Annotated[
        bool, _load("--may-load-server", "Mandatory with --load: yes, this server may be loaded.")
    ] = False,
    clients: Annotated[str | None, _load("--clients", "Clients to try; else 1,2,4 … 64.", "LIST")] = None,
    step: Annotated[str | None, _load("--step", "Time for each number of clients; else 10s.", "DURATION")] = None,
    target_p50: Annotated[str | None, _load("--target-p50", "Half of the answers come within it.", "DURATION")] = None,
    target_p95: Annotated[str | None, _load("--target-p95", "95 % of them do, e.g. 200ms.", "DURATION")] = None,
    target_p99: Annotated[str | None, _load("--target-p99", "99 % of them do.", "DURATION")] = None,
    statement_timeout: Annotated[
        str | None, _load("--statement-timeout", "Longest time of one statement; else 30s.", "DURATION")
    ] = None,
    with_writes: Annotated[
        bool, _load("--with-writes", "Also statements that write, in transactions that are rolled back.")
    ] = False,
    fail_on_target: Annotated[
        bool, _load("--fail-on-target", "Exit 1 when a target is missed, or the users are not carried.")
    ] = False,
    format: opt.Format = None,
    output: opt.Outputs = None,
    quiet: opt.Quiet = False,
) -> None:
    """How many connections, cores and how much memory a number of users needs, with a PgBouncer fragment."""
    name = check_format(format or "text", CAPACITY_FORMATS)
    flags = dict(locals())
    if users is None and not load:
        raise UsageError("The number of users is missing.", "Give it with --users 500, or measure with --load.")
    if not load and (given := [f for f in (*_LOAD_ONLY, "may_load_server", "fail_on_target") if flags[f]]):
        raise UsageError(f"--{given[0].replace('_', '-')} belongs to --load.", "Add --load, or leave it out.")
    found = find_config(Path.cwd(), config)
    options = settings_options(flags, found)
    assumptions = _assumptions(flags, options)
    source = source_from(flags, found)
    how = _load_options(flags) if load else None
    result = None
    if options.users is not None:  # before the load, which would count as the application's own
        for_host = not load and dsn is None and snapshot is None
        result = _capacity(None if for_host else source, options, assumptions, quiet)
    measured = None
    if how is not None:
        with show_progress(quiet) as progress:
            measured = run_load_check(source, demand_of(options.users, assumptions), how, progress)
    for path in output or []:
        write_file(path, render_capacity(result, format_of(path, CAPACITY_FORMATS, format), measured))
        note(f"wrote {path}", quiet)
    if not output:
        print_text(render_capacity(result, name, measured))
    if fail_on_target and measured is not None:
        missed = measured.carried is False or (bool(measured.targets) and measured.best is None)
        raise typer.Exit(int(missed))


def _capacity(source: Source | None, options: SettingsOptions, assumptions: Assumptions, quiet: bool) -> Capacity:
    """Return the arithmetic: with what the source knows, or for a host without one."""
    assert options.users is not None
    if source is None:
        return capacity_for_host(options.users, options, assumptions)
    with show_progress(quiet) as progress, open_source(source, None, progress) as (facts, _):
        provider = options.provider or facts.server.provider
        host = resolve_host(facts.host, options, server_configuration(facts), provider)
        return capacity_of(facts, host, options, assumptions)


def _assumptions(flags: dict[str, Any], options: SettingsOptions) -> Assumptions:
    names = (
        *("seconds_between_requests", "database_seconds", "statements_per_request", "peak_factor"),
        *("application_pool", "processes", "servers"),
    )
    given = {name: flags[name] for name in names if flags[name] is not None}
    if flags["peak"] is not None:
        given["peaks"] = parse_peaks(flags["peak"], flags["peak_factor"])
    return Assumptions(profile=options.profile or "web", **given)


def _load_options(flags: dict[str, Any]) -> LoadOptions:
    if not flags["may_load_server"]:
        raise UsageError(
            "A load check takes all that the server can give while it runs.",
            "Run it on a copy, or in a quiet hour, and say so with --may-load-server.",
        )
    given: dict[str, Any] = {"writes": flags["with_writes"]}
    if flags["clients"] is not None:
        given["clients"] = parse_clients(flags["clients"])
    if flags["step"] is not None:
        given["step_seconds"] = round(parse_duration(flags["step"]))
    if flags["statement_timeout"] is not None:
        given["statement_seconds"] = parse_duration(flags["statement_timeout"])
    targets = tuple(parse_target(flags[name], share) for name, share in _TARGETS if flags[name] is not None)
    return LoadOptions(targets=targets, **given)
