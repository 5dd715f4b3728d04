"""One look at one database of a fleet, in a worker process; whatever happens comes back as a Look."""

from __future__ import annotations

import fnmatch
import os
import resource
import sys
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from advisor.cli.config import Config
from advisor.cli.console import format_of, write_file
from advisor.cli.deliver import exit_code, without_ignored
from advisor.cli.flags import report_options, source_from
from advisor.cli.history_flag import recorder, today
from advisor.connect import open_connection
from advisor.deadline import Deadline, OutOfTime, deadline
from advisor.deliver.lock import target_lock
from advisor.deliver.outcome import Outcome, outcome_of
from advisor.deliver.secrets import from_command, from_environment
from advisor.dsn import choose_dsn, redact_dsn
from advisor.errors import AdvisorError
from advisor.fleet.followed import followed
from advisor.fleet.tally import Look
from advisor.fleet.targets import Target
from advisor.model.report import Report
from advisor.model.snapshot import Snapshot
from advisor.pipeline import make_report, open_source
from advisor.progress import Silent
from advisor.render import FORMATS, render
from advisor.render.prometheus import Family, report_families
from advisor.units import parse_duration
from advisor.workload.redact import redact_report

_DATABASES = """
select /* pgadvise */ d.datname
from pg_catalog.pg_database as d
where d.datallowconn and not d.datistemplate and pg_catalog.has_database_privilege(d.oid, 'connect')
    -- The providers' own.
    and d.datname not in ('rdsadmin', 'cloudsqladmin', 'azure_maintenance', 'azure_sys')
order by d.datname
"""
# Metrics of tables would be a hundred series for each of a thousand databases.
_PER_TABLE = "retention_"
_SEARCH_SHARE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is the same for every target of a run."""

    flags: Mapping[str, Any]
    config: Config
    subjects: tuple[str, ...]
    outputs: tuple[Path, ...] = ()  # with {name} in them
    history: str | None = None
    keep: str | None = None
    redact: bool = False
    fail_on: str = "never"
    metrics: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One database to look at; with `expand`, a server whose databases are to be named."""

    target: Target
    order: Order
    database: str | None = None
    expand: bool = False

    @property
    def name(self) -> str:
        """What the report calls it."""
        return self.target.name if self.database is None else f"{self.target.name}/{self.database}"

    @property
    def file_name(self) -> str:
        """The same for names of files; no two are equal, as a target's name has neither @ nor %."""
        return self.target.name if self.database is None else f"{self.target.name}@{quote(self.database, safe='')}"


def work(job: Job) -> Look | tuple[str, ...]:
    """Look at a database, or return the names of a server's. Never raises."""
    started = time.monotonic()
    try:
        return _databases(job) if job.expand else _look(job, started)
    except AdvisorError as error:
        message, hint = error.message, error.hint
    except psycopg.Error as error:
        message, hint = f"The server refused: {(str(error).strip().splitlines() or ['no reason given'])[0]}", None
    except OSError as error:
        message, hint = f"The operating system refused: {error.strerror or error}.", None
    except Exception as error:  # noqa: BLE001 (the last line of defence: a bug costs one target, not the fleet)
        if os.environ.get("PGADVISE_DEBUG"):
            traceback.print_exc()
        message, hint = f"A bug in pgadvise: {type(error).__name__}: {(str(error).splitlines() or [''])[0]}", None
    return failed(job, message, hint, time.monotonic() - started)


def failed(job: Job, message: str, hint: str | None = None, seconds: float = 0.0) -> Look:
    """Return the look at a target that could not be looked at."""
    outcome = Outcome(
        target=job.name, at=datetime.now(UTC), exit_code=3, seconds=seconds, error=message, hint=hint,
    )  # fmt: skip
    return Look(outcome=outcome, labels=job.target.labels, peak_memory_bytes=_peak())


def _databases(job: Job) -> tuple[str, ...]:
    conninfo = conninfo_for(job.target, None)
    if "dbname" not in conninfo_to_dict(conninfo) and "service" not in conninfo_to_dict(conninfo):
        conninfo = make_conninfo(conninfo, dbname="postgres")
    with open_connection(conninfo) as connection, connection.transaction():
        names = [str(row[0]) for row in connection.execute(_DATABASES).fetchall()]
    patterns = job.target.databases or ("*",)
    found = tuple(
        name
        for name in names
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
        and not any(fnmatch.fnmatchcase(name, pattern) for pattern in job.target.exclude)
    )
    if not found:
        raise AdvisorError(f"No database of {job.target.name} fits {', '.join(patterns)}.", "Name them in 'databases'.")
    return found


