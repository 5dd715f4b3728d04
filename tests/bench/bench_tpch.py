"""How good the index proposals for TPC-H are under a storage budget, and how long they take: run as a script.

    .venv/bin/python -m pip install tpchgen-cli
    .venv/bin/tpchgen-cli --scale-factor 1 --output-dir DATA
    .venv/bin/python -m tests.bench.bench_tpch DATA [--budgets 250,500,1000,2000] [--width 4] [--dsn DSN] [--execute]
        [--what-if twin|hypopg] [--no-include] [--hypopg-bytes] [--peer PYTHON]

Loads the tables without keys and indexes into a private PostgreSQL 15 (or takes them as they are in the database of
--dsn), advises on fixtures/workloads/tpch.sql and prints for each budget the planner's cost of the workload relative
to no index: as the search has it, as a fresh HypoPG session plans it (another session than any that searched), and
with --execute as the server plans it with the indexes built, and the seconds the workload then takes.

--hypopg-bytes counts sizes as HypoPG estimates them, as the published comparisons do, and leaves out what those do
not try either (partial and expression indexes, other methods than B-tree). --peer runs the Extend algorithm of
`index-eab` (peer_extend.py) by that environment's Python in the same session.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg

from advisor.cluster import start_cluster
from advisor.collect import collect
from advisor.connect import open_connection
from advisor.index_search import SearchOptions, advise_indexes
from advisor.index_search.ddl import body_sql
from advisor.index_search.planner import Candidate, Group, Plan, PlanFailed, Planner, PreparedCandidate
from advisor.model.lookup import Catalog
from advisor.model.report import IndexAdvice
from advisor.model.snapshot import Snapshot
from advisor.model.workload import Binding, Statement, Workload
from advisor.progress import Silent
from advisor.whatif import WhatIfOptions, open_whatif
from advisor.whatif.ddl import candidate_ddl
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


class HypoSized:
    """A planner whose indexes have the sizes HypoPG estimates; of B-trees on plain columns only.

    `seconds`: what asking HypoPG took, which only this comparison needs.
    """

    def __init__(self, planner: Planner, connection: psycopg.Connection[tuple[int]]) -> None:
        self._planner = planner
        self._connection = connection
        self._sizes: dict[Candidate, int] = {}
        self.description = planner.description
        self.ahead = planner.ahead
        self.plan_many = planner.plan_many
        self.plan_groups = planner.plan_groups
        self.seconds = 0.0

    def prepare(self, candidates: Sequence[Candidate]) -> tuple[PreparedCandidate, ...]:
        plain = [c for c in candidates if _is_plain(c)]
        prepared = {one.candidate: one for one in self._planner.prepare(plain)}
        started = time.perf_counter()
        for candidate in plain:
            if candidate not in self._sizes:
                self._sizes[candidate] = hypopg_bytes(self._connection, candidate_ddl(candidate, "x"))
        self.seconds += time.perf_counter() - started
        return tuple(
            replace(prepared[c], size_bytes=self._sizes[c])
            if c in prepared
            else PreparedCandidate(candidate=c, handle="", size_bytes=0, rows=0, error="no plain B-tree")
            for c in candidates
        )


def _is_plain(candidate: Candidate) -> bool:
    plain = candidate.access_method == "btree" and candidate.predicate is None
    return plain and all(column.expression is None for column in candidate.columns)


def hypopg_bytes(connection: psycopg.Connection[tuple[int]], ddl: str) -> int:
    row = connection.execute(
        "select hypopg_relation_size(indexrelid)::int8 from hypopg_create_index(%s)", (ddl,)
    ).fetchone()
    connection.execute("select hypopg_reset()")
    assert row is not None
    return row[0]


@contextmanager
def engine_of(
    dsn: str, snapshot: Snapshot, catalog: Catalog, mode: str, hypopg_sizes: bool
) -> Iterator[tuple[Workload, Planner]]:
    """Yield the workload as a fresh engine reads it, and its planner."""
    with ExitStack() as stack:
        connection = stack.enter_context(open_connection(dsn, statement_timeout=120)) if mode == "hypopg" else None
        what_if = WhatIfOptions(mode=mode, touched=relations_touched(snapshot, catalog))
        engine = stack.enter_context(open_whatif(snapshot, what_if, connection, Silent()))
        assert engine is not None
        workload = read_workload(snapshot, catalog, engine.session, Silent())
        assert len(workload.statements) == 19, workload.unusable
        planner: Planner = engine.planner
        if hypopg_sizes:
            planner = HypoSized(planner, stack.enter_context(psycopg.connect(dsn, autocommit=True)))
        yield workload, planner


def queries() -> list[str]:
    """Return the texts of the workload."""
    text = re.sub(r"--[^\n]*", "", _WORKLOAD.read_text())
    return [query.strip() for query in text.split(";") if query.strip()]


def planned_cost(connection: psycopg.Connection[tuple[str]]) -> float:
    total = 0.0
    for query in queries():
        rows = connection.execute(f"explain (format json) {query}".encode()).fetchone()
        assert rows is not None
        total += rows[0][0]["Plan"]["Total Cost"]
    return total


def hypothetical(dsn: str, statements: Sequence[str]) -> tuple[float, float]:
    """Return the workload's cost relative to none by a fresh HypoPG session, and HypoPG's megabytes of the indexes."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("set jit = off")
        before = planned_cost(connection)
        megabytes = sum(hypopg_bytes(connection, statement) for statement in statements) / 1e6
        for statement in statements:
            connection.execute("select hypopg_create_index(%s)", (statement,))
        return planned_cost(connection) / before, megabytes


