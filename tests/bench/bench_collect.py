"""How long collection takes on a database of many tables: python -m tests.bench.bench_collect [tables] [major]

Makes `tables` tables of ten columns with four indexes each on a private server, analyzes some, and prints the time
of each step, the size of the snapshot, the locks held at most and our peak memory.
"""

from __future__ import annotations

import resource
import sys
import time

import psycopg

from advisor.cluster import start_cluster
from advisor.collect import collect
from advisor.connect import open_connection
from advisor.model.snapshot import encode_snapshot
from tests.conftest import SERVER_SETTINGS, binaries_for

_MAKE = """
create procedure fill(first int, last int) language plpgsql as $$
begin
    for i in first..last loop
        execute format(
            'create table t%1$s (id bigint generated always as identity primary key, a int not null, b text, '
            'c timestamptz default now(), d numeric(10,2), e jsonb, f varchar(20), g date, h boolean, i uuid); '
            'create index on t%1$s (a, b); create index on t%1$s (lower(f)); create index on t%1$s (c) where h', i);
        if i %% 100 = 0 then
            execute format(
                'insert into t%1$s (a, b) select n, n::text from generate_series(1, 500) n; analyze t%1$s', i);
        end if;
    end loop;
end $$
""".replace("%%", "%")


def main(tables: int = 10_000, major: int = 15) -> None:
    binaries = binaries_for(major)
    if binaries is None:
        raise SystemExit(f"PostgreSQL {major} is not installed")
    with start_cluster(binaries, SERVER_SETTINGS) as cluster:
        with psycopg.connect(cluster.dsn(), autocommit=True) as maker:
            maker.execute(_MAKE)
            for first in range(1, tables + 1, 200):
                maker.execute(f"call fill({first}, {min(first + 199, tables)})")
            maker.execute("create extension pg_stat_statements")
            maker.execute("vacuum pg_catalog.pg_class, pg_catalog.pg_attribute")
            maker.execute("analyze pg_catalog.pg_class, pg_catalog.pg_attribute, pg_catalog.pg_index")
        started = time.perf_counter()
        with open_connection(cluster.dsn()) as connection:
            snapshot = collect(connection)
        seconds = time.perf_counter() - started
        print(f"{len(snapshot.tables)} tables, {len(snapshot.indexes)} indexes, {len(snapshot.columns)} columns")
        for name, spent in sorted(snapshot.timings.items(), key=lambda item: -item[1])[:14]:
            print(f"  {name:32} {spent:6.2f} s")
        for gap in snapshot.gaps:
            print(f"  gap: {gap.what}: {gap.why}")
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        started = time.perf_counter()
        size = len(encode_snapshot(snapshot))
        encoding = time.perf_counter() - started
        print(f"collect {seconds:.2f} s, encode {encoding:.2f} s, file {size / 1e6:.1f} MB, memory {memory:.0f} MB")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
