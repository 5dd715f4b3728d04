"""Sessions with real servers, direct and through PgBouncer, and every way they fail."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from advisor import __version__
from advisor.cluster import Cluster, start_cluster
from advisor.collect import collect
from advisor.collect.doctor import examine
from advisor.connect import Session, open_connection
from advisor.errors import ConnectionFailed, ServerLost
from tests.conftest import SERVER_SETTINGS, binaries_for, missing

pytestmark = pytest.mark.server
MAJOR = 15
SECRET = "s3cret-word"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("PG") and not name.startswith("PGADVISE_POSTGRES"):
            monkeypatch.delenv(name)
    monkeypatch.delenv("DATABASE_URL", raising=False)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def tcp_server() -> Iterator[tuple[Cluster, str]]:
    """A server that listens on TCP, asks for passwords and has few connections."""
    binaries = binaries_for(MAJOR)
    if binaries is None:
        missing(f"PostgreSQL {MAJOR}")
        raise AssertionError("not reached")
    # Linux answers on every address of 127/8: one of our own, so that the usual port is free.
    address = f"127.77.{os.getpid() % 250}.{os.getpid() // 250 % 250 + 1}"
    settings = SERVER_SETTINGS | {"listen_addresses": address, "max_connections": "8"}
    with start_cluster(binaries, settings) as cluster:
        with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
            connection.execute(f"create role ann login password '{SECRET}'")
            connection.execute("create role nologin_role")
            connection.execute("create database closed")
            connection.execute("revoke connect on database closed from public")
        (cluster.data_directory / "pg_hba.conf").write_text(
            "local all all trust\n"
            "hostssl postgres tls_only 127.0.0.0/8 trust\n"
            "host closed,postgres,nowhere ann,bob,nologin_role 127.0.0.0/8 scram-sha-256\n"
        )
        with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
            connection.execute("select pg_reload_conf()")
        yield cluster, address


def failure(dsn: str) -> ConnectionFailed:
    with pytest.raises(ConnectionFailed) as caught, open_connection(dsn):
        pass
    error = caught.value
    assert SECRET not in str(error)
    assert error.message.endswith("."), error.message
    assert "\n" not in str(error)
    assert error.hint
    return error


def value(connection: Session, name: str) -> str:
    row = connection.execute("select pg_catalog.current_setting(%s)", [name]).fetchone()
    assert row is not None
    return str(row[0])


EXPECTED = {
    "statement_timeout": "15s",
    "lock_timeout": "200ms",
    "idle_in_transaction_session_timeout": "1min",
    "search_path": "",
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "row_security": "off",
    "application_name": f"pgadvise/{__version__}",
}


def test_limits(database: str, major: int) -> None:
    with open_connection(database) as connection:
        assert {name: value(connection, name) for name in EXPECTED} == EXPECTED
        assert not connection.pooled
        assert value(connection, "default_transaction_read_only") == "on"
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            connection.execute("create table t (a int)")
        with connection.transaction(), pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            connection.execute("create table t (a int)")


def test_server_settings_are_those_of_the_server(database: str, major: int) -> None:
    with psycopg.connect(database, autocommit=True) as admin:
        name = admin.info.dbname
        admin.execute(f'alter database "{name}" set statement_timeout = 4711')
    with open_connection(database) as connection:
        with connection.server_settings():
            rows = connection.execute(
                "select name, setting, source from pg_catalog.pg_settings where name in ('statement_timeout', 'jit')"
            ).fetchall()
        assert sorted(rows) == [("jit", "on", "default"), ("statement_timeout", "4711", "database")]
        assert value(connection, "statement_timeout") == "15s"


def test_takes_dsn_from_the_environment(
    make_database: Callable[..., str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    dsn = make_database(MAJOR)
    parts = psycopg.conninfo.conninfo_to_dict(dsn)

    def database() -> str:
        with open_connection(None) as connection:
            return connection.info.dbname

    uri = f"postgresql+psycopg2://postgres@/{parts['dbname']}?host={parts['host']}&port=5432&schema=public"
    monkeypatch.setenv("DATABASE_URL", uri)
    assert database() == parts["dbname"]
    monkeypatch.setenv("PGADVISE_DSN", dsn.replace(str(parts["dbname"]), "postgres"))
    assert database() == "postgres"
    monkeypatch.delenv("PGADVISE_DSN")
    monkeypatch.delenv("DATABASE_URL")
    service = tmp_path / "services"
    service.write_text(f"[mine]\nhost={parts['host']}\nuser=postgres\ndbname={parts['dbname']}\n")
    monkeypatch.setenv("PGSERVICEFILE", str(service))
    monkeypatch.setenv("PGSERVICE", "mine")
    assert database() == parts["dbname"]
    monkeypatch.delenv("PGSERVICE")
    monkeypatch.setenv("PGHOST", str(parts["host"]))
    monkeypatch.setenv("PGUSER", "postgres")
    monkeypatch.setenv("PGDATABASE", str(parts["dbname"]))
    assert database() == parts["dbname"]


def test_password_file(tcp_server: tuple[Cluster, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _, address = tcp_server
    passwords = tmp_path / "pgpass"
    passwords.write_text(f"{address}:5432:*:ann:{SECRET}\n")
    passwords.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(passwords))
    with open_connection(f"postgresql://ann@{address}/postgres") as connection:
        assert connection.info.user == "ann"


def test_refusals(tcp_server: tuple[Cluster, str]) -> None:
    cluster, base = tcp_server
    cases = {
        f"postgresql://ann:{SECRET}@no-such-host.invalid/postgres": "no-such-host.invalid",
        f"postgresql://ann:{SECRET}@127.0.0.1:{free_port()}/postgres": "Nothing accepts connections",
        f"host={cluster.directory}/absent dbname=x": "Unix socket",
        f"postgresql://ann:{SECRET}x@{base}/postgres": "password",
        f"postgresql://ann@{base}/postgres": "none was given",
        f"postgresql://bob:{SECRET}@{base}/postgres": "password",
        f"host={cluster.directory} user=ghost dbname=postgres": "'ghost' does not exist",
        f"host={cluster.directory} user=nologin_role dbname=postgres": "may not log in",
        f"host={cluster.directory} user=postgres dbname=lost": "'lost' does not exist",
        f"postgresql://ann:{SECRET}@{base}/closed": "may not connect to the database 'closed'",
        f"postgresql://ann:{SECRET}@{base}/other": "pg_hba.conf",
        f"postgresql://tls_only@{base}/postgres": "pg_hba.conf",
        f"postgresql://ann:{SECRET}@{base}/postgres?sslmode=require": "does not offer it",
        f"postgresql://ann:{SECRET}@{base}/postgres?sslmode=sometimes": "value that libpq does not accept",
        f"postgresql://ann:{SECRET}/x@{base}/postgres": "not percent-encoded",
        f"ann {SECRET}": "cannot be understood",
        f"postgresql://ann:%zz{SECRET}@{base}/postgres": "cannot be understood",
    }
    for dsn, words in cases.items():
        error = failure(dsn)
        assert words in str(error), f"{dsn}: {error}"


def test_silent_host_times_out() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        error = failure(f"host=127.0.0.1 port={listener.getsockname()[1]} connect_timeout=2 user=a")
        assert "did not answer in time" in error.message


def test_something_else_listens() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def answer() -> None:
            client, _ = listener.accept()
            with client:
                client.recv(100)
                client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        error = failure(f"host=127.0.0.1 port={listener.getsockname()[1]} connect_timeout=5 user=a sslmode=disable")
        thread.join()
        assert "does not speak as a PostgreSQL server" in error.message


def test_too_many_connections(tcp_server: tuple[Cluster, str]) -> None:
    cluster, _ = tcp_server
    held = []
    try:
        with pytest.raises(psycopg.OperationalError):
            for _ in range(12):
                held.append(psycopg.connect(cluster.dsn()))
        error = failure(f"host={cluster.directory} user=postgres dbname=postgres")
        assert "no free connection" in error.message
    finally:
        for connection in held:
            connection.close()


def test_server_starting_up_or_down() -> None:
    """A smart shutdown with a session left refuses newcomers with the words of a starting server."""
    binaries = binaries_for(MAJOR)
    assert binaries is not None
    with start_cluster(binaries, SERVER_SETTINGS) as cluster, psycopg.connect(cluster.dsn()):
        pid = int((cluster.data_directory / "postmaster.pid").read_text().split()[0])
        os.kill(pid, 15)
        time.sleep(0.3)
        assert "not ready" in failure(cluster.dsn()).message


def test_server_killed_in_the_middle() -> None:
    binaries = binaries_for(MAJOR)
    if binaries is None:
        missing(f"PostgreSQL {MAJOR}")
        return
    with (
        start_cluster(binaries, SERVER_SETTINGS) as cluster,
        pytest.raises(ServerLost),
        open_connection(cluster.dsn()) as connection,
    ):
        pid = int((cluster.data_directory / "postmaster.pid").read_text().split()[0])
        os.kill(pid, 3)
        connection.execute("select pg_catalog.pg_sleep(5)")


def test_interruption_leaves_nothing(make_database: Callable[..., str]) -> None:
    dsn = make_database(MAJOR)
    with psycopg.connect(dsn, autocommit=True) as watcher:
        with pytest.raises(KeyboardInterrupt), open_connection(dsn) as connection:
            timer = threading.Timer(0.5, lambda: os.kill(os.getpid(), 2))
            timer.start()
            connection.execute("select pg_catalog.pg_sleep(20)")
        for _ in range(50):
            left = watcher.execute(
                "select count(*) from pg_stat_activity where application_name like 'pgadvise/%'"
            ).fetchone()
            if left == (0,):
                break
            time.sleep(0.1)
        assert left == (0,)


@pytest.fixture
def pgbouncer(
    make_database: Callable[..., str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., str]]:
    """A function (pool_mode) -> (DSN through PgBouncer, DSN of the server)."""
    program = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"
    if not Path(program).exists():
        missing("pgbouncer")
    with contextmanager(_pgbouncers)(program, make_database(MAJOR)) as start:
        yield start


def _pgbouncers(program: str, dsn: str) -> Iterator[Callable[..., tuple[str, str]]]:
    parts = psycopg.conninfo.conninfo_to_dict(dsn)
    started: list[subprocess.Popen[bytes]] = []
    account = pwd.getpwnam("nobody") if os.geteuid() == 0 else None

    def start(pool_mode: str, **settings: str) -> tuple[str, str]:
        port = free_port()
        # Beside the server's socket: a folder that its account, and so a pooler run by it, can reach.
        folder = Path(str(parts["host"])) / f"bouncer{port}"
        folder.mkdir()
        users = folder / "users"
        users.write_text('"postgres" ""\n')
        lines = {
            "listen_addr": "127.0.0.1",
            "listen_port": str(port),
            "unix_socket_dir": "",
            "auth_type": "any",
            "pool_mode": pool_mode,
            "default_pool_size": "2",
            "logfile": str(folder / "log"),
            **settings,
        }
        configuration = folder / "ini"
        configuration.write_text(
            f"[databases]\nshop = host={parts['host']} port=5432 user=postgres dbname={parts['dbname']}\n"
            "[pgbouncer]\n" + "".join(f"{name} = {setting}\n" for name, setting in lines.items())
        )
        owner = Path(str(parts["host"])).stat()
        for path in (folder, users, configuration):
            os.chown(path, owner.st_uid, owner.st_gid)
        run_as = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if account else {}
        started.append(subprocess.Popen([program, configuration], stderr=subprocess.DEVNULL, **run_as))  # type: ignore[call-overload]
        pooled = f"host=127.0.0.1 port={port} user=anyone dbname=shop"
        for _ in range(100):
            try:
                psycopg.connect(pooled, connect_timeout=2).close()
                break
            except psycopg.OperationalError:
                time.sleep(0.05)
        return pooled, dsn

    try:
        yield start
    finally:
        for process in started:
            process.terminate()
            process.wait(10)


@pytest.mark.parametrize("pool_mode", ["transaction", "session"])
def test_behind_a_pooler(pgbouncer: Callable[..., tuple[str, str]], pool_mode: str) -> None:
    pooled, direct = pgbouncer(pool_mode)
    with open_connection(pooled) as connection:
        assert connection.pooled
        assert "pooler" in connection.notices[0].why
        with connection.transaction():
            assert {name: value(connection, name) for name in EXPECTED} == EXPECTED
            with connection.transaction():
                assert value(connection, "lock_timeout") == "200ms"
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction), connection.transaction():
                connection.execute("create table t (a int)")
        with connection.server_settings():
            row = connection.execute(
                "select setting, source from pg_catalog.pg_settings where name = 'lock_timeout'"
            ).fetchone()
            assert row == ("0", "default")
    # Whoever gets the server connection next finds it as it was.
    with psycopg.connect(pooled, autocommit=True, prepare_threshold=None) as other:
        for name, expected in {"lock_timeout": "0", "default_transaction_read_only": "off", "jit": "on"}.items():
            assert other.execute(f"show {name}").fetchone() == (expected,)
        assert other.execute("show search_path").fetchone() != ("",)
    del direct


def test_report_through_a_pooler(pgbouncer: Callable[..., tuple[str, str]]) -> None:
    """Collection works in transaction mode with several server connections, and leaves them as they were."""
    pooled, direct = pgbouncer("transaction")
    with psycopg.connect(direct, autocommit=True) as admin:
        admin.execute((Path(__file__).parent / "rich.sql").read_text())
    stop = threading.Event()

    def churn() -> None:
        """Another client, so that transactions of ours land on different server processes."""
        with psycopg.connect(pooled, autocommit=True, prepare_threshold=None) as other:
            while not stop.is_set():
                other.execute("select count(*) from pg_class")

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        with open_connection(pooled) as connection:
            snapshot = collect(connection, sample_seconds=0.5)
            doctor = examine(connection)
    finally:
        stop.set()
        thread.join()
    assert [gap.what for gap in snapshot.gaps] == ["a direct connection"]
    assert next(check.name for check in doctor.checks if check.status == "note") == "connection"
    jit = snapshot.setting("jit")
    assert jit is not None and jit.setting == "on"
    with open_connection(direct) as connection:
        assert len(collect(connection).indexes) == len(snapshot.indexes)


def test_pgbouncer_console(pgbouncer: Callable[..., tuple[str, str]]) -> None:
    pooled, _ = pgbouncer("transaction")
    assert "console" in failure(pooled.replace("dbname=shop", "dbname=pgbouncer")).message
    assert "no entry for the database" in failure(pooled.replace("dbname=shop", "dbname=nothing")).message


def test_sql_ascii_database(make_database: Callable[..., str], major: int) -> None:
    dsn = make_database(major, "encoding 'SQL_ASCII' lc_collate 'C' lc_ctype 'C' template template0")
    with psycopg.connect(dsn, autocommit=True, client_encoding="SQL_ASCII") as admin:
        admin.execute("create extension pg_stat_statements")
        admin.execute(b"create table \"caf\xe9\" (a text default '\xff\xfe')")
        admin.execute(b"comment on table \"caf\xe9\" is '\xc3\xa9 and \xe9'")
    with open_connection(dsn) as connection:
        row = connection.execute(
            "select relname, pg_catalog.obj_description(oid), pg_catalog.json_build_object('n', relname),"
            " array[relname] from pg_catalog.pg_class where relname like 'caf%'"
        ).fetchone()
        assert row == ("caf\\xe9", "é and \\xe9", {"n": "caf\\xe9"}, ["caf\\xe9"])
    with psycopg.connect(dsn, autocommit=True, client_encoding="SQL_ASCII") as admin:
        # Odd bytes in the module's one file would make the server refuse the texts of every other test's database.
        admin.execute("select pg_stat_statements_reset(0, oid, 0) from pg_database where datname = current_database()")
