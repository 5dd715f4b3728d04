"""Snapshots of servers as they could be: a version's defaults with some settings changed."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from advisor.model.activity import Session, StatementCounters
from advisor.model.server import ClusterCounters, DatabaseCounters, HostFacts, Server, Setting
from advisor.model.snapshot import Snapshot
from advisor.settings.facts import settings_of
from advisor.settings.values import normalise

GB = 1 << 30
MB = 1 << 20
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CONF = "/etc/postgresql/postgresql.conf"

# The block of the school application's own document.
SCHOOL = """\
max_connections = 200
shared_buffers = 2GB
effective_cache_size = 6GB
work_mem = 64MB
maintenance_work_mem = 512MB
checkpoint_completion_target = 0.9
wal_buffers = 16MB
default_statistics_target = 100
"""
SCHOOL_VALUES = dict(line.split(" = ") for line in SCHOOL.splitlines())


def settings(major: int, changes: Mapping[str, str] | None = None, **more: dict[str, Any]) -> tuple[Setting, ...]:
    """Return pg_settings of `major` with `changes` made in the configuration file; `more` replaces columns."""
    rows = []
    given = dict(changes or {})
    for name, fact in settings_of(major).items():
        changed = name in given
        value = normalise(fact, given[name]) if changed else fact.default
        columns: dict[str, Any] = {
            "name": name,
            "setting": value,
            "unit": fact.unit,
            "category": "",
            "context": fact.context,
            "vartype": fact.vartype,
            "source": "configuration file" if changed else "default",
            "min_val": None if fact.minimum is None else f"{fact.minimum:.17g}",
            "max_val": None if fact.maximum is None else f"{fact.maximum:.17g}",
            "enumvals": fact.enumvals or None,
            "boot_val": fact.default,
            "reset_val": value,
            "sourcefile": CONF if changed else None,
            "sourceline": 10 if changed else None,
        }
        rows.append(Setting(**(columns | more.get(name, {}))))
    return tuple(rows)


def snapshot(
    major: int = 15, changes: Mapping[str, str] | None = None, *, provider: str = "self-hosted", **parts: Any
) -> Snapshot:
    """Return a snapshot with settings only, or with the `parts` given."""
    overrides = parts.pop("overrides", {})
    server = Server(
        version_num=major * 10000 + 4,
        version=f"{major}.4",
        database="shop",
        user="postgres",
        is_superuser=True,
        in_recovery=False,
        started_at=NOW - timedelta(days=30),
        collected_at=parts.pop("at", NOW),
        encoding="UTF8",
        lc_collate="C.UTF-8",
        lc_ctype="C.UTF-8",
        system_identifier="7",
        provider=provider,
    )
    return Snapshot(tool_version="0", server=server, settings=settings(major, changes, **overrides), **parts)


def host(ram: int | None = 8 * GB, cores: float | None = 4, storage: str | None = "ssd") -> HostFacts:
    return HostFacts(
        ram_bytes=ram,
        ram_source="/proc/meminfo" if ram else None,
        cores=cores,
        cores_source="processors" if cores else None,
        storage=storage,
        storage_source="disk" if storage else None,
    )


def zeros(record: type) -> dict[str, Any]:
    """Return 0 for every mandatory number of a record of counters, None for the rest of its mandatory fields."""
    return {
        f.name: 0 if f.type in ("int", "float") else None
        for f in dataclasses.fields(record)
        if f.default is dataclasses.MISSING
    }


def database_counters(days: float = 10, **values: Any) -> DatabaseCounters:
    return DatabaseCounters(**(zeros(DatabaseCounters) | {"stats_reset": NOW - timedelta(days=days)} | values))


def cluster_counters(days: float = 10, **values: Any) -> ClusterCounters:
    since = NOW - timedelta(days=days)
    return ClusterCounters(**({"bgwriter_stats_reset": since, "wal_stats_reset": since} | values))


def statement(query: str = "select 1", **values: Any) -> StatementCounters:
    base: dict[str, Any] = {
        "queryid": hash(query) % 1000,
        "role": "app",
        "toplevel": True,
        "query": query,
        "calls": 1,
        "total_exec_time": 1.0,
        "rows": 1,
        "plans": 0,
        "total_plan_time": 0.0,
    }
    for name in ("min_exec_time", "max_exec_time", "mean_exec_time", "stddev_exec_time"):
        base[name] = 0.0
    for name in ("hit", "read", "dirtied", "written"):
        base[f"shared_blks_{name}"] = 0
    return StatementCounters(**(base | values))


def session(pid: int, state: str = "idle", *, at: datetime = NOW, age: float = 86400, **values: Any) -> Session:
    base: dict[str, Any] = {
        "sampled_at": at,
        "pid": pid,
        "leader_pid": None,
        "database": "shop",
        "role": "app",
        "application_name": "web",
        "client_addr": None,
        "backend_type": "client backend",
        "state": state,
        "wait_event_type": None,
        "wait_event": None,
        "backend_start": at - timedelta(seconds=age),
        "xact_start": None,
        "query_start": None,
        "state_change": None,
        "query_id": None,
        "query": None,
        "xmin_age": None,
    }
    return Session(**(base | values))
