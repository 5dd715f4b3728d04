"""Small snapshots for retention tests: tables written as "column type [not null] [default …]" lines."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from advisor.model.activity import StatementCounters, StatementsView
from advisor.model.catalog import Column, Constraint, Index, IndexColumn, Table, TableCounters
from advisor.model.names import RelationName
from advisor.model.server import Extension, Server
from advisor.model.snapshot import Snapshot
from advisor.model.statistics import ColumnStatistics

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)

_TYPES = {
    "bigint": "int8", "integer": "int4", "int": "int4", "text": "text", "varchar": "varchar", "boolean": "bool",
    "timestamptz": "timestamptz", "timestamp": "timestamp", "date": "date", "uuid": "uuid", "jsonb": "jsonb",
    "double": "float8", "real": "float4", "numeric": "numeric", "inet": "inet", "point": "point", "bytea": "bytea",
    "geography": "geography", "geometry": "geometry", "interval": "interval", "smallint": "int2", "json": "json",
}  # fmt: skip


def relation(name: str) -> RelationName:
    schema, _, short = name.rpartition(".")
    return RelationName(schema or "public", short)


def columns_of(name: str, lines: str) -> tuple[Column, ...]:
    found = []
    for number, line in enumerate((part.strip() for part in lines.split(",") if part.strip()), start=1):
        word, kind, *rest = line.split()
        text = " ".join(rest)
        default = text.partition("default ")[2] or None
        type_name = RelationName("pg_catalog", _TYPES[kind])
        found.append(
            Column(
                table=relation(name), attnum=number, name=word.strip('"'), type=kind, type_name=type_name,
                base_type=type_name, type_category="D", not_null="not null" in text, default=default,
            )
        )  # fmt: skip
    return tuple(found)


def counters(**values: Any) -> TableCounters:
    base: dict[str, Any] = dict.fromkeys(
        (
            "seq_scan", "seq_tup_read", "idx_scan", "idx_tup_fetch", "n_tup_ins", "n_tup_upd", "n_tup_del",
            "n_tup_hot_upd", "n_live_tup", "n_dead_tup", "n_mod_since_analyze", "n_ins_since_vacuum", "vacuum_count",
            "autovacuum_count", "analyze_count", "autoanalyze_count", "heap_blks_read", "heap_blks_hit",
        ),
        0,
    )  # fmt: skip
    base |= dict.fromkeys(("last_vacuum", "last_autovacuum", "last_analyze", "last_autoanalyze"))
    return TableCounters(**(base | values))


def table(name: str, *, rows: float = 100_000, size: int = 50 << 20, **more: Any) -> Table:
    own = relation(name)
    base: dict[str, Any] = {
        "oid": abs(hash(own)) % 10**8, "schema": own.schema, "name": own.name, "kind": "r", "owner": "app",
        "reltuples": rows, "relpages": size // 8192, "size_bytes": size, "total_bytes": size, "counters": counters(),
    }  # fmt: skip
    return Table(**(base | more))


def btree(name: str, on: str, *keys: str, **more: Any) -> Index:
    own = relation(on)
    return Index(
        oid=abs(hash((on, name))) % 10**8, schema=own.schema, name=name, table=own, access_method="btree",
        definition="", columns=tuple(IndexColumn(column=k) for k in keys), **more,
    )  # fmt: skip


def statistics(on: str, column: str, bounds: list[str], **more: Any) -> ColumnStatistics:
    base: dict[str, Any] = {
        "relation": relation(on), "column": column, "attnum": 1, "inherited": False, "null_frac": 0.0, "avg_width": 8,
        "n_distinct": -1.0, "histogram_bounds": "{" + ",".join(f'"{b}"' for b in bounds) + "}", "correlation": 0.99,
    }  # fmt: skip
    return ColumnStatistics(**(base | more))


def statement(query: str, calls: int = 10) -> StatementCounters:
    return StatementCounters(
        queryid=1, role="app", toplevel=True, query=query, calls=calls, total_exec_time=1, min_exec_time=1,
        max_exec_time=1, mean_exec_time=1, stddev_exec_time=0, rows=1, plans=0, total_plan_time=0,
        shared_blks_hit=1, shared_blks_read=0, shared_blks_dirtied=0, shared_blks_written=0,
    )  # fmt: skip


def snapshot(
    tables: dict[str, str] | None = None,
    *,
    more_tables: tuple[Table, ...] = (),
    indexes: tuple[Index, ...] = (),
    constraints: tuple[Constraint, ...] = (),
    stats: tuple[ColumnStatistics, ...] = (),
    statements: tuple[StatementCounters, ...] = (),
    facts: dict[str, tuple[dict[str, Any], ...]] | None = None,
    extensions: tuple[Extension, ...] = (),
    view: StatementsView | None = None,
    settings: tuple[Any, ...] = (),
    user: str = "advisor",
) -> Snapshot:
    """Return a snapshot with the tables written as {name: columns}; probes looked at everything and found nothing."""
    tables = tables or {}
    given = {t.relation for t in more_tables}
    return Snapshot(
        tool_version="test",
        server=Server(
            version_num=150004, version="15.4", database="app", user=user, is_superuser=False, in_recovery=False,
            started_at=None, collected_at=NOW, encoding="UTF8", lc_collate="C", lc_ctype="C",
        ),
        settings=settings,
        extensions=extensions,
        tables=tuple(table(n) for n in tables if relation(n) not in given) + more_tables,
        columns=tuple(c for n, lines in tables.items() for c in columns_of(n, lines)),
        indexes=indexes,
        constraints=constraints,
        statistics=stats,
        statements=statements,
        statements_view=view or StatementsView(status="ok", stats_reset=datetime(2026, 1, 1, tzinfo=UTC)),
        facts={"retention/functions": ({"subject": "functions", "status": "ok", "empty": True},)} | (facts or {}),
    )  # fmt: skip
