"""The gate's seconds on the school application's largest table, filled to ten times its rows, against real runs.

    nice .venv/bin/python -m tests.bench.bench_gate_school [rows] [major ...]

The schema and its indexes are the application's; the server is captured, the gate judges each migration from the
snapshot (with its own run on a private copy), then the migration runs, rolled back.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import psycopg

from advisor.cluster import start_cluster
from advisor.demo import find_application, load_schema
from tests.bench.bench_gate_seconds import SETTINGS, pgadvise, run
from tests.conftest import binaries_for

TABLE = "geolocation_data"
LOADED = 1_000_000  # rows that the application's own script makes
CASES = {
    "real to double precision": f"alter table {TABLE} alter column accuracy type double precision",
    "text to varchar(20), indexed": f"alter table {TABLE} alter column source type varchar(20)",
}


def schema(rows: int) -> str:
    """Return the application's script with `rows` rows in its largest table."""
    head, mark, rest = find_application("school").schema.read_text().partition(f"insert into {TABLE} ")
    body, semicolon, tail = rest.partition(";\n")
    return head + mark + body.replace(str(LOADED), str(rows)) + semicolon + tail


def estimate(snapshot: Path, folder: Path, sql: str) -> float:
    """Return the seconds that the gate tells of a migration."""
    path = folder / "1.sql"
    path.write_text(f"set lock_timeout = '2s';\n{sql};\n")
    report = json.loads(pgadvise("gate", "--snapshot", str(snapshot), "--format", "json", str(path)))
    if not report["ran"]:
        raise SystemExit(str(report["notes"]))
    return max((f["seconds_estimate"] or 0.0 for file in report["files"] for f in file["findings"]), default=0.0)


def measure(major: int, rows: int) -> None:
    """Print the table for one major."""
    binaries = binaries_for(major)
    if binaries is None:
        print(f"PostgreSQL {major} is not installed")
        return
    with start_cluster(binaries, SETTINGS) as cluster, tempfile.TemporaryDirectory() as name:
        with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
            connection.execute("set synchronous_commit = off")
            load_schema(connection, schema(rows), "school.sql")
            size = connection.execute(f"select pg_table_size('{TABLE}') / 1e6").fetchone()
            connection.execute("checkpoint")
        snapshot = Path(name) / "school.json.gz"
        pgadvise("capture", "--dsn", cluster.dsn(), "-o", str(snapshot))
        print(f"PostgreSQL {major}, {rows:,} rows, {size[0] if size else 0:.0f} MB")
        print("| statement | estimate s | run s | CPU s | estimate / run |\n|---|---|---|---|---|")
        for case, sql in CASES.items():
            expected = estimate(snapshot, Path(name), sql)
            took, used = run(cluster, sql)
            print(f"| {case} | {expected:.1f} | {took:.1f} | {used:.1f} | {expected / took:.2f} |", flush=True)


def main() -> None:
    """Measure the majors that were asked for."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    for major in [int(text) for text in sys.argv[2:]] or (15, 18):
        measure(major, rows)


if __name__ == "__main__":
    main()
