"""The gate's seconds against real runs: a large table is made, captured, judged, and the migrations are run.

    nice .venv/bin/python -m tests.bench.bench_gate_seconds [rows] [major ...]

Without arguments: 10,000,000 rows on every major that is installed. The estimate comes from the snapshot alone; the
run is the statement's time in a session of its own, rolled back, without the time its process stood in the queue for
a processor: so the figures of a busy machine can be compared, as far as its disk is not busy too.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg

from advisor.cluster import Cluster, start_cluster
from tests.conftest import binaries_for

# As on a small production server; the rest is PostgreSQL's default.
SETTINGS = {"shared_buffers": "1GB", "max_wal_size": "8GB", "autovacuum": "off", "checkpoint_timeout": "30min"}
SCHEMA = """
create table customers (id int primary key, name text);
insert into customers select g, 'customer ' || g from generate_series(1, 100000) g;
create table measurements (
  id int not null, customer int, amount numeric(10,2), note text, code varchar(20), at timestamptz not null
);
insert into measurements
  select g, g % 100000 + 1, (g % 10000) / 100.0, 'measured by hand, number ' || g, 'C' || g % 5000,
    timestamptz '2024-01-01' + g * interval '1 second'
  from generate_series(1, {rows}) g;
alter table measurements add constraint measurements_pkey primary key (id);
create index measurements_customer on measurements (customer);
vacuum analyze customers, measurements;
checkpoint
"""
CASES = {
    "int to bigint, indexed": "alter table measurements alter column customer type bigint",
    "numeric to another scale": "alter table measurements alter column amount type numeric(12,4)",
    "text to varchar": "alter table measurements alter column note type varchar(100)",
    "column with a volatile default": "alter table measurements add column token uuid default gen_random_uuid()",
    "identity column": "alter table measurements add column number bigint generated always as identity",
    "stored generated column": (
        "alter table measurements add column twice numeric generated always as (amount * 2) stored"
    ),
    "SET NOT NULL": "alter table measurements alter column note set not null",
    "CHECK": "alter table measurements add constraint low check (amount < 1000)",
    "foreign key": "alter table measurements add constraint fk foreign key (customer) references customers",
    "index on a timestamp": "create index at_idx on measurements (at)",
    "index on a text": "create index note_idx on measurements (note)",
    "index on two columns": "create index two_idx on measurements (code, customer)",
    "unique constraint": "alter table measurements add constraint u unique (customer, id)",
    "REINDEX TABLE": "reindex table measurements",
    "SET UNLOGGED": "alter table measurements set unlogged",
    "VACUUM FULL": "vacuum full measurements",
}


def pgadvise(*arguments: str) -> str:
    """Run the command line; exit codes 0 and 1 are verdicts."""
    command = [sys.executable, "-m", "advisor.cli", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode > 1:
        raise SystemExit(done.stderr)
    return done.stdout


def estimates(dsn: str, folder: Path) -> dict[str, float]:
    """Return the gate's seconds of each case, judged from a snapshot."""
    snapshot = folder / "production.json.gz"
    pgadvise("capture", "--dsn", dsn, "-o", str(snapshot))
    names = {}
    for number, (name, sql) in enumerate(CASES.items()):
        path = folder / f"{number:02}.sql"
        path.write_text(f"set lock_timeout = '2s';\n{sql};\n")
        names[str(path)] = name
    report = json.loads(pgadvise("gate", "--snapshot", str(snapshot), "--each", "--no-run", "--format", "json", *names))
    return {
        names[file["path"]]: max((f["seconds_estimate"] or 0.0 for f in file["findings"]), default=0.0)
        for file in report["files"]
    }


def run(cluster: Cluster, sql: str) -> tuple[float, float]:
    """Return the seconds of one statement and those of them on a processor."""
    with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
        inside = not sql.startswith("vacuum")
        connection.execute("begin" if inside else "select 1")
        used, queued = _scheduled(connection.info.backend_pid)
        began = time.monotonic()
        connection.execute(sql.encode())
        took = time.monotonic() - began
        used_then, queued_then = _scheduled(connection.info.backend_pid)
        if inside:
            connection.execute("rollback")
        connection.execute("checkpoint")
    return took - (queued_then - queued), used_then - used


def _scheduled(pid: int) -> tuple[float, float]:
    """Return the seconds a process ran, and those it was ready to run and had to wait."""
    ran, waited, _ = Path(f"/proc/{pid}/schedstat").read_text().split()
    return int(ran) / 1e9, int(waited) / 1e9


def measure(major: int, rows: int) -> None:
    """Print the table for one major."""
    binaries = binaries_for(major)
    if binaries is None:
        print(f"PostgreSQL {major} is not installed")
        return
    with start_cluster(binaries, SETTINGS) as cluster, tempfile.TemporaryDirectory() as name:
        with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
            for statement in SCHEMA.format(rows=rows).split(";\n"):
                connection.execute(statement.encode())
            size = connection.execute("select pg_table_size('measurements') / 1e6").fetchone()
        expected = estimates(cluster.dsn(), Path(name))
        print(f"PostgreSQL {major}, {rows:,} rows, {size[0] if size else 0:.0f} MB")
        print("| statement | estimate s | run s | CPU s | estimate / run |\n|---|---|---|---|---|")
        for case, sql in CASES.items():
            took, used = run(cluster, sql)
            factor = expected[case] / took
            print(f"| {case} | {expected[case]:.1f} | {took:.1f} | {used:.1f} | {factor:.2f} |", flush=True)


def main() -> None:
    """Measure the majors that were asked for."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    for major in [int(text) for text in sys.argv[2:]] or range(13, 19):
        measure(major, rows)


if __name__ == "__main__":
    main()
