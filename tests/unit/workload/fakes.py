"""A small snapshot and a session that answers without a server."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from advisor.model.activity import Session, StatementCounters, StatementsView
from advisor.model.catalog import Column, Table
from advisor.model.names import RelationName
from advisor.model.server import RoleSetting, Server
from advisor.model.snapshot import Snapshot
from advisor.model.statistics import ColumnStatistics
from advisor.workload.session import ParsedTypes, ParseError

NOW = datetime(2025, 6, 1, tzinfo=UTC)
ORDERS = RelationName("public", "orders")


def server(**changes: Any) -> Server:
    values: dict[str, Any] = {
        "version_num": 150000,
        "version": "15.0",
        "database": "shop",
        "user": "postgres",
        "is_superuser": True,
        "in_recovery": False,
        "started_at": None,
        "collected_at": NOW,
        "encoding": "UTF8",
        "lc_collate": "C",
        "lc_ctype": "C",
    }
    return Server(**(values | changes))


def table(schema: str = "public", name: str = "orders", **changes: Any) -> Table:
    values: dict[str, Any] = {"oid": 1, "kind": "r", "owner": "o", "relpages": 1000, "reltuples": 100000.0}
    return Table(schema=schema, name=name, **(values | changes))


def column(name: str, type_name: str, relation: RelationName = ORDERS, number: int = 1) -> Column:
    own = RelationName("pg_catalog", type_name)
    return Column(
        table=relation,
        attnum=number,
        name=name,
        type=type_name,
        type_name=own,
        base_type=own,
        type_category="X",
        not_null=True,
    )


def statistics(name: str, relation: RelationName = ORDERS, **changes: Any) -> ColumnStatistics:
    values: dict[str, Any] = {
        "relation": relation,
        "column": name,
        "attnum": 1,
        "inherited": False,
        "null_frac": 0.0,
        "avg_width": 8,
        "n_distinct": -1.0,
    }
    return ColumnStatistics(**(values | changes))


def snapshot(**changes: Any) -> Snapshot:
    values: dict[str, Any] = {
        "tool_version": "0",
        "server": server(),
        "settings": (),
        "tables": (table(),),
        "columns": (column("id", "int8"), column("status", "text", number=2), column("created_at", "timestamptz")),
        "statements_view": StatementsView(status="ok"),
    }
    return Snapshot(**(values | changes))


def row(query: str | None, **changes: Any) -> StatementCounters:
    values: dict[str, Any] = {
        "queryid": abs(hash(query)) % 10**9,
        "role": "app",
        "toplevel": True,
        "calls": 10,
        "total_exec_time": 100.0,
        "min_exec_time": 1.0,
        "max_exec_time": 20.0,
        "mean_exec_time": 10.0,
        "stddev_exec_time": 1.0,
        "rows": 10,
        "plans": 0,
        "total_plan_time": 0.0,
        "shared_blks_hit": 100,
        "shared_blks_read": 0,
        "shared_blks_dirtied": 0,
        "shared_blks_written": 0,
    }
    return StatementCounters(query=query, **(values | changes))


def session_row(query: str, **changes: Any) -> Session:
    values: dict[str, Any] = {
        "sampled_at": NOW,
        "pid": 1,
        "leader_pid": None,
        "database": "shop",
        "role": "app",
        "application_name": "app",
        "client_addr": None,
        "backend_type": "client backend",
        "state": "active",
        "wait_event_type": None,
        "wait_event": None,
        "backend_start": NOW,
        "xact_start": NOW,
        "query_start": NOW,
        "state_change": NOW,
        "query_id": None,
        "xmin_age": None,
    }
    return Session(query=query, **(values | changes))


def path_setting(value: str, role: str | None = None, database: str | None = None) -> RoleSetting:
    return RoleSetting(database=database, role=role, name="search_path", value=value)


class FakeSession:
    """Accepts everything; parameters are int8 unless the caller names a type. Answers one plan."""

    major = 15

    def __init__(self, refuse: dict[str, ParseError] | None = None) -> None:
        self.refuse = refuse or {}
        self.explained: list[tuple[str, tuple[str | None, ...]]] = []

    def _refusal(self, text: str) -> ParseError | None:
        return next((error for part, error in self.refuse.items() if part in text), None)

    def parse(self, text: str, types: Sequence[str | None], search_path: Sequence[str]) -> ParsedTypes | ParseError:
        refusal = self._refusal(text)
        if refusal is not None:
            return refusal
        return ParsedTypes(parameter_types=tuple(name or "pg_catalog.int8" for name in types))

    def explain(
        self, text: str, types: Sequence[str], values: Sequence[str | None], search_path: Sequence[str]
    ) -> dict[str, Any] | ParseError:
        self.explained.append((text, tuple(values)))
        return {"Node Type": "Seq Scan", "Relation Name": "orders", "Plan Rows": 10, "Total Cost": 50.0}

    def explain_each(
        self, text: str, types: Sequence[str], values: Sequence[Sequence[str | None]], search_path: tuple[str, ...]
    ) -> list[dict[str, Any] | ParseError]:
        return [self.explain(text, types, one, search_path) for one in values]

    def explain_generic(
        self, text: str, types: Sequence[str], search_path: Sequence[str]
    ) -> dict[str, Any] | ParseError:
        return ParseError(sqlstate="0A000", message="no generic plans here", position=None)