def conninfo_for(target: Target, database: str | None) -> str:
    """Return what to connect with: the target's DSN, the database's name, and the password from where it is."""
    changes = {"dbname": database} if database is not None else {}
    return make_conninfo(choose_dsn(target.dsn), **changes, **_password(target))


def _password(target: Target) -> dict[str, str]:
    if target.password_env is not None:
        return {"password": from_environment(target.password_env, f"password of {target.name}")}
    if target.password_command is not None:
        return {"password": _asked(target.password_command, target.name)}
    return {}


@cache
def _asked(command: str | tuple[str, ...], name: str) -> str:
    """Ask a password's command once per worker: a server with 200 databases has one password."""
    return from_command(command if isinstance(command, str) else list(command), f"password of {name}")


def _look(job: Job, started: float) -> Look:
    order, target = job.order, job.target
    dsn = conninfo_for(target, job.database)
    replicas = [make_conninfo(choose_dsn(replica), **_password(target)) for replica in target.replicas]
    flags = {**order.flags, **target.overrides, "dsn": dsn, "replica": replicas}
    given = flags.get("max_time")
    with target_lock(redact_dsn(dsn), job.name), deadline(parse_duration(given) if given else None) as limit:
        try:
            snapshot, report, code, problems = _report(job, flags, limit)
        except OutOfTime as error:
            raise AdvisorError(f"Its time ({given}) was over before anything was finished.") from error
    return Look(
        outcome=outcome_of(report, job.name, code, time.monotonic() - started),
        labels=target.labels,
        server=snapshot.server.system_identifier or _address(dsn),
        size_bytes=report.database_size_bytes,
        outputs=tuple(str(path) for path in _paths(job)),
        problems=problems,
        peak_memory_bytes=_peak(),
        families=tuple(_families(job, report)) if order.metrics else (),
        followed=followed((redact_report(report) if order.redact else report).changes, job.name),
    )


def _report(job: Job, flags: Mapping[str, Any], limit: Deadline) -> tuple[Snapshot, Report, int, tuple[str, ...]]:
    """Return what was read, the report, its exit code, and what could not be written or kept."""
    order = job.order
    options = report_options(flags, order.config, order.subjects)
    if limit.left is not None:
        seconds = min(options.search.time_limit, _SEARCH_SHARE * limit.left)
        options = replace(options, search=replace(options.search, time_limit=seconds))
    disk = order.config.get("disk", flags.get("disk"))
    with recorder(order.history, order.config, disk=disk, name=job.name, quiet=True) as past:
        with open_source(source_from(flags, order.config), options.policy, Silent()) as (snapshot, connection):
            if past is not None:
                snapshot, options = past.before(snapshot, connection, options)
            report = make_report(snapshot, options, connection)
        limit.stop()
        if past is not None:
            report = past.after(report)
        report = without_ignored(report, order.config.ignore, today())
        code = exit_code(report, str(flags.get("fail_on") or order.fail_on))
        problems = _write(job, report)
        if past is not None:
            past.keep(quiet=True)
            past.prune(order.keep)
    return snapshot, report, code, tuple(problems)


def _paths(job: Job) -> list[Path]:
    return [Path(str(path).replace("{name}", job.file_name)) for path in job.order.outputs]


def _write(job: Job, report: Report) -> list[str]:
    shown = redact_report(report) if job.order.redact else report
    problems = []
    for path in _paths(job):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_file(path, render(shown, format_of(path, tuple(FORMATS), None), width=None))
        except AdvisorError as error:
            problems.append(error.message)
        except OSError as error:
            problems.append(f"{path} cannot be written: {error.strerror}.")
    return problems


def _families(job: Job, report: Report) -> list[Family]:
    labels = (("target", job.name), ("database", report.database))
    return [family for family in report_families(report, labels) if not family.name.startswith(_PER_TABLE)]


def _address(dsn: str) -> str:
    given = conninfo_to_dict(dsn)
    return f"{given.get('host') or given.get('service') or 'localhost'}:{given.get('port') or 5432}"


def _peak() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
