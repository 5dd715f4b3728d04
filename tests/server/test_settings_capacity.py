"""A real PgBouncer starts with the fragment and passes queries through to a real server."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from advisor.cluster import Cluster
from advisor.load import run_load_check
from advisor.pipeline import Source
from advisor.progress import Silent
from advisor.settings import Assumptions, capacity
from advisor.settings.load import Demanded
from advisor.settings.pgbouncer import pgbouncer_ini
from advisor.whatif.load import LoadOptions
from tests.conftest import missing

pytestmark = pytest.mark.server


def find_pgbouncer() -> str:
    found = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None:
        missing("pgbouncer")
        raise AssertionError("not reached")
    return found


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def running_pgbouncer(cluster: Cluster, tmp_path: Path) -> Iterator[str]:
    """Run PgBouncer in front of `cluster` with the fragment for 500 users; yield a DSN."""
    program, port = find_pgbouncer(), free_port()
    # The account of PgBouncer must reach the folder; pytest's own are private.
    directory = Path(tempfile.mkdtemp(prefix="pgadvise-test-pgbouncer-", dir="/tmp"))
    ini, users = directory / "pgbouncer.ini", directory / "users.txt"
    users.write_text('"postgres" ""\n')
    text = pgbouncer_ini(
        pool=capacity(500).pool,
        max_client_connections=600,
        host=str(cluster.directory),
        listen_port=port,
        auth_file=str(users),
        auth_type="trust",
        socket_dir=str(directory),
    )
    ini.write_text(f"{text}admin_users = postgres\n")
    identity = {}
    if os.geteuid() == 0:
        account = pwd.getpwnam("postgres")
        for path in (directory, ini, users):
            os.chown(path, account.pw_uid, account.pw_gid)
        identity = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    log = (tmp_path / "pgbouncer.log").open("wb")
    process = subprocess.Popen([program, str(ini)], stdout=log, stderr=log, **identity)  # type: ignore[call-overload]
    try:
        dsn = f"host={directory} port={port} user=postgres dbname=postgres"
        deadline = time.monotonic() + 20
        while True:
            assert process.poll() is None, (tmp_path / "pgbouncer.log").read_text()
            try:
                psycopg.connect(dsn, connect_timeout=2, prepare_threshold=None).close()
                break
            except psycopg.OperationalError:
                assert time.monotonic() < deadline, (tmp_path / "pgbouncer.log").read_text()
                time.sleep(0.05)
        yield dsn
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)
        log.close()
        shutil.rmtree(directory)


def test_the_fragment_works(clusters: Callable[[int], Cluster], tmp_path: Path) -> None:
    with running_pgbouncer(clusters(15), tmp_path) as dsn:
        with psycopg.connect(dsn, prepare_threshold=None) as connection:
            assert connection.execute("select 6 * 7").fetchone() == (42,)
        # More clients than the pool has server connections take turns.
        clients = [psycopg.connect(dsn, prepare_threshold=None, autocommit=True) for _ in range(12)]
        try:
            pids = {client.execute("select pg_backend_pid()").fetchone() for client in clients}
            assert len(pids) <= capacity(500).pool
        finally:
            for client in clients:
                client.close()
        with psycopg.connect(
            dsn.replace("dbname=postgres", "dbname=pgbouncer"), autocommit=True, prepare_threshold=None
        ) as admin:
            shown = {row[0]: row[1] for row in psycopg.ClientCursor(admin).execute("show config").fetchall()}
    assert shown["pool_mode"] == "transaction"
    assert shown["max_client_conn"] == "600"
    assert shown["max_db_connections"] == "5"
    assert shown["query_wait_timeout"] == "27"
    log = (tmp_path / "pgbouncer.log").read_text()
    assert "unknown" not in log.lower() and "ERROR" not in log


@pytest.mark.parametrize("users", [200, 500, 1000, 3500])
def test_every_applications_fragment_is_accepted(
    users: int, clusters: Callable[[int], Cluster], tmp_path: Path
) -> None:
    """The text as it is printed; only what must differ on a test machine is replaced."""
    cluster = clusters(15)
    port = free_port()
    printed = capacity(users, Assumptions(pools=2)).pgbouncer_ini
    directory = Path(tempfile.mkdtemp(prefix="pgadvise-test-", dir="/tmp"))
    try:
        users_file = directory / "users.txt"
        users_file.write_text('"postgres" ""\n')
        for path in (directory, users_file):
            path.chmod(0o755)
        text = (
            printed.replace("host=127.0.0.1 port=5432", f"host={cluster.directory} port=5432")
            .replace("listen_port = 6432", f"listen_port = {port}")
            .replace("auth_file = /etc/pgbouncer/userlist.txt", f"auth_file = {users_file}")
            .replace("auth_type = scram-sha-256", "auth_type = trust")
        )
        with started(text, directory, tmp_path), connected(port) as connection:
            assert connection.execute("select 1").fetchone() == (1,)
    finally:
        shutil.rmtree(directory)


@contextmanager
def started(text: str, directory: Path, tmp_path: Path) -> Iterator[None]:
    ini = directory / "pgbouncer.ini"
    ini.write_text(text)
    ini.chmod(0o644)
    identity = {}
    if os.geteuid() == 0:
        account = pwd.getpwnam("postgres")
        identity = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    with (tmp_path / "pgbouncer.log").open("wb") as log:
        process = subprocess.Popen([find_pgbouncer(), str(ini)], stdout=log, stderr=log, **identity)  # type: ignore[call-overload]
        try:
            yield
            assert process.poll() is None, (tmp_path / "pgbouncer.log").read_text()
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(10)


@contextmanager
def connected(port: int) -> Iterator[psycopg.Connection]:
    deadline = time.monotonic() + 20
    while True:
        try:
            connection = psycopg.connect(
                f"host=127.0.0.1 port={port} user=postgres dbname=postgres", connect_timeout=2, prepare_threshold=None
            )
            break
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
    with connection:
        yield connection


def test_a_load_check_through_the_pooler(clusters: Callable[[int], Cluster], tmp_path: Path) -> None:
    """A pooler takes no settings with the connection: each transaction says itself that it only reads."""
    statements = tmp_path / "load.sql"
    statements.write_text("select relname from pooled where relname = 'pg_class'; delete from pooled;")
    cluster = clusters(15)
    with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
        connection.execute("create table pooled as select relname::text from pg_class")
    try:
        with running_pgbouncer(cluster, tmp_path) as dsn:
            found = run_load_check(
                Source(dsn=dsn, workload_files=(statements,)),
                Demanded(),
                LoadOptions(clients=(8,), step_seconds=1),
                Silent(),
            )
    finally:
        with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
            connection.execute("drop table pooled")
    (step,) = found.steps
    assert step.clients == 8 and step.transactions > 0 and not step.failed_clients
    assert dict(found.left_out) == {"delete from pooled": "it changes or locks rows"}
    assert any("Through a pooler" in note for note in found.notes)
