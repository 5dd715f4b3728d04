"""How long the search takes on large workloads: run as a script, prints seconds, plans and peak memory.

    python -m tests.bench.bench_search [statements] [tables]

The planner is a cost table that answers at once, so this is the search's own time; a real planner adds about a
millisecond per plan.
"""

from __future__ import annotations

import random
import resource
import sys
import time

from advisor.index_search import SearchOptions, advise_indexes
from advisor.model.lookup import Catalog
from advisor.model.snapshot import Snapshot
from advisor.model.workload import Statement
from advisor.progress import Silent
from tests.search.fake import FakePlanner, columns, snapshot, statement, statistics, table, workload

_COLUMNS = ("id", "a", "b", "c", "d")


def generated(statements: int, tables: int) -> tuple[Snapshot, Catalog, list[Statement]]:
    """Return a schema of `tables` tables and a workload of `statements` simple statements on them."""
    chance = random.Random(1)
    names = [f"t{number}" for number in range(tables)]
    shot = snapshot(
        [table(name) for name in names],
        [column for name in names for column in columns(name, **dict.fromkeys(_COLUMNS, "int8"))],
        (),
        [statistics(name, column, -0.3) for name in names for column in _COLUMNS],
    )
    catalog = Catalog(shot)
    made = []
    for number in range(statements):
        name = chance.choice(names)
        first, second, order = chance.sample(_COLUMNS, 3)
        sql = chance.choice(
            (
                f"select * from {name} where {first} = $1",
                f"select * from {name} where {first} = $1 and {second} > $2",
                f"select * from {name} where {first} = $1 order by {order} limit 10",
                f"update {name} set {second} = $1 where {first} = $2",
                f"select * from {name} x join {chance.choice(names)} y on y.{second} = x.{first} where x.{order} = $1",
            )
        )
        made.append(statement(catalog, f"q{number}", sql, chance.expovariate(0.01)))
    return shot, catalog, made


def costs(key: str, on: frozenset[str]) -> tuple[float, set[str]]:
    """Any index helps a bit, by a share that depends on the pair and nothing else."""
    best, used = 1000.0, ""
    for handle in on:
        cost = 10.0 + hash((key, handle)) % 900
        if cost < best:
            best, used = cost, handle
    return best, {used} if used else set()


def main(statements: int, tables: int) -> None:
    started = time.monotonic()
    shot, catalog, made = generated(statements, tables)
    prepared = time.monotonic()
    planner = FakePlanner(costs)
    advice = advise_indexes(shot, catalog, workload(*made), planner, SearchOptions(time_limit=120), Silent())
    finished = time.monotonic()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{statements} statements, {tables} tables: generated in {prepared - started:.1f} s, advised in "
        f"{finished - prepared:.1f} s, {advice.candidates} candidates, {planner.asked} plans, "
        f"{len(advice.create)} indexes, peak {peak:.0f} MB"
    )
    for note in advice.notes:
        print(note)


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:3]) if len(sys.argv) > 2 else (1000, 200))