@dataclass(frozen=True)
class Executed:
    """What the server says and does with indexes built: cost relative to none, seconds of the workload, megabytes."""

    cost: float
    seconds: float
    megabytes: float


def execute(dsn: str, statements: Sequence[str]) -> Executed:
    """Build the indexes, plan and run the workload (the faster of two runs of each query), and drop the indexes."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        before = planned_cost(connection)
        names = [f"bench_{number}" for number in range(len(statements))]
        try:
            for name, statement in zip(names, statements, strict=True):
                connection.execute(statement.replace("create index x ", f"create index {name} ").encode())
            connection.execute("vacuum analyze")
            row = connection.execute(
                "select coalesce(sum(pg_relation_size(oid)), 0)::int8 from pg_class where relname = any (%s)", (names,)
            ).fetchone()
            assert row is not None
            seconds = 0.0
            for query in queries():
                runs = []
                for _ in range(2):
                    started = time.perf_counter()
                    connection.execute(query.encode()).fetchall()
                    runs.append(time.perf_counter() - started)
                seconds += min(runs)
            return Executed(planned_cost(connection) / before, seconds, row[0] / 1e6)
        finally:
            for name in names:
                connection.execute(f"drop index if exists {name}".encode())


class Recorder:
    """Passes everything on to a planner and remembers the candidates."""

    def __init__(self, planner: Planner) -> None:
        self._planner = planner
        self.description = planner.description
        self.ahead = planner.ahead
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

    def plan_groups(self, groups: Sequence[Group]) -> list[list[Plan | PlanFailed]]:
        return self._planner.plan_groups(groups)

    def proposed(self, advice: IndexAdvice) -> list[Candidate]:
        """Return the candidates the proposals are."""
        scripts = [proposal.ddl for proposal in advice.create]
        found = [c for c in self.candidates if any(s.endswith(f" ON {c.table} {body_sql(c)}") for s in scripts)]
        assert len(found) == len(scripts), scripts
        return found


_HEAD = "who       budget  indexes  MB    HypoPG MB  cost %  HypoPG %  seconds  plans"
_HEAD_EXECUTED = "   built MB  built %  runs s"


def line(
    who: str, budget: int, size: float | None, cost: float | None, seconds: float, plans: int | None, dsn: str,
    statements: Sequence[str], built: bool,
) -> None:  # fmt: skip
    """Print one answer, scored by others than who found it."""
    scored, megabytes = hypothetical(dsn, statements)
    text = (
        f"{who:9} {budget:6} {len(statements):8} {_number(size, 5, 0)} {megabytes:10.0f} {_number(cost, 8, 2)} "
        f"{100 * scored:9.2f} {seconds:8.1f} {_number(plans, 6, 0)}"
    )
    if built:
        executed = execute(dsn, statements)
        text += f" {executed.megabytes:9.0f} {100 * executed.cost:8.2f} {executed.seconds:8.1f}"
    print(text, flush=True)


def _number(value: float | None, width: int, digits: int) -> str:
    return " " * width if value is None else f"{value:{width}.{digits}f}"


def run(dsn: str, arguments: argparse.Namespace) -> None:
    """Advise at each budget and print a line for it."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("create extension if not exists hypopg")
    snapshot = take(dsn)
    catalog = Catalog(snapshot)
    budgets = [int(part) for part in arguments.budgets.split(",")]
    print(_HEAD + (_HEAD_EXECUTED if arguments.execute else ""))
    if arguments.execute:
        line("none", 0, None, None, 0, None, dsn, (), built=True)
    for budget in budgets:
        options = SearchOptions(
            budget_bytes=budget * 1_000_000,
            max_width=arguments.width,
            time_limit=arguments.seconds,
            covering=not arguments.no_include,
        )
        with engine_of(dsn, snapshot, catalog, arguments.what_if, arguments.hypopg_bytes) as (workload, planner):
            recorder = Recorder(planner)
            started = time.perf_counter()
            advice = advise_indexes(snapshot, catalog, workload, recorder, options, Silent())
            taken = time.perf_counter() - started - (planner.seconds if isinstance(planner, HypoSized) else 0.0)
        used = sum(proposal.size_bytes for proposal in advice.create) / 1e6
        statements = [candidate_ddl(candidate, "x") for candidate in recorder.proposed(advice)]
        cost = 100 * advice.cost_after / advice.cost_before
        line(
            arguments.what_if, budget, used, cost, taken, advice.plans_asked, dsn, statements, arguments.execute
        )  # fmt: skip
        for proposal in advice.create if arguments.show else ():
            print(f"    {proposal.size_bytes / 1e6:6.0f} MB  {proposal.ddl.partition(' ON ')[2]}")
    if arguments.peer is not None:
        peer(dsn, arguments.peer, budgets, built=arguments.execute)


