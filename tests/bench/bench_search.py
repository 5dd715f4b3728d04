"""How long the search takes on large workloads: run as a script, prints seconds, plans and peak memory.

    python -m tests.bench.bench_search [statements] [tables] [--twin] [--seconds N]

The planner is a cost table that answers at once, so this is the search's own time. With --twin the tables are created
and filled on a private PostgreSQL 15, collected, restored in a twin, the statements typed and given values there, and
advised on by its planner: all that a report does but writing it.
"""

from __future__ import annotations

import argparse
import random
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from advisor.cluster import start_cluster
from advisor.collect import collect
from advisor.connect import open_connection
from advisor.index_search import SearchOptions, advise_indexes
from advisor.model.activity import WorkloadText
from advisor.model.lookup import Catalog
from advisor.model.report import IndexAdvice
from advisor.model.snapshot import Snapshot
from advisor.model.workload import Statement
from advisor.progress import Silent, Step
from advisor.whatif import WhatIfOptions, open_whatif
from advisor.workload.read import read_workload
from advisor.workload.touched import relations_touched
from tests.conftest import SERVER_SETTINGS, binaries_for
from tests.search.fake import FakePlanner, columns, snapshot, statement, statistics, table, workload

_COLUMNS = ("id", "a", "b", "c", "d")


def generated(statements: int, tables: int) -> tuple[Snapshot, Catalog, list[Statement]]:
    """Return a schema of `tables` tables and a workload of `statements` simple statements on them."""
    names = [f"t{number}" for number in range(tables)]
    shot = snapshot(
        [table(name) for name in names],
        [column for name in names for column in columns(name, **dict.fromkeys(_COLUMNS, "int8"))],
        (),
        [statistics(name, column, -0.3) for name in names for column in _COLUMNS],
    )
    catalog = Catalog(shot)
    made = [
        statement(catalog, f"q{number}", sql, calls) for number, (sql, calls) in enumerate(texts(statements, names, 1))
    ]
    return shot, catalog, made


def texts(statements: int, names: list[str], seed: int) -> Iterator[tuple[str, float]]:
    """Yield (statement, calls); the shapes repeat only by chance."""
    chance = random.Random(seed)
    for _ in range(statements):
        name = chance.choice(names)
        first, second, order = chance.sample(_COLUMNS, 3)
        sql = chance.choice(
            (
                f"select * from {name} where {first} = $1",
                f"select * from {name} where {first} = $1 and {second} > $2",
                f"select {first}, {order} from {name} where {first} = $1 order by {order} limit 10",
                f"select count(*), max({order}) from {name} where {first} = $1 and {second} = $2",
                f"update {name} set {second} = $1 where {first} = $2",
                f"select * from {name} x join {chance.choice(names)} y on y.{second} = x.{first} where x.{order} = $1",
            )
        )
        yield sql, chance.expovariate(0.01)


def costs(key: str, on: frozenset[str]) -> tuple[float, set[str]]:
    """Any index helps a bit, by a share that depends on the pair and nothing else."""
    best, used = 1000.0, ""
    for handle in on:
        cost = 10.0 + hash((key, handle)) % 900
        if cost < best:
            best, used = cost, handle
    return best, {used} if used else set()


class Shown(Silent):
    """Prints the steps and how long each took."""

    @contextmanager
    def step(self, title: str, total: float | None = None) -> Iterator[Step]:
        started = time.monotonic()
        with super().step(title, total) as step:
            yield step
        print(f"  {title}: {time.monotonic() - started:.1f} s", flush=True)


def peak() -> float:
    """Return the largest resident size of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def report(advice: IndexAdvice, seconds: float, plans: int) -> None:
    print(
        f"advised in {seconds:.1f} s: {advice.candidates} candidates, {plans} plans, {len(advice.create)} indexes, "
        f"cost {100 * advice.cost_after / max(advice.cost_before, 1):.1f} %, peak {peak():.0f} MB"
    )
    for note in advice.notes:
        print(note)


def with_fake(statements: int, tables: int, seconds: float) -> None:
    started = time.monotonic()
    shot, catalog, made = generated(statements, tables)
    print(f"{statements} statements, {tables} tables: generated in {time.monotonic() - started:.1f} s")
    planner = FakePlanner(costs)
    started = time.monotonic()
    advice = advise_indexes(shot, catalog, workload(*made), planner, SearchOptions(time_limit=seconds), Silent())
    report(advice, time.monotonic() - started, planner.asked)


def fill(dsn: str, tables: int) -> list[str]:
    """Create tables of 2,000 rows in 30 pages and return their names."""
    names = [f"t{number}" for number in range(tables)]
    with psycopg.connect(dsn, autocommit=True) as connection:
        for name in names:
            connection.execute(
                f"create table {name} (id int8 primary key, a int8, b int8, c int8, d int8, note text);"
                f" insert into {name} select i, hashint8(i), i % 300, hashint8(i) % 50, i % 7, repeat('x', 60)"
                " from generate_series(1, 2000) i".encode()
            )
        connection.execute("vacuum analyze")
    return names


def with_twin(statements: int, tables: int, seconds: float) -> None:
    binaries = binaries_for(15)
    assert binaries is not None, "PostgreSQL 15 is not installed"
    with start_cluster(binaries, SERVER_SETTINGS) as cluster:
        names = fill(cluster.dsn(), tables)
        asked = tuple(WorkloadText(query=sql, calls=calls) for sql, calls in texts(statements, names, 1))
        started = time.monotonic()
        with open_connection(cluster.dsn(), statement_timeout=120) as connection:
            snapshot = collect(connection, workload_texts=asked)
        catalog = Catalog(snapshot)
        print(f"collected in {time.monotonic() - started:.1f} s, peak {peak():.0f} MB", flush=True)
        what_if = WhatIfOptions(mode="twin", touched=relations_touched(snapshot, catalog))
        with open_whatif(snapshot, what_if, None, Shown()) as engine:
            assert engine is not None
            understood = read_workload(snapshot, catalog, engine.session, Shown())
            print(f"{len(understood.statements)} shapes after {time.monotonic() - started:.1f} s", flush=True)
            begun = time.monotonic()
            options = SearchOptions(time_limit=seconds)
            advice = advise_indexes(snapshot, catalog, understood, engine.planner, options, Shown())
            report(advice, time.monotonic() - begun, advice.plans_asked)
        print(f"in total {time.monotonic() - started:.1f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("statements", type=int, nargs="?", default=1000)
    parser.add_argument("tables", type=int, nargs="?", default=200)
    parser.add_argument("--twin", action="store_true", help="real tables, a real twin and its planner")
    parser.add_argument("--seconds", type=float, default=300, help="time limit of the search")
    arguments = parser.parse_args()
    (with_twin if arguments.twin else with_fake)(arguments.statements, arguments.tables, arguments.seconds)


if __name__ == "__main__":
    main()
