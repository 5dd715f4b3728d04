"""`pgadvise report --targets FILE`: a pool of workers over many databases, and one page over all."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typer

from advisor import __version__
from advisor.cli.config import Config
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
from advisor.cli.errand import Channels, channels_from, metrics, send, tell_problems
from advisor.cli.fleet_worker import Job, Order, failed, work
from advisor.cli.history_flag import check_flags
from advisor.deadline import Deadline
from advisor.deliver.lock import target_lock
from advisor.deliver.outcome import Outcome
from advisor.errors import AdvisorError, UsageError
from advisor.fleet.html import render_fleet_html
from advisor.fleet.page import FORMATS, fleet_document, fleet_outcome, render_fleet_text
from advisor.fleet.pool import Lost, Pool, default_workers
from advisor.fleet.shard import Shard, parse_shard
from advisor.fleet.tally import Fleet, Look, Tally
from advisor.fleet.targets import Target, read_targets
from advisor.units import parse_duration

# Flags that name one database, or what was run on one.
_OF_ONE = ("dsn", "snapshot", "replica", "previous", "workload", "log", "testcontainer", "schema")
_PATTERN = frozenset("*?[")
_MOST_WORKERS = 256


def run_fleet(flags: Mapping[str, Any], config: Config, subjects: tuple[str, ...], fail_on: str) -> None:
    """Look at every target of the file, deliver each report and the page over all; leaves with the exit code.

    3 when a target could not be looked at, else 1 when one has findings at or above its --fail-on, else 0.
    """
    for name in _OF_ONE:
        if flags.get(name):
            raise UsageError(f"--{name} and --targets exclude each other.", "Put it into the file of targets.")
    path: Path = flags["targets"]
    shard = parse_shard(flags["shard"]) if flags.get("shard") else None
    chosen = check_format(flags.get("format") or "text", tuple(FORMATS))
    outputs: list[Path] = flags.get("output") or []
    pages = [(out, format_of(out, tuple(FORMATS), None)) for out in outputs if "{name}" not in str(out)]
    check_flags(config.get("history", flags.get("history")), config.get("keep", flags.get("keep")), None)
    workers = flags.get("workers") or default_workers()
    channels = channels_from(flags, config)
    given = config.get("max_time", flags.get("max_time"))
    order = Order(
        # What bounds the whole run does not bound each target; a target's own max_time does.
        flags={name: value for name, value in flags.items() if name not in (*_OF_ONE, "max_time", "fail_on")},
        config=config,
        subjects=subjects,
        outputs=tuple(out for out in outputs if "{name}" in str(out)),
        history=config.get("history", flags.get("history")),
        keep=config.get("keep", flags.get("keep")),
        redact=bool(flags.get("redact")),
        fail_on=fail_on,
        metrics=channels.textfile is not None,
    )
    targets = [target for target in read_targets(path) if shard is None or shard.has(target.name)]
    with target_lock(f"targets {path.resolve()} {shard}", f"{path} {shard or ''}".strip()):
        fleet, outcomes, families = _look(targets, order, min(workers, _MOST_WORKERS), shard, given, flags["quiet"])
    _deliver(fleet, (outcomes, families), chosen, pages, channels, path, flags, fail_on)


def _look(
    targets: list[Target], order: Order, workers: int, shard: Shard | None, given: str | None, quiet: bool
) -> tuple[Fleet, list[Outcome], list[object]]:
    """Return the page, and for the metrics the outcomes and families of all databases."""
    limit = Deadline(parse_duration(given) if given is not None else None)
    started = time.monotonic()
    tally = Tally()
    outcomes: list[Outcome] = []
    families: list[object] = []
    preload = "advisor.cli.fleet_worker"
    with (
        show_progress(quiet) as progress,
        Pool(work, workers, preload) as pool,
        progress.step("looking at databases", len(targets) or None) as step,
    ):
        total = len(targets)
        for job, result, add in pool.run(_jobs(targets, order), lambda: limit.left):
            if isinstance(result, tuple):  # the databases of a server
                for database in result:
                    add(Job(target=job.target, order=order, database=database))
                total += len(result) - 1
                step.set_total(total)
                continue
            look: Look = failed(job, result.why) if isinstance(result, Lost) else result
            tally.add(look)
            if order.metrics:
                outcomes.append(look.outcome)
                families += look.families
            step.advance()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    fleet = Fleet(
        at=datetime.now(UTC),
        tool_version=__version__,
        seconds=time.monotonic() - started,
        workers=workers,
        shard=str(shard) if shard is not None else None,
        peak_memory_bytes=peak,
        tally=tally,
    )
    return fleet, outcomes, families


def _jobs(targets: list[Target], order: Order) -> Iterator[Job]:
    for target in targets:
        names = target.databases
        if names is None:
            yield Job(target=target, order=order)
        elif any(_PATTERN & set(name) for name in names):
            yield Job(target=target, order=order, expand=True)
        else:
            for name in names:
                yield Job(target=target, order=order, database=name)


def _deliver(
    fleet: Fleet,
    measured: tuple[list[Outcome], list[Any]],
    chosen: str,
    pages: list[tuple[Path, str]],
    channels: Channels,
    path: Path,
    flags: Mapping[str, Any],
    fail_on: str,
) -> None:
    code = fleet.tally.exit_code
    watched = fail_on != "never" or fleet.changes is not None
    speak = not flags["quiet"] or not watched or code != 0 or bool(fleet.changes)
    problems: list[AdvisorError] = []
    for out, name in pages:
        try:
            write_file(out, FORMATS[name](fleet))
            note(f"wrote {out}", flags["quiet"])
        except UsageError as error:
            problems.append(error)
    if not pages and speak:
        text = (
            render_fleet_text(fleet, color=wants_color(flags["no_color"]), width=terminal_width())
            if chosen == "text"
            else FORMATS[chosen](fleet)
        )
        print_text(text)
    outcome = fleet_outcome(fleet, path.stem if fleet.shard is None else f"{path.stem} {fleet.shard}")
    document = fleet_document(fleet)
    problems += send(
        channels,
        outcome,
        speak=speak,
        text=lambda: render_fleet_text(fleet, width=76),
        html=lambda: render_fleet_html(fleet),
        more={"totals": document["totals"], "failed": [row.name for row in fleet.tally.failed][:100]},
    )
    problems += metrics(channels, *measured)
    tell_problems(problems)
    raise typer.Exit(code)
