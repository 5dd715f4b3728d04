"""A primary and two standbys that really stream: what only a standby knows is in the report."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from advisor.cluster import Cluster
from advisor.index_search import advise_drops
from advisor.model.lookup import Catalog
from advisor.model.snapshot import Snapshot, read_snapshot
from advisor.workload.replicas import with_standbys
from tests.server.replication import Replication, replication
from tests.server.test_cli import pgadvise

pytestmark = pytest.mark.server

SCHEMA = """
create extension pg_stat_statements;
create table orders (id int primary key, customer int not null, state text not null, note text);
insert into orders select i, i % 5000, case when i % 500 = 0 then 'open' else 'done' end, repeat('x', 60)
from generate_series(1, 60000) i;
create index orders_customer on orders (customer);
create index orders_note on orders (note, id);
create table visits (id int primary key, page int not null, seen timestamptz not null);
insert into visits select i, i % 3000, timestamptz '2026-01-01' + i * interval '1 minute'
from generate_series(1, 60000) i;
analyze orders, visits;
"""


@pytest.fixture(scope="module", params=[14, 18])
def nodes(request: pytest.FixtureRequest) -> Iterator[Replication]:
    cancelled_at_once = {"max_standby_streaming_delay": "0", "hot_standby_feedback": "off"}
    with replication(request.param, (cancelled_at_once, {"hot_standby_feedback": "off"})) as running:
        running.run(running.primary.dsn(), *[part for part in SCHEMA.split(";\n") if part.strip()])
        running.wait()
        first, second = running.standbys
        with psycopg.connect(first.dsn(), autocommit=True) as session:
            for number in range(30):
                session.execute(f"select note from orders where customer = {number} limit 5".encode())
        with psycopg.connect(second.dsn(), autocommit=True) as session:
            for number in range(40):
                session.execute(f"select seen from visits where page = {number * 7}".encode())
        _conflicts(running, first)
        time.sleep(1.2)  # up to 14 the statistics collector writes its file every half second
        yield running


def _conflicts(running: Replication, standby: Cluster) -> None:
    for number in range(6):
        with psycopg.connect(standby.dsn(), autocommit=True) as session:
            session.execute("begin isolation level repeatable read")
            session.execute("select count(*) from orders")
            change = f"update orders set note = 'y{number}' where id <= 300"
            running.run(running.primary.dsn(), change, "vacuum orders")
            running.wait()
            with pytest.raises(psycopg.Error, match=r"conflict with recovery|closed"):
                session.execute("select count(*) from orders")


def _report(*arguments: str) -> Any:
    result = pgadvise(*arguments, "--format", "json")
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def _flags(running: Replication) -> list[str]:
    flags = ["--dsn", running.primary.dsn()]
    for standby in running.standbys:
        flags += ["--replica", f"host={standby.directory} user=postgres"]
    return flags


@pytest.fixture(scope="module")
def captured(nodes: Replication, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("replicas") / "shop.json.gz"
    result = pgadvise("capture", "-o", str(path), *_flags(nodes))
    assert result.returncode == 0, result.stderr
    return path


def _aged(snapshot: Snapshot) -> Snapshot:
    """Return the snapshot as if everything in it had counted for forty days."""
    later = timedelta(days=40)
    return replace(
        snapshot,
        server=replace(snapshot.server, collected_at=snapshot.server.collected_at + later),
        replicas=tuple(
            replace(r, server=replace(r.server, collected_at=r.server.collected_at + later)) if r.server else r
            for r in snapshot.replicas
        ),
    )


def _unused(snapshot: Snapshot) -> dict[str, str]:
    drops = advise_drops(snapshot, Catalog(snapshot), None, None)
    return {str(drop.index): drop.reason for drop in drops if drop.kind == "unused"}


def test_an_index_used_on_a_standby_only_is_not_unused(captured: Path) -> None:
    snapshot = _aged(read_snapshot(captured))
    alone = _unused(replace(snapshot, replicas=(), standbys=()))
    assert set(alone) == {"public.orders_customer", "public.orders_note"}
    merged = _unused(with_standbys(snapshot))
    assert set(merged) == {"public.orders_note"}
    assert "primary and 2 standbys" in merged["public.orders_note"]
    # Standbys that are connected and were not asked for are said to be missing.
    assert "counted on the primary only" in _unused(replace(snapshot, replicas=()))["public.orders_customer"]
    blind = replace(snapshot, replicas=(snapshot.replicas[0], replace(snapshot.replicas[1], status="unreachable")))
    assert _unused(with_standbys(blind)) == {}


def test_a_statement_of_a_standby_gets_its_index(captured: Path) -> None:
    report = _report("report", "--snapshot", str(captured))
    assert any("visits" in p["table"] and "(page" in p["ddl"] for p in report["indexes"]["create"])
    snapshot = read_snapshot(captured)
    second = snapshot.replicas[1].name
    visits = next(row for row in report["workload"] if "from visits" in row["query"])
    assert visits["calls"] == 40
    assert f"of its calls, standbys ran 100% on {second}" in visits["notes"]
    nodes = {node["name"]: node for node in report["nodes"]}
    assert list(nodes) == [replica.name for replica in snapshot.replicas]
    assert all(node["status"] == "read" and node["since"] and node["calls"] >= 30 for node in nodes.values())
    assert all(node["why"] is None and node["behind_bytes"] is not None for node in nodes.values())
    assert not any("from visits" in (row.query or "") for row in snapshot.statements), "raw counters stay apart"


def test_conflicts_are_found(captured: Path) -> None:
    report = _report("health", "--snapshot", str(captured))
    found = next(f for f in report["findings"] if f["rule"] == "replication/standby_conflicts")
    assert found["evidence"]["snapshot"] >= 6
    assert "hot_standby_feedback" in found["remedy"]["note"]
    rules = {f["rule"] for f in report["findings"]}
    assert not rules & {"replication/replica_lag", "replication/standby_not_streaming", "replication/standby_lag"}


def test_redaction_reaches_the_standbys(nodes: Replication, tmp_path: Path) -> None:
    path = tmp_path / "redacted.json"
    assert pgadvise("capture", "--redact", "-o", str(path), *_flags(nodes)).returncode == 0
    snapshot = read_snapshot(path)
    assert len(snapshot.replicas) == 2
    for replica in snapshot.replicas:
        assert all(session.query is None and session.client_addr is None for session in replica.sessions)


def test_strangers_and_the_dead_are_gaps(nodes: Replication, clusters: Callable[[int], Cluster]) -> None:
    stranger = clusters(18)
    first = nodes.standbys[0]
    result = pgadvise(
        "health", "--format", "json", *_flags(nodes)[:4],
        "--replica", nodes.primary.dsn(),
        "--replica", stranger.dsn(),
        "--replica", f"host={first.directory} user=postgres dbname=template1",
        "--replica", f"host={first.directory} user=postgres",
        "--replica", "postgresql://ann:s3cret@127.0.0.1:1/shop",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "s3cret" not in result.stdout + result.stderr
    gaps = [gap["why"] for gap in json.loads(result.stdout)["gaps"] if gap["what"].startswith("the standby")]
    assert sum("it is no standby" in why for why in gaps) == 2
    assert sum("same server" in why for why in gaps) == 2
    assert sum("port 1" in why for why in gaps) == 1
    status = [node["status"] for node in json.loads(result.stdout)["nodes"]]
    assert (status.count("refused"), status.count("unreachable")) == (2, 1)


def test_replay_that_is_paused_and_a_standby_cut_off(nodes: Replication, tmp_path: Path) -> None:
    config = tmp_path / "pgadvise.toml"
    config.write_text('[rules."replication/slot_retaining_wal"]\nmin_retained = "1MB"\n')
    first, second = nodes.standbys
    nodes.run(first.dsn(), "select pg_wal_replay_pause()")
    nodes.run(second.dsn(), "alter system set primary_conninfo = 'host=/nonexistent'", "select pg_reload_conf()")
    try:
        nodes.run(nodes.primary.dsn(), "update visits set page = page + 1 where id <= 20000")
        report = _report("health", "--config", str(config), *_flags(nodes))
        (slot,) = (f for f in report["findings"] if f["rule"] == "replication/slot_retaining_wal")
        assert slot["object"] == "slot standby2" and "inactive" in slot["title"], (
            "the one that is paused still receives"
        )
        assert "pg_drop_replication_slot('standby2')" in slot["remedy"]["sql"][0]
        found = {(f["rule"], f["object"].rpartition("-")[2]): f for f in report["findings"]}
        paused = found["replication/replica_lag", first.directory.name.rpartition("-")[2]]
        assert "paused" in paused["title"]
        assert paused["evidence"]["behind_bytes"] > 1_000_000
        assert ("replication/standby_not_streaming", second.directory.name.rpartition("-")[2]) in found
    finally:
        nodes.run(first.dsn(), "select pg_wal_replay_resume()")
        nodes.run(second.dsn(), "alter system reset primary_conninfo", "select pg_reload_conf()")
    nodes.wait()
    calm = _report("health", *_flags(nodes))
    assert not [f for f in calm["findings"] if f["rule"] in ("replication/replica_lag", "replication/standby_lag")]


def test_a_snapshot_and_standbys_exclude_each_other(captured: Path) -> None:
    result = pgadvise("report", "--snapshot", str(captured), "--replica", "host=x")
    assert result.returncode == 2
    assert "--replica" in result.stderr
