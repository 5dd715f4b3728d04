"""A planner with a prepared cost table, and small snapshots: the search without any server."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pglast

from advisor.index_search.ddl import body_sql
from advisor.index_search.planner import Candidate, Group, Plan, PlanFailed, PreparedCandidate
from advisor.model.catalog import Column, Constraint, Index, IndexColumn, Table, TableCounters
from advisor.model.lookup import Catalog
from advisor.model.names import RelationName
from advisor.model.server import DatabaseCounters, Server
from advisor.model.snapshot import Snapshot
from advisor.model.statistics import ColumnStatistics
from advisor.model.workload import Binding, Statement, Workload
from advisor.workload.resolve import resolve_uses

NOW = datetime(2026, 1, 31, tzinfo=UTC)
Costs = Callable[[str, frozenset[str]], tuple[float, set[str]]]


class FakePlanner:
    """`costs(statement key, bodies of the indexes switched on)` gives (cost, bodies used)."""

    description = "cost table"

    def __init__(self, costs: Costs, size: int = 1 << 20, ahead: int = 8) -> None:
        self.ahead = ahead
        self._costs = costs
        self._size = size
        self._bodies: dict[str, str] = {}
        self.asked = 0

    def prepare(self, candidates: Sequence[Candidate]) -> tuple[PreparedCandidate, ...]:
        prepared = []
        for candidate in candidates:
            handle = f"{candidate.table.name} {body_sql(candidate)}"
            self._bodies[handle] = body_sql(candidate)
            prepared.append(
                PreparedCandidate(candidate=candidate, handle=handle, size_bytes=self._size, rows=1000.0, error=None)
            )
        return tuple(prepared)

    def plan_many(
        self,
        requests: Sequence[tuple[Statement, Binding]],
        on: frozenset[str] = frozenset(),
        hidden: frozenset[str] = frozenset(),
    ) -> list[Plan | PlanFailed]:
        answers: list[Plan | PlanFailed] = []
        for statement, _ in requests:
            self.asked += 1
            if statement.key == "broken":
                answers.append(PlanFailed("relation vanished", "42P01"))
                continue
            cost, used = self._costs(statement.key, on | {f"-{name}" for name in hidden})
            answers.append(
                Plan(total_cost=cost, startup_cost=0, rows=1, used=frozenset(used), tree={"Node Type": "Seq Scan"})
            )
        return answers

    def plan_groups(self, groups: Sequence[Group]) -> list[list[Plan | PlanFailed]]:
        return [self.plan_many(group.requests, group.on, group.hidden) for group in groups]


def table(name: str, rows: float = 100_000, pages: int = 1000, **options: object) -> Table:
    return Table(
        oid=abs(hash(name)) % 10**6, schema="public", name=name, kind=str(options.pop("kind", "r")), owner="o",
        relpages=int(str(options.pop("relpages", pages))), reltuples=rows, size_bytes=pages * 8192, **options,
    )  # fmt: skip


def columns(relation: str, **types: str) -> list[Column]:
    found = []
    for number, (name, kind) in enumerate(types.items(), start=1):
        type_name = RelationName("pg_catalog", kind)
        category = {"bool": "B", "text": "S", "timestamptz": "D", "_text": "A"}.get(kind, "N")
        found.append(
            Column(
                table=RelationName("public", relation), attnum=number, name=name, type=kind, type_name=type_name,
                base_type=type_name, type_category=category, not_null=False,
                typlen={"int4": 4, "int8": 8, "bool": 1, "timestamptz": 8}.get(kind, -1),
                collation=RelationName("pg_catalog", "default") if kind == "text" else None,
            )
        )  # fmt: skip
    return found


def statistics(relation: str, column: str, n_distinct: float, **options: object) -> ColumnStatistics:
    return ColumnStatistics(
        relation=RelationName("public", relation), column=column, attnum=1, inherited=False,
        null_frac=float(options.pop("null_frac", 0.0)), avg_width=8, n_distinct=n_distinct, **options,
    )  # fmt: skip


def counters(updates: int = 0, hot: int = 0, deletes: int = 0) -> TableCounters:
    return TableCounters(
        seq_scan=0, seq_tup_read=0, idx_scan=0, idx_tup_fetch=0, n_tup_ins=0, n_tup_upd=updates, n_tup_del=deletes,
        n_tup_hot_upd=hot, n_live_tup=0, n_dead_tup=0, n_mod_since_analyze=0, n_ins_since_vacuum=0, last_vacuum=None,
        last_autovacuum=None, last_analyze=None, last_autoanalyze=None, vacuum_count=0, autovacuum_count=0,
        analyze_count=0, autoanalyze_count=0, heap_blks_read=0, heap_blks_hit=0,
    )  # fmt: skip


def index(name: str, relation: str, *keys: str, **options: object) -> Index:
    body = ", ".join(keys)
    unique = "UNIQUE " if options.get("is_unique") else ""
    where = f" WHERE {options['predicate']}" if options.get("predicate") else ""
    defaults: dict[str, object] = {"oid": len(name), "access_method": "btree", "size_bytes": 1 << 20, "idx_scan": 5}
    return Index(
        schema="public", name=name, table=RelationName("public", relation),
        definition=f"CREATE {unique}INDEX {name} ON public.{relation} USING btree ({body}){where}",
        columns=tuple(IndexColumn(column=key) for key in keys), **(defaults | options),
    )  # fmt: skip


def snapshot(
    tables: Sequence[Table],
    columns: Sequence[Column] = (),
    indexes: Sequence[Index] = (),
    statistics: Sequence[ColumnStatistics] = (),
    constraints: Sequence[Constraint] = (),
    days: float = 40,
    major: int = 15,
) -> Snapshot:
    server = Server(
        version_num=major * 10000, version=str(major), database="d", user="u", is_superuser=True, in_recovery=False,
        started_at=NOW - timedelta(days=days), collected_at=NOW, encoding="UTF8", lc_collate="en_US.UTF-8",
        lc_ctype="en_US.UTF-8",
    )  # fmt: skip
    totals = DatabaseCounters(
        stats_reset=NOW - timedelta(days=days), numbackends=1, xact_commit=1, xact_rollback=0, blks_read=0, blks_hit=0,
        tup_returned=0, tup_fetched=0, tup_inserted=0, tup_updated=0, tup_deleted=0, temp_files=0, temp_bytes=0,
        deadlocks=0, conflicts=0, blk_read_time=0, blk_write_time=0,
    )  # fmt: skip
    return Snapshot(
        tool_version="0", server=server, settings=(), tables=tuple(tables), columns=tuple(columns),
        indexes=tuple(indexes), statistics=tuple(statistics), constraints=tuple(constraints), database_counters=totals,
    )  # fmt: skip


def statement(
    catalog: Catalog,
    key: str,
    sql: str,
    calls: float = 100,
    bindings: tuple[Binding, ...] = (),
    rows: float | None = None,
) -> Statement:
    tree = pglast.parse_sql(sql)
    uses, relations = resolve_uses(tree, catalog, ("public",))
    kind = type(tree[0].stmt).__name__.removesuffix("Stmt").lower()
    return Statement(
        key=key, fingerprint=key, original=sql, text=sql, kind=kind, parameter_types=(),
        bindings=bindings or (Binding(values=(), weight=1.0),), relations=relations, uses=uses, calls=calls,
        total_exec_time=calls, mean_exec_time=1.0, rows=rows, shared_blks=None, has_limit="limit" in sql,
    )  # fmt: skip


def workload(*statements: Statement) -> Workload:
    return Workload(
        statements=statements, unusable=(), since=None, until=None, total_exec_time=sum(s.calls for s in statements)
    )
