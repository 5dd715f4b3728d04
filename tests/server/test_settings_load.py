"""The load check on a real server: its own statements, growing clients, nothing changed, nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from advisor.cluster import start_cluster
from advisor.connect import open_connection
from advisor.errors import AdvisorError, UsageError
from advisor.load import run_load_check
from advisor.model.load import LoadCheck, LoadTarget
from advisor.pipeline import Source
from advisor.progress import Silent
from advisor.settings.load import Demanded
from advisor.whatif.load import LoadOptions
from advisor.whatif.load.pgbench import environment_of, find_pgbench
from tests.conftest import SERVER_SETTINGS, binaries_for

pytestmark = pytest.mark.server

_SETUP = """
create extension pg_stat_statements;
create table items (id int primary key, kind text, price numeric);
insert into items select g, 'it''s ' || g % 5, g from generate_series(1, 5000) g;
create table notes (id bigint generated always as identity, note text);
analyze;
select /* pgadvise */ pg_stat_statements_reset();
"""
_WORKLOAD = (
    ("select price from items where id = %s", 7),
    ("select count(*) from items where kind = %s", "it's 3"),
    ("insert into notes (note) values (%s)", "a : b"),
    ("select price from items where id = %s for update", 8),
    ("select nextval('notes_id_seq') from items where id = %s", 9),
)


@pytest.fixture(scope="module")
def shop() -> Iterator[str]:
    """DSN of a database with a workload in pg_stat_statements, on the newest major."""
    binaries = binaries_for(18)
    assert binaries is not None, "the embedded server is a dependency"
    with start_cluster(binaries, SERVER_SETTINGS) as cluster:
        with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
            connection.execute(_SETUP.encode())
            for _ in range(20):
                for text, value in _WORKLOAD:
                    connection.execute(text.encode(), (value,))
        yield cluster.dsn()


def check(dsn: str, *, users: int | None = None, files: tuple[Path, ...] = (), **options: Any) -> LoadCheck:
    demanded = Demanded(users=users, per_second=None if users is None else float(users))
    options = {"clients": (1, 2), "step_seconds": 1} | options
    return run_load_check(Source(dsn=dsn, workload_files=files), demanded, LoadOptions(**options), Silent())


def rows(dsn: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn) as connection:
        # The mark keeps these out of the workload.
        return connection.execute(query.replace("select", "select /* pgadvise */", 1).encode()).fetchall()


def test_reads_only(shop: str) -> None:
    before = rows(shop, "select count(*), max(id) from notes")
    calls = rows(shop, "select sum(calls) from pg_stat_statements where query like '%pg_catalog.int4%'")
    found = check(shop, users=1, targets=(LoadTarget(share=0.95, milliseconds=60_000),))
    assert [step.clients for step in found.steps] == [1, 2]
    assert all(step.transactions > 0 and step.p50 <= step.p95 <= step.p99 <= step.most for step in found.steps)
    assert {s.query for s in found.statements} == {
        "select price from items where id = $1",
        "select count(*) from items where kind = $1",
    }
    assert dict(found.left_out) == {
        "insert into notes (note) values ($1)": "it changes or locks rows",
        "select price from items where id = $1 for update": "it changes or locks rows",
        "select nextval($2) from items where id = $1": "nobody knows what the volatile function nextval() does",
    }
    assert found.covered == pytest.approx(40 / 100)
    assert found.carried is True and found.best == 2
    assert rows(shop, "select count(*), max(id) from notes") == before
    # A superuser's load stays out of the counters it was made from.
    assert rows(shop, "select sum(calls) from pg_stat_statements where query like '%pg_catalog.int4%'") == calls


def test_writes_are_rolled_back(shop: str) -> None:
    before = rows(shop, "select count(*) from notes")
    found = check(shop, writes=True, clients=(2,))
    written = {s.query: s.transactions for s in found.statements if s.writes}
    assert written["insert into notes (note) values ($1)"] > 0
    assert rows(shop, "select count(*) from notes") == before
    assert any("rolled back" in note for note in found.notes)


def test_a_file_of_statements(shop: str, tmp_path: Path) -> None:
    file = tmp_path / "load.sql"
    file.write_text(
        "-- calls: 9\nselect price from items where id = 5;\nselect * from nowhere;\n"
        "select ':scale' from items; select pg_sleep(2) from items limit 1;\n"
    )
    found = check(shop, files=(file,), clients=(1,), statement_seconds=1.0)
    assert [s.query for s in found.statements] == ["select price from items where id = 5"]
    left_out = dict(found.left_out)
    assert "longer than the time limit" in left_out["select pg_sleep(2) from items limit 1"]
    assert "nowhere" in left_out["select * from nowhere"]
    assert "variable" in left_out["select '…' from items"]


def test_no_more_clients_than_there_is_room(shop: str) -> None:
    found = check(shop, clients=(1, 500))
    assert 1 < found.steps[-1].clients < 40
    assert any("500 were not tried" in note for note in found.notes)


def test_nothing_to_run(shop: str, tmp_path: Path) -> None:
    file = tmp_path / "load.sql"
    file.write_text("insert into notes (note) values ('x');")
    with pytest.raises(AdvisorError, match="No statement of the workload can be run"):
        check(shop, files=(file,))
    with pytest.raises(UsageError, match="a snapshot is none"):
        run_load_check(Source(snapshot=file), Demanded(), LoadOptions(), Silent())


def test_a_password_stays_off_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over TCP with SCRAM: pgbench gets the password by its environment only."""
    binaries = binaries_for(18)
    assert binaries is not None
    commands: list[list[str]] = []
    popen = subprocess.Popen

    def recorded(command: list[Any], **more: Any) -> subprocess.Popen[bytes]:
        commands.append([str(part) for part in command])
        return popen(command, **more)

    # An address of its own: the cluster's port is everybody's.
    address = f"127.77.{os.getpid() // 250 % 250}.{os.getpid() % 250 + 1}"
    settings = SERVER_SETTINGS | {"listen_addresses": address}
    with start_cluster(binaries) as cluster:
        hba = cluster.data_directory / "pg_hba.conf"
        hba.write_text("host all ann all scram-sha-256\n" + hba.read_text())
        with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
            connection.execute("create role ann login password 's3 cret''x'")
            connection.execute("create table items as select g as id from generate_series(1, 100) g")
            connection.execute("grant select on items to ann; grant pg_monitor to ann")
        cluster.stop()
        cluster.start(settings)
        file = tmp_path / "load.sql"
        file.write_text("select * from items where id = 5;")
        dsn = make_conninfo(host=address, user="ann", dbname="postgres", password="s3 cret'x")
        monkeypatch.setattr(subprocess, "Popen", recorded)
        found = check(dsn, files=(file,), clients=(1,))
        assert found.steps[0].transactions > 0
        (command,) = [c for c in commands if c[0].endswith("pgbench")]
        assert not any("cret" in part for part in command)
        with open_connection(dsn) as session:
            assert environment_of(session, "", "x")["PGPASSWORD"] == "s3 cret'x"


