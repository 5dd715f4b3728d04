"""Small readings of one database for history tests, each a day after the one before."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from advisor.history.model import Run
from advisor.model.activity import StatementCounters, StatementsView
from advisor.model.catalog import Index, IndexColumn, Table
from advisor.model.finding import Confidence, Finding, Severity
from advisor.model.history import SavedFinding
from advisor.model.names import RelationName
from advisor.model.report import IndexAdvice, Report
from advisor.model.server import DatabaseCounters, Server, Setting
from advisor.model.snapshot import Snapshot

START = datetime(2026, 1, 5, 2, tzinfo=UTC)
STARTED = START - timedelta(days=30)
READ = "select * from orders where customer_id = $1"


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def statement(query: str = READ, calls: int = 100, mean: float = 1.0, **more: Any) -> StatementCounters:
    """Counters of one statement; the deviation is a tenth of the mean unless given."""
    values: dict[str, Any] = {
        "queryid": abs(hash(query)) % 10**9, "role": "app", "toplevel": True, "query": query, "calls": calls,
        "total_exec_time": calls * mean, "min_exec_time": 0.0, "max_exec_time": 10 * mean, "mean_exec_time": mean,
        "stddev_exec_time": mean / 10, "rows": calls, "plans": 0, "total_plan_time": 0.0, "shared_blks_hit": 4 * calls,
        "shared_blks_read": 0, "shared_blks_dirtied": 0, "shared_blks_written": 0,
    }  # fmt: skip
    return StatementCounters(**{**values, **more})


def index(name: str = "orders_note", columns: tuple[str, ...] = ("note",), scans: int | None = 0, **more: Any) -> Index:
    table = RelationName("public", "orders")
    return Index(
        oid=1, schema="public", name=name, table=table, access_method="btree",
        definition=f"CREATE INDEX {name} ON public.orders USING btree ({', '.join(columns)})",
        columns=tuple(IndexColumn(column=column, opclass=RelationName("pg_catalog", "int4_ops")) for column in columns),
        size_bytes=1 << 20, idx_scan=scans, **more,
    )  # fmt: skip


def setting(name: str, value: str, **more: Any) -> Setting:
    known: dict[str, Any] = {"unit": None, "category": "", "context": "sighup", "vartype": "string"}
    return Setting(name=name, setting=value, **{**known, "source": "configuration file", **more})


def reading(number: float = 0, **more: Any) -> Snapshot:
    """A snapshot of day `number`; keywords are fields of Server or Snapshot."""
    server: dict[str, Any] = {
        "version_num": 160004, "version": "16.4", "database": "shop", "user": "ann", "is_superuser": True,
        "in_recovery": False, "started_at": STARTED, "collected_at": day(number), "encoding": "UTF8",
        "lc_collate": "C", "lc_ctype": "C", "system_identifier": "7000", "database_size_bytes": 1 << 30,
        "timeline": None, "config_loaded_at": None,
    }  # fmt: skip
    for name in list(more):
        if name in server:
            server[name] = more.pop(name)
    counters = {
        "stats_reset": STARTED, "numbackends": 1, "xact_commit": 1000 + int(number * 1000), "xact_rollback": 0,
        "blks_read": 0, "blks_hit": 0, "tup_returned": 0, "tup_fetched": 0, "tup_inserted": 0, "tup_updated": 0,
        "tup_deleted": 0, "temp_files": 0, "temp_bytes": 0, "deadlocks": 0, "conflicts": 0, "blk_read_time": 0.0,
        "blk_write_time": 0.0,
    }  # fmt: skip
    counters.update(more.pop("counters", {}))
    values: dict[str, Any] = {
        "tool_version": "1", "server": Server(**server), "settings": (setting("work_mem", "4096", unit="kB"),),
        "tables": (Table(oid=1, schema="public", name="orders", kind="r", owner="ann", total_bytes=1 << 20),),
        "indexes": (index(),), "statements": (statement(calls=100 + int(100 * number)),),
        "statements_view": StatementsView(status="ok", stats_reset=STARTED, dealloc=0),
        "database_counters": DatabaseCounters(**counters),
    }  # fmt: skip
    return Snapshot(**{**values, **more})


def finding(rule: str = "tables/x", object: str = "public.orders", severity: str = "high", **more: Any) -> Finding:
    return Finding(
        rule=rule, severity=Severity(severity), confidence=Confidence.HIGH, title=f"{rule} {object}", object=object,
        detail="", **more,
    )  # fmt: skip


def saved(key: str = "tables/x:public.orders", severity: str = "high", since: float = 0, **more: Any) -> SavedFinding:
    rule, _, object = key.partition(":")
    known: dict[str, Any] = {"subject": "health", "confidence": "high", "title": key}
    return SavedFinding(key=key, rule=rule, object=object, severity=severity, since=day(since), **{**known, **more})


def report(snapshot: Snapshot, findings: tuple[Finding, ...] = (), **more: Any) -> Report:
    values: dict[str, Any] = {
        "tool_version": "1", "generated_at": snapshot.server.collected_at, "version_num": snapshot.server.version_num,
        "version": snapshot.server.version, "database": snapshot.server.database, "provider": "self-hosted",
        "since": None, "until": None, "database_size_bytes": None, "findings": findings,
        "indexes": IndexAdvice(planner="twin"), "settings": None, "retention": (), "gaps": (), "skipped": (),
    }  # fmt: skip
    return Report(**{**values, **more})


def run(number: float = 0, **more: Any) -> Run:
    snapshot = more.pop("snapshot", None) or reading(number)
    known: dict[str, Any] = {"findings": (saved(),), "measures": {"table:public.orders": 1e6 + number}}
    return Run(at=snapshot.server.collected_at, tool_version="1", snapshot=snapshot, **{**known, **more})


def later(snapshot: Snapshot, **more: Any) -> Snapshot:
    return replace(snapshot, **more)
