"""Rules about what happens at the moment, on servers where it does: sessions, locks, slots, counters."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from advisor.analyse import judge
from advisor.collect import collect
from advisor.connect import open_connection
from advisor.model.finding import Finding
from advisor.model.lookup import Catalog
from advisor.rulebook import find_rule, load_rules

pytestmark = [pytest.mark.server, pytest.mark.parametrize("major", [13, 15, 18])]
RULES = load_rules()


def find(dsn: str, rule_id: str, **params: Any) -> list[Finding]:
    rule = find_rule(RULES, rule_id)
    with open_connection(dsn) as connection:
        snapshot = collect(connection, rules=[rule])
    judgement = judge(snapshot, Catalog(snapshot), [rule], {rule_id: params})
    assert judgement.skipped == ()
    return list(judgement.findings)


@contextlib.contextmanager
def session(dsn: str, name: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(dsn, application_name=name, autocommit=True) as connection:
        yield connection


def run(dsn: str, *statements: str) -> None:
    with session(dsn, "setup") as connection:
        for statement in statements:
            connection.execute(statement.encode())


def test_a_session_idle_in_a_transaction_is_found_and_ended(database: str) -> None:
    with psycopg.connect(database, application_name="lazy app") as lazy:
        lazy.execute("select 1")
        (finding,) = find(database, "connections/idle_in_transaction", min_age="0s")
        assert finding.object == "postgres (lazy app)"
        assert f"pg_terminate_backend({lazy.info.backend_pid})" in finding.remedy.sql[1]
        run(database, finding.remedy.sql[1])
        assert find(database, "connections/idle_in_transaction", min_age="0s") == []
        with pytest.raises(psycopg.OperationalError):
            lazy.execute("select 1")


def test_the_head_of_a_queue_for_a_lock_is_named(database: str) -> None:
    run(database, "create table orders (id int)")

    def wait(name: str, statement: str) -> None:
        with session(database, name) as waiter, contextlib.suppress(psycopg.Error):
            waiter.execute(statement.encode())

    with psycopg.connect(database, application_name="migration") as holder:
        holder.execute("lock table orders in access exclusive mode")
        waiters = [
            threading.Thread(target=wait, args=("web", "select count(*) from orders")),
            threading.Thread(target=wait, args=("job", "alter table orders add b int")),
        ]
        for thread in waiters:
            thread.start()
        with session(database, "watcher") as watcher:
            waiting = (
                "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
            )
            while watcher.execute(waiting.encode()).fetchone() != (2,):
                time.sleep(0.01)
        findings = find(database, "connections/blocked_sessions", min_wait="0s")
        holder.rollback()
    for thread in waiters:
        thread.join()
    assert [finding.object for finding in findings] == ["postgres (migration)"]
    assert findings[0].evidence["blocked"] == 2
    assert findings[0].evidence["waiting"] == ["postgres (job)", "postgres (web)"]


def test_a_long_transaction_at_work_is_named_with_its_statement(database: str) -> None:
    def work(connection: psycopg.Connection[Any]) -> None:
        with contextlib.suppress(psycopg.errors.QueryCanceled):
            connection.execute("select pg_sleep(60) /* secret */")

    with session(database, "report") as busy:
        thread = threading.Thread(target=work, args=(busy,))
        thread.start()
        try:
            with session(database, "watcher") as watcher:
                active = "select state from pg_stat_activity where application_name = 'report'"
                while watcher.execute(active.encode()).fetchone() != ("active",):
                    time.sleep(0.01)
            findings = find(database, "connections/long_transaction", min_age="0s")
        finally:
            busy.cancel_safe()
            thread.join()
    (finding,) = [finding for finding in findings if finding.object == "postgres (report)"]
    assert finding.evidence["query"] == "select pg_sleep(60)"


def test_what_holds_vacuum_back_is_named(database: str) -> None:
    run(database, "create table t (a int)")
    with psycopg.connect(database, application_name="old reader") as reader:
        reader.execute("set transaction isolation level repeatable read")
        reader.execute("select 1")
        with session(database, "writer") as writer:
            for _ in range(3):
                writer.execute("insert into t values (1)")
        findings = find(database, "vacuum/xmin_horizon_held", min_age=1)
        assert [finding.object for finding in findings] == ["session postgres old reader"]
        assert findings[0].evidence["age"] >= 3
        reader.rollback()
    assert find(database, "vacuum/xmin_horizon_held", min_age=1) == []


def test_an_inactive_slot_that_keeps_wal_is_found_and_dropped(database: str) -> None:
    run(database, "select pg_create_physical_replication_slot('gone', true)")
    run(database, "create table t as select generate_series(1, 20000) as a")
    try:
        findings = find(database, "replication/slot_retaining_wal", min_retained="100kB")
        assert [finding.object for finding in findings] == ["slot gone"]
        run(database, *findings[0].remedy.sql)
        assert find(database, "replication/slot_retaining_wal", min_retained="100kB") == []
    finally:
        run(database, "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = 'gone'")


def test_a_sort_on_disk_is_found_in_pg_stat_statements(database: str) -> None:
    run(
        database,
        "create extension pg_stat_statements",
        "create table t as select md5(n::text) as a from generate_series(1, 30000) n",
    )
    with session(database, "app") as app:
        app.execute("set work_mem = '64kB'")
        app.execute("select * from t order by a")
    findings = find(database, "statements/temp_spill", min_written="100kB", min_share=0)
    assert any("order by a" in finding.title for finding in findings)


def test_dead_rows_of_a_real_table(database: str, major: int) -> None:
    run(
        database,
        "create table jobs (id int primary key)",
        "insert into jobs select generate_series(1, 30000)",
        "analyze jobs",
        "delete from jobs where id <= 20000",
    )
    _wait_for_counters(database, "n_dead_tup >= 20000")
    (finding,) = find(database, "tables/dead_rows")
    assert finding.object == "public.jobs"
    run(database, *finding.remedy.sql)
    _wait_for_counters(database, "n_dead_tup < 20000")
    assert find(database, "tables/dead_rows") == []


def _wait_for_counters(dsn: str, condition: str) -> None:
    """Wait until the statistics have seen it; up to 14 a separate process gathers them."""
    for _ in range(400):
        with session(dsn, "watcher") as watcher:
            if watcher.execute(f"select from pg_stat_user_tables where {condition}".encode()).fetchone() is not None:
                return
        time.sleep(0.05)
    raise AssertionError(f"the statistics never came to {condition}")


def test_connections_near_the_limit(database: str, make_database: Callable[..., str]) -> None:
    assert find(database, "connections/near_limit", warn=0.9) == []
    (finding,) = find(database, "connections/near_limit", warn=0)
    assert finding.evidence["used"] >= 1
    assert finding.evidence["max_connections"] == 40
