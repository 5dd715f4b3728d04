"""How long a twin takes and how fast it plans: run as a script.

    python -m tests.bench.bench_twin [tables] [touched]

Makes a database of `tables` tables with four indexes each on a private server, and a twin of `touched` of them.
"""

from __future__ import annotations

import sys
import time

import psycopg

from advisor.cluster import start_cluster
from advisor.collect import collect
from advisor.connect import open_connection
from advisor.model.names import RelationName
from advisor.progress import Silent
from advisor.whatif import WhatIfOptions, open_whatif
from tests.conftest import SERVER_SETTINGS, binaries_for
from tests.whatif.conftest import requests, statement

_TABLES = """
do $$ begin
  for i in {first}..{last} loop
    execute format('create table t%s (id int primary key, a int, b text, c timestamptz, d numeric)', i);
    execute format('create index on t%s (a, b)', i);
    execute format('create index on t%s (c)', i);
    execute format('create index on t%s (lower(b))', i);
  end loop;
end $$
"""


def main(tables: int, touched: int) -> None:
    """Print seconds per stage and plans per second."""
    binaries = binaries_for(15)
    assert binaries is not None
    with start_cluster(binaries, SERVER_SETTINGS) as cluster:
        with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
            # One transaction per 200 tables: each table locks six relations until it ends.
            for first in range(1, tables + 1, 200):
                connection.execute(_TABLES.format(first=first, last=min(tables, first + 199)).encode())
            connection.execute("insert into t1 select i, i % 99, 'b' || i, now(), i from generate_series(1, 50000) i")
            connection.execute("analyze t1")
        with open_connection(cluster.dsn(), statement_timeout=60) as connection:
            started = time.perf_counter()
            snapshot = collect(connection)
            print(f"collect            {time.perf_counter() - started:8.2f} s")
        names = frozenset(RelationName("public", f"t{i}") for i in range(1, min(tables, touched) + 1))
        started = time.perf_counter()
        with open_whatif(snapshot, WhatIfOptions(mode="twin", touched=names), None, Silent()) as engine:
            assert engine is not None
            print(f"twin of {len(names):5} tables {time.perf_counter() - started:8.2f} s")
            asked = requests([statement(f"select * from t1 where a = {i} and b > 'x'") for i in range(1000)])
            started = time.perf_counter()
            engine.planner.plan_many(asked)
            print(f"plans              {1000 / (time.perf_counter() - started):8.0f} per second")


if __name__ == "__main__":
    main(*(int(argument) for argument in (*sys.argv[1:], "2000", "200")[:2]))
