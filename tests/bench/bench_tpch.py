"""How good the index proposals for TPC-H are under a storage budget, and how long they take: run as a script.

    .venv/bin/python -m pip install tpchgen-cli
    .venv/bin/tpchgen-cli --scale-factor 1 --output-dir DATA
    .venv/bin/python -m tests.bench.bench_tpch DATA [--budgets 250,500,1000,2000] [--width 4] [--dsn DSN]

Loads the tables without keys and indexes into a private PostgreSQL 15 (or takes them as they are in the database of
--dsn), advises on fixtures/workloads/tpch.sql through the twin and prints for each budget (in true megabytes)
the planner's cost of the workload relative to no index: as the search has it, and as a fresh twin without the
candidates that lost plans it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg

from advisor.cluster import start_cluster
from advisor.collect import collect
from advisor.connect import open_connection
from advisor.index_search import SearchOptions, advise_indexes
from advisor.index_search.ddl import body_sql
from advisor.index_search.planner import Candidate, Plan, PlanFailed, Planner, PreparedCandidate
from advisor.model.lookup import Catalog
from advisor.model.report import IndexAdvice
from advisor.model.snapshot import Snapshot
from advisor.model.workload import Binding, Statement, Workload
from advisor.progress import Silent
from advisor.whatif import WhatIfOptions, open_whatif
from advisor.workload.files import read_workload_file
from advisor.workload.read import read_workload
from advisor.workload.touched import relations_touched
from tests.conftest import SERVER_SETTINGS, binaries_for

_WORKLOAD = Path(__file__).parents[2] / "fixtures" / "workloads" / "tpch.sql"
_TABLES = {
    "region": "r_regionkey int, r_name char(25), r_comment varchar(152)",
    "nation": "n_nationkey int, n_name char(25), n_regionkey int, n_comment varchar(152)",
    "part": "p_partkey int, p_name varchar(55), p_mfgr char(25), p_brand char(10), p_type varchar(25), p_size int,"
    " p_container char(10), p_retailprice decimal(15,2), p_comment varchar(23)",
    "supplier": "s_suppkey int, s_name char(25), s_address varchar(40), s_nationkey int, s_phone char(15),"
    " s_acctbal decimal(15,2), s_comment varchar(101)",
    "partsupp": "ps_partkey int, ps_suppkey int, ps_availqty int, ps_supplycost decimal(15,2), ps_comment varchar(199)",
    "customer": "c_custkey int, c_name varchar(25), c_address varchar(40), c_nationkey int, c_phone char(15),"
    " c_acctbal decimal(15,2), c_mktsegment char(10), c_comment varchar(117)",
    "orders": "o_orderkey int, o_custkey int, o_orderstatus char(1), o_totalprice decimal(15,2), o_orderdate date,"
    " o_orderpriority char(15), o_clerk char(15), o_shippriority int, o_comment varchar(79)",
    "lineitem": "l_orderkey int, l_partkey int, l_suppkey int, l_linenumber int, l_quantity decimal(15,2),"
    " l_extendedprice decimal(15,2), l_discount decimal(15,2), l_tax decimal(15,2), l_returnflag char(1),"
    " l_linestatus char(1), l_shipdate date, l_commitdate date, l_receiptdate date, l_shipinstruct char(25),"
    " l_shipmode char(10), l_comment varchar(44)",
}


def load(dsn: str, data: Path) -> None:
    """Create and fill the tables from tpchgen-cli's .tbl files, then VACUUM ANALYZE."""
    with psycopg.connect(dsn, autocommit=True) as connection, connection.cursor() as cursor:
        # VACUUM marks no page all-visible whose rows' commit is not flushed yet, and index-only scans would not pay.
        cursor.execute("set synchronous_commit = on")
        for table, columns in _TABLES.items():
            cursor.execute(f"create table {table} ({columns})".encode())
            with (
                cursor.copy(f"copy {table} from stdin (delimiter '|')".encode()) as copy,
                (data / f"{table}.tbl").open("rb") as lines,
            ):
                while block := lines.readlines(1 << 20):
                    # Every line ends with a delimiter that COPY would take for one more column.
                    copy.write(b"".join(block).replace(b"|\n", b"\n"))
        cursor.execute("vacuum analyze")


def take(dsn: str) -> Snapshot:
    """Return the snapshot of the loaded database with the workload's texts."""
    with open_connection(dsn, statement_timeout=120) as connection:
        return collect(connection, workload_texts=read_workload_file(_WORKLOAD))