def test_ctrl_c_leaves_nothing(shop: str, tmp_path: Path) -> None:
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    command = [sys.executable, "-m", "advisor.cli", "capacity", "--load", "--may-load-server", "--dsn", shop]
    process = subprocess.Popen([*command, "--clients", "2", "--step", "60s"], env=environment, stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob("pgadvise-load-*/log-2*")):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 130 and b"Interrupted" in errors
    assert not list(tmp_path.glob("pgadvise-load-*"))
    for _ in range(100):
        left = rows(shop, "select count(*) from pg_stat_activity where application_name like 'pgadvise-load%'")
        if left == [(0,)]:
            break
        time.sleep(0.05)
    assert left == [(0,)]


def test_the_command_line(shop: str) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "advisor.cli", "capacity", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    refused = run("--load", "--dsn", shop)
    assert refused.returncode == 2 and "--may-load-server" in refused.stderr
    assert run("--users", "5", "--target-p95", "1s").returncode == 2
    common = ("--load", "--may-load-server", "--dsn", shop, "--clients", "1,2", "--step", "1s", "--users", "5")
    missed = run(*common, "--target-p50", "1us", "--fail-on-target", "--format", "json")
    assert missed.returncode == 1, missed.stderr
    data = json.loads(missed.stdout)
    # Far beyond its target the first step is the last.
    assert data["pool"] == 5 and [step["clients"] for step in data["load"]["steps"]] == [1]
    assert data["load"]["best"] is None and data["load"]["carried"] is False


def test_pgbench_is_found(major: int) -> None:
    program = find_pgbench(major)
    assert program.path.name == "pgbench" and program.version
