"""Time and memory of a fleet: many databases on a few real servers.

    python -m tests.bench.bench_fleet --databases 200
    python -m tests.bench.bench_fleet --databases 1000 --what-if none

Each database has 20 tables and has run 10 kinds of statements. Prints wall time, processor time of all processes (the
private servers of the twins among them; those of the servers looked at are not), and the peak memory of the coordinator
and of its workers as the page tells it.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import psycopg

from advisor.cluster import Cluster, start_cluster
from tests.conftest import SERVER_SETTINGS, binaries_for

TABLES, ROWS, CALLS = 20, 2_000, 20
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER
MAJORS = (15, 17, 18)


def build(cluster: Cluster, count: int) -> None:
    """Make `count` databases of one application, each with its own counters."""
    with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
        connection.execute("create database application")
    with psycopg.connect(cluster.dsn("application"), autocommit=True) as connection:
        connection.execute("create extension pg_stat_statements")
        for number in range(TABLES):
            connection.execute(
                f"create table t{number} (id int primary key, owner int not null, state text not null, at timestamptz,"
                " note text)"
            )
            connection.execute(
                f"insert into t{number} select g, g % 400, case when g % 50 = 0 then 'open' else 'done' end,"
                f" timestamptz '2026-01-01' + g * interval '1 min', repeat('n', 40) from generate_series(1, {ROWS}) g"
            )
        connection.execute("vacuum analyze")
    with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
        for number in range(count):
            connection.execute(f"create database app{number:04} template application")
    for number in range(count):
        with psycopg.connect(cluster.dsn(f"app{number:04}"), prepare_threshold=None) as connection:
            for kind in range(10):
                for call in range(CALLS):
                    connection.execute(f"select note from t{kind} where owner = %s and state = 'done'", (call,))


def adopt() -> None:
    """Become the parent of orphans (Linux): the server that workers are forked from outlives the program a little."""
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)


def processor_seconds() -> float:
    """Return what all processes that have ended have used."""
    for _ in range(30):
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(0.1)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    adopt()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--databases", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--what-if", default="auto")
    parser.add_argument("--history", action="store_true", help="keep every run")
    given = parser.parse_args()
    found = [binaries for major in MAJORS if (binaries := binaries_for(major)) is not None][: given.databases]
    settings = SERVER_SETTINGS | {"pg_stat_statements.max": "50000", "max_connections": "60"}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        lines = []
        for place, binaries in enumerate(found):
            cluster = stack.enter_context(start_cluster(binaries, settings))
            build(cluster, len(range(place, given.databases, len(found))))
            lines.append(
                f'[[target]]\nname = "pg{binaries.major}"\ndsn = "host={cluster.directory} user=postgres"\n'
                'databases = ["app[0-9]*"]\n'
            )
        (folder / "fleet.toml").write_text("\n".join(lines))
        flags = ["--history", str(folder / "history.sqlite")] if given.history else []
        before, started = processor_seconds(), time.monotonic()
        subprocess.run(
            [
                sys.executable, "-c", "from advisor.cli import main; main()", "report", "--targets",
                str(folder / "fleet.toml"), "--workers", str(given.workers), "--what-if", given.what_if, "-q",
                "--ram", "8GB", "--cores", "2", "-o", str(folder / "out" / "{name}.json"),
                "-o", str(folder / "fleet.json"), *flags,
            ],
            check=False, env=dict(os.environ) | {"XDG_STATE_HOME": str(folder / "state")},
        )  # fmt: skip
        wall, processor = time.monotonic() - started, processor_seconds() - before
        page = json.loads((folder / "fleet.json").read_text())
        reports = len(list((folder / "out").iterdir()))
    memory = {name: f"{size >> 20} MB" for name, size in page["peak_memory_bytes"].items()}
    for row in page["targets"]:
        if row["status"] == "failed":
            print(f"{row['name']}: {row['error']}")
    each = given.databases
    print(
        f"{each} databases on {len(found)} servers, {given.workers} workers, what-if {given.what_if}:"
        f" {reports} reports, {page['totals']['failed']} failed; {wall:.0f} s ({wall / each:.2f} s each) at a load of"
        f" {os.getloadavg()[1]:.1f}, {processor:.0f} s of processor time ({processor / each:.2f} s each);"
        f" peak memory {memory}"
    )


if __name__ == "__main__":
    main()
