"""A hundred windows on ten thousand tables: processor time of the reading and of the verdicts, ours and the server's.

    python -m tests.bench.bench_retention [major]

Processor time and not the clock, which says little on a busy machine. With PostgreSQL 17 on two shared cores: reading
1.9 s here and 3.0 s in the server, verdicts 0.5 s; up to half as much again with a load of nine.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import psycopg

from advisor.cluster import start_cluster
from advisor.collect import collect
from advisor.connect import open_connection
from advisor.model.lookup import Catalog
from advisor.retention import assess_retention, check_policy
from tests.conftest import SERVER_SETTINGS, binaries_for

TABLES, WINDOWS, ROWS = 10_000, 100, 4_800
_CREATE = """do $x$ begin for i in {first}..{last} loop
  execute format('create table table_%s (id bigint generated always as identity primary key, user_id bigint not null,'
    ' value text, created_at timestamptz not null)', i);
  execute format('create index on table_%s (user_id)', i);
  if i < {windows} and i % 2 = 0 then execute format('create index on table_%s (created_at)', i); end if;
end loop; end $x$"""
_FILL = """insert into table_{n} (user_id, value, created_at)
select i, 'x', now() - interval '200 days' + i * interval '1 hour' from generate_series(1, {rows}) i"""


def load(dsn: str) -> None:
    """Create the tables; those with a window get rows and statistics."""
    with psycopg.connect(dsn, autocommit=True) as session:
        for first in range(0, TABLES, 500):
            session.execute(_CREATE.format(first=first, last=first + 499, windows=WINDOWS).encode())
        for n in range(WINDOWS):
            session.execute(_FILL.format(n=n, rows=ROWS).encode())
            session.execute(f"analyze table_{n}".encode())


def server_seconds(pid: int) -> float:
    """Return the processor time of a server process of this machine."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def main(major: int) -> None:
    binaries = binaries_for(major)
    if binaries is None:
        raise SystemExit(f"PostgreSQL {major} is not here")
    rules, _ = check_policy("".join(f'[[tables]]\ntable = "table_{n}"\nkeep = "90 days"\n' for n in range(WINDOWS)))
    with start_cluster(binaries, SERVER_SETTINGS) as cluster:
        load(cluster.dsn())
        started = time.process_time()
        with open_connection(cluster.dsn()) as connection:
            snapshot = collect(connection, policy=rules)
            server = server_seconds(connection.info.backend_pid)
        read = time.process_time()
        statuses = assess_retention(snapshot, Catalog(snapshot), rules)
        judged = time.process_time()
    overdue = sum(status.rule == "ret.overdue" for status in statuses)
    sys.stdout.write(
        f"PostgreSQL {major}, {TABLES} tables, {WINDOWS} windows, {overdue} overdue:"
        f" reading {read - started:.1f} s here, {server:.1f} s in the server; verdicts {judged - read:.1f} s\n"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 17)