class Recorder:
    """Passes everything on to a planner and remembers the candidates."""

    def __init__(self, planner: Planner) -> None:
        self._planner = planner
        self.description = planner.description
        self.candidates: dict[Candidate, None] = {}

    def prepare(self, candidates: Sequence[Candidate]) -> tuple[PreparedCandidate, ...]:
        self.candidates.update(dict.fromkeys(candidates))
        return self._planner.prepare(candidates)

    def plan_many(
        self,
        requests: Sequence[tuple[Statement, Binding]],
        on: frozenset[str] = frozenset(),
        hidden: frozenset[str] = frozenset(),
    ) -> list[Plan | PlanFailed]:
        return self._planner.plan_many(requests, on, hidden)

    def proposed(self, advice: IndexAdvice) -> list[Candidate]:
        """Return the candidates the proposals are."""
        scripts = [proposal.ddl for proposal in advice.create]
        found = [c for c in self.candidates if any(s.endswith(f" ON {c.table} {body_sql(c)}") for s in scripts)]
        assert len(found) == len(scripts), scripts
        return found


@contextmanager
def twin(snapshot: Snapshot, catalog: Catalog) -> Iterator[tuple[Workload, Planner]]:
    """Yield the workload as read by a fresh twin, and its planner."""
    what_if = WhatIfOptions(mode="twin", touched=relations_touched(snapshot, catalog))
    with open_whatif(snapshot, what_if, None, Silent()) as engine:
        assert engine is not None
        yield read_workload(snapshot, catalog, engine.session, Silent()), engine.planner


def score(snapshot: Snapshot, catalog: Catalog, candidates: Sequence[Candidate]) -> float:
    """Return what the workload costs with these indexes on a fresh twin, relative to none."""
    with twin(snapshot, catalog) as (workload, planner):
        prepared = planner.prepare(candidates)
        requests = [(s, b) for s in workload.statements for b in s.bindings or (Binding(values=(), weight=1.0),)]
        costs = []
        for on in (frozenset[str](), frozenset(one.handle for one in prepared)):
            answers = planner.plan_many(requests, on)
            assert len([a for a in answers if isinstance(a, Plan)]) == len(requests)
            costs.append(sum(a.total_cost for a in answers if isinstance(a, Plan)))
    return costs[1] / costs[0]


def run(dsn: str, budgets: Sequence[int], width: int, seconds: float, show: bool) -> None:
    """Advise at each budget and print a line for it."""
    snapshot = take(dsn)
    catalog = Catalog(snapshot)
    print("budget MB  used MB  indexes  cost %  fresh twin %  seconds  plans  candidates")
    for budget in budgets:
        options = SearchOptions(budget_bytes=budget * 1_000_000, max_width=width, time_limit=seconds)
        with twin(snapshot, catalog) as (workload, planner):
            assert len(workload.statements) == 19, workload.unusable
            recorder = Recorder(planner)
            started = time.perf_counter()
            advice = advise_indexes(snapshot, catalog, workload, recorder, options, Silent())
            taken = time.perf_counter() - started
        used = sum(proposal.size_bytes for proposal in advice.create) / 1e6
        fresh = score(snapshot, catalog, recorder.proposed(advice))
        print(
            f"{budget:9} {used:8.0f} {len(advice.create):8} {100 * advice.cost_after / advice.cost_before:7.2f} "
            f"{100 * fresh:13.2f} {taken:8.1f} {advice.plans_asked:6} {advice.candidates:11}",
            flush=True,
        )
        for proposal in advice.create if show else ():
            print(f"    {proposal.size_bytes / 1e6:6.0f} MB  {proposal.ddl.partition(' ON ')[2]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path, nargs="?", help="folder of tpchgen-cli's .tbl files")
    parser.add_argument("--dsn", help="a database that holds the tables already")
    parser.add_argument("--budgets", default="250,500,1000,2000", help="megabytes, separated by commas")
    parser.add_argument("--width", type=int, default=4, help="columns per key, at most")
    parser.add_argument("--seconds", type=float, default=60, help="time limit of each search")
    parser.add_argument("--show", action="store_true", help="list the proposals")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        dsn = arguments.dsn
        if dsn is None:
            if arguments.data is None:
                parser.error("give the folder of the data, or --dsn")
            binaries = binaries_for(15)
            assert binaries is not None, "PostgreSQL 15 is not installed"
            settings = SERVER_SETTINGS | {"work_mem": "64MB", "max_wal_size": "4GB"}
            dsn = stack.enter_context(start_cluster(binaries, settings)).dsn()
            load(dsn, arguments.data)
        budgets = [int(part) for part in arguments.budgets.split(",")]
        run(dsn, budgets, arguments.width, arguments.seconds, arguments.show)


if __name__ == "__main__":
    main()
