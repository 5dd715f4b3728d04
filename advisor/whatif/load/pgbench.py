"""Runs pgbench: found beside the server's programs, given its connection by the environment, ended with us.

Nothing secret is on its command line. It writes one line per transaction into a private folder, from which the
latencies are read; source of the format: PostgreSQL's documentation of pgbench, "Per-Transaction Logging".
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import pq

from advisor.cluster import find_binaries
from advisor.errors import AdvisorError

# Beyond the time asked for: connecting many clients, and the last statements.
_GRACE_SECONDS = 30.0
_ENDING_SECONDS = 5.0
_ERROR = re.compile(r"(?:ERROR|FATAL):\s+(.*)")
_ABORTED = re.compile(r"client \d+ .*aborted", re.MULTILINE)


class LoadFailed(AdvisorError):
    """A load check that could not be made."""


@dataclass(frozen=True, slots=True)
class Pgbench:
    """The program."""

    path: Path
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """One line of the log; times in seconds of the Unix epoch and in ms."""

    script: int
    ended: float
    latency: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one run of pgbench left."""

    transactions: tuple[Transaction, ...]
    failed_clients: int
    error: str | None


def find_pgbench(major: int) -> Pgbench:
    """Return the pgbench of this major or the nearest one found. Raises LoadFailed."""
    for binaries in find_binaries(major):
        path = binaries.bindir / "pgbench"
        if path.is_file() and os.access(path, os.X_OK):
            return Pgbench(path, binaries.version)
    raise LoadFailed(
        "There is no pgbench on this machine.",
        "Install PostgreSQL's server package, or name its folder in PGADVISE_POSTGRES_BINDIR.",
    )


def environment_of(connection: psycopg.Connection[object], options: str, name: str) -> dict[str, str]:
    """Return the environment that makes a libpq program connect where `connection` is, with `options` (PGOPTIONS)."""
    variables = {
        item.keyword.decode(): item.envvar.decode() for item in pq.Conninfo.get_defaults() if item.envvar is not None
    }
    environment = dict(os.environ)
    for item in connection.pgconn.info:
        keyword = item.keyword.decode()
        if item.val is not None and keyword in variables:
            environment[variables[keyword]] = item.val.decode()
    # The values are resolved already; a service would override none of them but may no longer be readable.
    environment.pop("PGSERVICE", None)
    environment["PGAPPNAME"] = name
    environment["PGOPTIONS"] = options
    environment["PGCONNECT_TIMEOUT"] = environment.get("PGCONNECT_TIMEOUT") or "10"
    return environment


def run_pgbench(
    program: Pgbench,
    scripts: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    *,
    clients: int,
    seconds: int,
    longest: float,
) -> Run:
    """Run `scripts` (arguments) with so many clients for so long; `longest` seconds bound one statement.

    The process has ended when this returns, whatever ends it. Raises LoadFailed where nothing could be run.
    """
    prefix = folder / f"log-{clients}"
    threads = max(1, min(clients, os.cpu_count() or 1))
    command = [
        str(program.path), "--no-vacuum", "--protocol=simple", f"--client={clients}", f"--jobs={threads}",
        f"--time={seconds}", "--log", f"--log-prefix={prefix}", *scripts,
    ]  # fmt: skip
    # Its own session: Ctrl-C reaches us first, and we end it.
    process = subprocess.Popen(
        command, cwd=folder, env=dict(environment), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    try:
        _, errors = process.communicate(timeout=seconds + longest + _GRACE_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise LoadFailed(
            f"pgbench with {clients} clients did not end in time.", "The server may be overloaded: look at it."
        ) from error
    finally:
        _end(process)
    told = errors.decode("utf-8", "replace")
    transactions = tuple(_read_logs(folder, prefix.name))
    found = _ERROR.search(told)
    reason = found[1] if found else None
    if not transactions:
        last = (told.strip().splitlines() or ["no message"])[-1]
        raise LoadFailed(f"pgbench with {clients} clients could not run: {reason or last}.")
    failed = len(_ABORTED.findall(told))
    return Run(transactions=transactions, failed_clients=failed, error=reason if failed else None)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(_ENDING_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(_ENDING_SECONDS)


def _read_logs(folder: Path, prefix: str) -> Iterator[Transaction]:
    """Yield the transactions of every thread's file: client, number, µs, script, seconds, µs of the end, …"""
    for path in sorted(folder.glob(f"{prefix}.*")):
        with path.open(encoding="ascii", errors="replace") as file:
            for line in file:
                parts = line.split()
                # "skipped" and "failed" stand where others have their time; a cut last line has too few parts.
                if len(parts) >= 6 and all(part.isdigit() for part in parts[2:6]):
                    yield Transaction(
                        script=int(parts[3]),
                        ended=int(parts[4]) + int(parts[5]) / 1e6,
                        latency=int(parts[2]) / 1000,
                    )
        path.unlink()