def peer(dsn: str, python: str, budgets: Sequence[int], *, built: bool) -> None:
    """Print what the other implementation finds, scored as ours is."""
    known = psycopg.conninfo.conninfo_to_dict(dsn)
    where = [str(known[part]) for part in ("host", "port", "user", "dbname")]
    script = Path(__file__).with_name("peer_extend.py")
    # Its own packages, not ours.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    output = subprocess.run(
        [python, str(script), *where, str(_WORKLOAD), *map(str, budgets)],
        check=True, capture_output=True, text=True, env=environment,
    ).stdout  # fmt: skip
    for answer in map(json.loads, output.splitlines()):
        statements = [f"create index x on {table} ({', '.join(names)})" for table, names in answer["indexes"]]
        line("extend", answer["budget"], None, None, answer["seconds"], None, dsn, statements, built)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path, nargs="?", help="folder of tpchgen-cli's .tbl files")
    parser.add_argument("--dsn", help="a database that holds the tables already")
    parser.add_argument("--budgets", default="250,500,1000,2000", help="megabytes, separated by commas")
    parser.add_argument("--width", type=int, default=4, help="columns per key, at most")
    parser.add_argument("--no-include", action="store_true", help="no covering indexes")
    parser.add_argument("--what-if", choices=("twin", "hypopg"), default="twin")
    parser.add_argument("--hypopg-bytes", action="store_true", help="count sizes as HypoPG estimates them")
    parser.add_argument("--execute", action="store_true", help="build the indexes and run the workload")
    parser.add_argument("--peer", metavar="PYTHON", help="run Extend of index-eab too, with this Python")
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
        run(dsn, arguments)


if __name__ == "__main__":
    main()
