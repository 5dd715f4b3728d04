"""facts.json is what live servers of each major say of their settings."""

from __future__ import annotations

import json

import psycopg
import pytest
from psycopg.rows import class_row

from advisor.model.server import Setting
from advisor.resources import sql_text
from advisor.settings.facts import Fact, canonical_name, fact_from_server, settings_of

pytestmark = pytest.mark.server

# Ranges that depend on the platform or the build, not on the version.
PLATFORM = {"max_stack_depth", "effective_io_concurrency", "maintenance_io_concurrency", "backend_flush_after"}


def comparable(fact: Fact) -> dict[str, object]:
    minimum, maximum = fact.minimum, fact.maximum
    return {"unit": fact.unit, "context": fact.context, "vartype": fact.vartype, "range": (minimum, maximum)}


def test_facts_are_the_servers(database: str, major: int) -> None:
    with psycopg.connect(database) as connection, connection.cursor(row_factory=class_row(Setting)) as cursor:
        rows = cursor.execute(sql_text("settings", major).encode()).fetchall()
    live = {r.name: r for r in rows if "." not in r.name and r.context != "internal"}
    known = settings_of(major)
    missing = live.keys() - known.keys()
    # A build with other options (assertions, SSL, systemd …) has a few more or less.
    assert len(missing) <= 2, missing
    differing = {
        name: (comparable(known[name]), comparable(fact_from_server(row)))
        for name, row in live.items()
        if name in known and name not in PLATFORM and comparable(known[name]) != comparable(fact_from_server(row))
    }
    assert not differing, json.dumps(differing, default=str, indent=1)
    advised = ("work_mem", "max_wal_size", "checkpoint_timeout", "random_page_cost", "jit", "hash_mem_multiplier")
    for name in advised:
        assert known[name].default == live[name].boot_val, name
    assert all(canonical_name(name.upper()) == name for name in live.keys() & known.keys())


def test_a_fresh_clusters_shared_buffers_are_initdbs(major: int) -> None:
    assert settings_of(major)["shared_buffers"].default == "16384"
