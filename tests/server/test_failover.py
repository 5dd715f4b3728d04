"""A primary fails and a standby takes its place, with real servers: it is said, and nothing is subtracted across it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from advisor.cluster import Cluster
from advisor.history.store import open_history
from tests.server.replication import Replication, replication, start_standby
from tests.server.test_cli import pgadvise

pytestmark = pytest.mark.server

SCHEMA = """
create extension pg_stat_statements;
create table orders (id int primary key, customer int not null, note text);
insert into orders select i, i % 5000, repeat('x', 60) from generate_series(1, 20000) i;
create index orders_customer on orders (customer);
analyze orders
"""
READ = "select note from orders where customer = {}"


@pytest.fixture(scope="module")
def nodes() -> Iterator[Replication]:
    with replication(18) as running:
        running.run(running.primary.dsn(), *[part for part in SCHEMA.split(";\n") if part.strip()])
        running.wait()
        yield running


def work(nodes: Replication, node: Cluster, calls: int) -> None:
    nodes.run(node.dsn(), *[READ.format(number) for number in range(calls)])


def until(nodes: Replication, node: Cluster, question: str) -> None:
    deadline = time.monotonic() + 60
    while not nodes.run(node.dsn(), question)[0][0]:
        assert time.monotonic() < deadline, node.log.read_text()[-2000:]
        time.sleep(0.05)


def report(node: Cluster, *standbys: Cluster, more: tuple[str, ...] = ()) -> Any:
    replicas = [word for standby in standbys for word in ("--replica", f"host={standby.directory} user=postgres")]
    result = pgadvise("report", "--what-if", "none", "--dsn", node.dsn(), *replicas, "--format", "json", *more)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def refusals(document: Any) -> list[str]:
    return [gap["why"] for gap in document["gaps"] if gap["what"].startswith("the standby")]


def test_a_standby_takes_over(nodes: Replication, tmp_path: Path) -> None:
    first, second = nodes.standbys
    place = str(tmp_path / "history.sqlite")
    history = ("--history", place)
    before = tmp_path / "before.json.gz"
    report(nodes.primary, first, second, more=history)
    work(nodes, nodes.primary, 400)
    counted = report(nodes.primary, first, second, more=history)
    assert counted["changes"]["events"] == []
    assert pgadvise("capture", "-o", str(before), "--dsn", nodes.primary.dsn()).returncode == 0

    # The primary is gone. One standby is promoted, the other one follows it.
    nodes.primary.stop()
    nodes.run(first.dsn(), "select pg_promote()")
    nodes.run(
        second.dsn(),
        f"alter system set primary_conninfo = 'host={first.directory} user=postgres'",
        "alter system set primary_slot_name = ''",
        "select pg_reload_conf()",
    )
    until(nodes, first, "select not pg_is_in_recovery()")
    until(nodes, first, "select count(*) = 1 from pg_stat_replication where state = 'streaming'")
    work(nodes, first, 30)

    now = report(first, second, more=history)
    changes = now["changes"]
    assert refusals(now) == [], "the new standby belongs to the new primary"
    assert changes["counts"]["events"] == 1 and len(changes["events"]) == 1
    assert "timeline 1 became 2" in changes["events"][0] and "begin anew" in changes["events"][0]
    assert changes["usual"] is None and changes["peak"] is None
    assert (changes["slower"], changes["faster"], changes["growth"]) == ([], [], [])
    with open_history(place) as kept:
        assert len(kept.targets()) == 1, "it is the same database"
        run = kept.last_run(kept.targets()[0].id)
    assert run is not None
    reads = [row.calls for row in run.snapshot.statements if "where customer" in (row.query or "")]
    assert reads == [30], "the new primary's own calls, nothing subtracted"
    used = {use.index: use.last_used for use in run.index_use}
    assert used["public.orders_customer"] is not None, "what the old primary used is known"

    # The window after it is an ordinary one again.
    work(nodes, first, 50)
    after = report(first, second, more=history)
    assert after["changes"]["events"] == []
    # A snapshot of the old primary is nothing to subtract.
    refused = pgadvise("report", "--what-if", "none", "--dsn", first.dsn(), "--previous", str(before))
    assert refused.returncode == 2 and "timeline 1" in refused.stderr and "failover" in refused.stderr

    # The old primary comes back beside the new one, with a standby of its own: neither belongs to the new one.
    nodes.primary.start()
    with start_standby(nodes.primary) as stray:
        until(nodes, nodes.primary, "select count(*) = 1 from pg_stat_replication where state = 'streaming'")
        both = refusals(report(first, second, stray, nodes.primary))
    assert len(both) == 2
    assert any("it follows timeline 1, and this primary writes timeline 2" in why for why in both)
    assert any("it is no standby: it accepts writes" in why for why in both)
