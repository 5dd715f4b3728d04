"""Collection when the world does not hold still: standbys, poolers, servers that die, people who press Ctrl-C."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from advisor.cluster import Cluster, start_cluster
from advisor.collect import collect
from advisor.collect.doctor import examine
from advisor.connect import open_connection
from advisor.errors import ServerLost
from advisor.model.snapshot import Gap
from advisor.progress import Silent
from tests.conftest import SERVER_SETTINGS, binaries_for, missing

pytestmark = pytest.mark.server
RICH = (Path(__file__).parent / "rich.sql").read_text()


@contextmanager
def cluster_of(major: int) -> Iterator[Cluster]:
    binaries = binaries_for(major)
    if binaries is None:
        missing(f"PostgreSQL {major}")
        raise AssertionError("not reached")
    with start_cluster(binaries, SERVER_SETTINGS) as cluster:
        yield cluster


class Interrupting(Silent):
    """Progress that does something when a step begins."""

    def __init__(self, title: str, action: Callable[[], None]) -> None:
        self.title = title
        self.action = action

    @contextmanager
    def step(self, title: str, total: float | None = None) -> Iterator[Any]:
        if title == self.title:
            self.action()
        with super().step(title, total) as step:
            yield step


@pytest.mark.parametrize("major", [13, 15, 18])
def test_standby(major: int) -> None:
    with cluster_of(major) as cluster:
        with psycopg.connect(cluster.dsn(), autocommit=True) as admin:
            admin.execute(RICH)
            if major >= 15:
                admin.execute("create unlogged sequence never_there")
        cluster.stop()
        mark = cluster.data_directory / "standby.signal"
        mark.touch()
        cluster.start(SERVER_SETTINGS)
        with open_connection(cluster.dsn()) as connection:
            snapshot = collect(connection)
            doctor = examine(connection)
        assert snapshot.server.in_recovery
        assert snapshot.gaps == ()
        assert snapshot.cluster_counters is not None and snapshot.cluster_counters.current_wal_lsn
        assert len(snapshot.indexes) > 20 and snapshot.statistics
        (check,) = [check for check in doctor.checks if check.name == "primary or standby"]
        assert check.status == "note" and "its own" in check.why


@pytest.mark.parametrize("step", ["reading the catalog", "reading statements", "sampling sessions"])
def test_server_killed_in_the_middle(step: str) -> None:
    with cluster_of(15) as cluster:
        pid = int((cluster.data_directory / "postmaster.pid").read_text().split()[0])
        progress = Interrupting(step, lambda: os.kill(pid, signal.SIGQUIT))
        with pytest.raises(ServerLost) as caught, open_connection(cluster.dsn()) as connection:
            collect(connection, progress=progress, sample_seconds=1)
        assert caught.value.exit_code == 3
        assert caught.value.hint


def test_session_terminated_in_the_middle(make_database: Callable[..., str]) -> None:
    dsn = make_database(15)
    with psycopg.connect(dsn, autocommit=True) as admin, pytest.raises(ServerLost), open_connection(dsn) as connection:
        pid = connection.info.backend_pid
        collect(
            connection,
            progress=Interrupting(
                "reading sizes and sequences", lambda: admin.execute(f"select pg_terminate_backend({pid})")
            ),
        )


def test_interruption_leaves_nothing(make_database: Callable[..., str]) -> None:
    dsn = make_database(15)
    with psycopg.connect(dsn, autocommit=True) as admin:
        timer = threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT))
        with pytest.raises(KeyboardInterrupt), open_connection(dsn) as connection:
            collect(connection, sample_seconds=20, progress=Interrupting("sampling sessions", timer.start))
        deadline = time.monotonic() + 5
        while (
            left := admin.execute(
                "select count(*) from pg_stat_activity"
                " where application_name like 'pgadvise/%' or state like '%transaction%'"
            ).fetchone()
        ) != (0,) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert left == (0,)


def test_slow_query_costs_only_itself(make_database: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A statement timeout in the middle becomes a gap, and what is known another way is used."""
    dsn = make_database(15)
    with psycopg.connect(dsn, autocommit=True) as admin:
        admin.execute(RICH)
    from advisor.collect import catalog

    original = catalog.sql_text

    def slow(name: str, version: int | None = None) -> str:
        text = original(name, version)
        if name == "relation_sizes":
            text = text.replace("'main') end", "'main') + length(pg_catalog.pg_sleep(0.1)::text) end")
        return text

    monkeypatch.setattr(catalog, "sql_text", slow)
    with open_connection(dsn, statement_timeout=1.0) as connection:
        snapshot = collect(connection)
    (gap,) = snapshot.gaps
    assert isinstance(gap, Gap) and gap.what == "sizes of relations" and "statement timeout" in gap.why
    assert all(
        table.size_is_estimate and table.size_bytes is not None for table in snapshot.tables if table.kind == "r"
    )


@pytest.mark.parametrize("major", [13, 15, 18])
def test_tables_dropped_meanwhile(
    make_database: Callable[..., str], major: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deparsing looks at the present, the query at the transaction's snapshot: the catalog is read again."""
    from advisor.collect import catalog

    dsn = make_database(major)
    with psycopg.connect(dsn, autocommit=True) as admin:
        admin.execute("create table kept (a int primary key check (a > 0))")
        for n in range(3):
            admin.execute(
                f"create table parent{n} (a int primary key); create table child{n} (a int references parent{n})"
            )
        original = catalog.collect_constraints
        calls: list[int] = []

        def dropping(reader: Any) -> Any:
            calls.append(1)
            if len(calls) < 3:
                admin.execute(f"drop table parent{len(calls)}, child{len(calls)}")
            return original(reader)

        monkeypatch.setattr(catalog, "collect_constraints", dropping)
        with open_connection(dsn) as connection:
            snapshot = collect(connection)
    assert len(calls) > 1, "the failure this test is about did not happen"
    assert [gap.what for gap in snapshot.gaps] == ["pg_stat_statements"]
    assert {table.name for table in snapshot.tables} >= {"kept", "parent0", "child0"}
    assert {"kept_pkey", "kept_a_check", "child0_a_fkey"} <= {constraint.name for constraint in snapshot.constraints}


def test_transactions_are_short(make_database: Callable[..., str]) -> None:
    """While sessions are sampled, no snapshot of ours holds vacuum back and no relation is locked."""
    dsn = make_database(15)
    seen: list[Any] = []
    with psycopg.connect(dsn, autocommit=True) as admin:
        admin.execute(RICH)

        def look() -> None:
            seen.extend(
                admin.execute(
                    "select backend_xmin, state, (select count(*) from pg_locks l where l.pid = a.pid"
                    " and locktype = 'relation') from pg_stat_activity a where application_name like 'pgadvise/%'"
                ).fetchall()
            )

        with open_connection(dsn) as connection:
            collect(connection, progress=Interrupting("sampling sessions", look))
    assert seen == [(None, "idle", 0)]
