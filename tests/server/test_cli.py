"""The command line as a person meets it: exit codes, one sentence per failure, nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import jsonschema
import psutil
import psycopg
import pytest

from advisor.cluster import Cluster, start_cluster
from advisor.render import json_schema
from tests.conftest import binaries_for

pytestmark = pytest.mark.server
MAJOR = 18


def pgadvise(
    *arguments: str, stdin: str | None = None, env: dict[str, str] | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("PG") and k != "DATABASE_URL"}
    return subprocess.run(
        [sys.executable, "-c", "from advisor.cli import main; main()", *arguments],
        capture_output=True, text=True, input=stdin, env=clean | (env or {}), cwd=cwd, timeout=240, check=False,
    )  # fmt: skip


def sentence(result: subprocess.CompletedProcess[str]) -> str:
    """Return the standard error of a failure; a traceback fails the test."""
    assert "Traceback" not in result.stderr, result.stderr
    assert "A bug in pgadvise" not in result.stderr, result.stderr
    assert result.stderr.startswith("pgadvise: ")
    return result.stderr


def statistics(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("create extension if not exists pg_stat_statements")


@pytest.mark.parametrize(
    ("dsn", "words"),
    [
        ("host=/nonexistent dbname=x", ""),
        ("postgresql://u@127.0.0.1:1/x", "port 1"),
        ("postgresql://u@no.such.host.invalid/x", ""),
        ("this is not a dsn", ""),
        ("postgresql://u:s3cret@127.0.0.1:1/x?sslmode=nonsense", ""),
    ],
)
def test_no_server(dsn: str, words: str) -> None:
    result = pgadvise("report", "--dsn", dsn)
    assert result.returncode in (2, 3)
    assert words in sentence(result)
    assert "s3cret" not in result.stderr
    assert result.stdout == ""


def test_unknown_database_and_role(clusters: Callable[[int], Cluster]) -> None:
    for dsn in (clusters(MAJOR).dsn("no_such_database"), clusters(MAJOR).dsn(user="nobody_here")):
        result = pgadvise("report", "--dsn", dsn)
        assert result.returncode == 3
        assert "does not exist" in sentence(result)


@pytest.mark.parametrize(
    "arguments",
    [
        ("report", "--ram", "lots"),
        ("report", "--cores", "-1"),
        ("report", "--cores", "many"),
        ("report", "--users", "0"),
        ("report", "--format", "pdf", "--snapshot", "missing.json"),
        ("report", "--snapshot", "missing.json"),
        ("report", "--workload", "missing.sql"),
        ("report", "--sample", "5"),
        ("report", "--policy", "missing.toml"),
        ("report", "--budget", "huge"),
        ("report", "--schema", "x.sql"),
        ("report", "--config", "missing.toml"),
        ("rules", "no/such_rule"),
        ("gate", "missing.sql"),
        ("gate", "/tmp/x.sql", "--format", "pdf"),
        ("demo", "casino"),
        ("settings", "--major", "17", "--ram", "0"),
        ("settings", "--review", "missing.conf"),
    ],
)
def test_wrong_usage_is_exit_code_two(arguments: tuple[str, ...], tmp_path: Path) -> None:
    result = pgadvise(*arguments, cwd=tmp_path)
    assert result.returncode == 2, (result.stdout, result.stderr)
    sentence(result)


def test_unknown_flags_and_choices_are_exit_code_two() -> None:
    assert pgadvise("report", "--no-such-flag").returncode == 2
    assert pgadvise("report", "--profile", "casino").returncode == 2
    assert pgadvise("no-such-command").returncode == 2


def test_an_empty_database_gives_a_calm_report(make_database: Callable[..., str]) -> None:
    dsn = make_database(MAJOR)
    statistics(dsn)
    result = pgadvise("report", "--dsn", dsn, "--format", "json")
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    jsonschema.validate(report, json_schema())
    assert report["indexes"]["create"] == []
    assert report["retention"] == []
    assert pgadvise("report", "--dsn", dsn).returncode == 0


def test_a_database_without_the_extension_says_so(make_database: Callable[..., str]) -> None:
    result = pgadvise("report", "--dsn", make_database(MAJOR), "--format", "json")
    assert result.returncode == 0, result.stderr
    gaps = json.loads(result.stdout)["gaps"]
    assert any("pg_stat_statements" in gap["what"] + gap["why"] and gap["fix"] for gap in gaps), gaps


HOSTILE = 'we"ird; drop table x--'


def fill_hostile(dsn: str) -> None:
    """Names that break whoever quotes carelessly, a workload over them, and texts that cannot be planned."""
    statistics(dsn)
    table = '"we""ird; drop table x--"."Täble\nwith <script>alert(1)</script>"'
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute('create schema "we""ird; drop table x--"')
        connection.execute(
            f'create table {table} (id bigserial primary key, "Customer Id" int, "a.b" text, "select" text)'.encode()
        )
        fill = f'insert into {table} ("Customer Id", "a.b") select i % 3000, repeat(\'x\', 60)'
        connection.execute((fill + " from generate_series(1, 60000) i").encode())
        connection.execute(f"vacuum analyze {table}".encode())
        connection.execute("select pg_stat_statements_reset()")
        for value in range(30):
            connection.execute(f'select "a.b" from {table} where "Customer Id" = %s'.encode(), (value,))
        listed = ", ".join(str(i) for i in range(20_000))
        connection.execute(f"select count(*) from {table} where id in ({listed})".encode())
        connection.execute(f"select '{'y' * 1_000_000}' as big".encode())
        connection.execute("create temporary table gone (a int)")
        connection.execute("select * from gone where a = 1")
        connection.execute("drop table gone")
        connection.execute("create role temporary_login password 's3cret-pw'")
        connection.execute("drop role temporary_login")


def test_hostile_names_and_texts(make_database: Callable[..., str], tmp_path: Path) -> None:
    dsn = make_database(MAJOR)
    fill_hostile(dsn)
    files = [tmp_path / name for name in ("r.json", "r.html", "r.md", "r.sql", "r.txt", "r.csv", "r.sarif", "r.xml")]
    outputs = [item for path in files for item in ("-o", str(path))]
    result = pgadvise("report", "--dsn", dsn, *outputs)
    assert result.returncode == 0, result.stderr
    report = json.loads(files[0].read_text())
    jsonschema.validate(report, json_schema())
    (proposal,) = [p for p in report["indexes"]["create"] if "Customer Id" in p["ddl"]]
    assert "<script>alert" not in files[1].read_text()
    for path in files:
        text = path.read_text()
        assert text.strip()
        assert "s3cret-pw" not in text
        assert "\x1b" not in text
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(proposal["ddl"].encode())
        connection.execute(proposal["undo_ddl"].encode())


@pytest.mark.parametrize("grant", ["nothing", "pg_monitor"])
def test_roles_without_privileges_get_gaps_not_errors(make_database: Callable[..., str], grant: str) -> None:
    dsn = make_database(MAJOR)
    statistics(dsn)
    role = f"r_{grant}_{os.getpid()}"
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("create table t (id int primary key, a int)")
        connection.execute("insert into t select i, i from generate_series(1, 50000) i")
        connection.execute("analyze t")
        connection.execute("select * from t where a = 5")
        connection.execute(f"create role {role} login".encode())
        if grant != "nothing":
            connection.execute(f"grant {grant} to {role}".encode())
    try:
        result = pgadvise("report", "--dsn", dsn.replace("user=postgres", f"user={role}"), "--format", "json")
        assert result.returncode == 0, result.stderr
        report = json.loads(result.stdout)
        assert any("GRANT" in (gap["fix"] or "").upper() for gap in report["gaps"]), report["gaps"]
        doctor = pgadvise("doctor", "--dsn", dsn.replace("user=postgres", f"user={role}"))
        assert doctor.returncode == 0, doctor.stderr
        assert "GRANT" in doctor.stdout.upper()
    finally:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(f"drop owned by {role}".encode())
            connection.execute(f"drop role {role}".encode())


def test_capture_then_report_offline(make_database: Callable[..., str], tmp_path: Path) -> None:
    dsn = make_database(MAJOR)
    fill_hostile(dsn)
    path = tmp_path / "s.json.gz"
    captured = pgadvise("capture", "--dsn", dsn, "-o", str(path))
    assert captured.returncode == 0, captured.stderr
    assert path.stat().st_mode & 0o777 == 0o600
    offline = pgadvise("report", "--snapshot", str(path), "--format", "json")
    assert offline.returncode == 0, offline.stderr
    assert any("Customer Id" in p["ddl"] for p in json.loads(offline.stdout)["indexes"]["create"])
    path.write_bytes(path.read_bytes()[:-200])
    damaged = pgadvise("report", "--snapshot", str(path))
    assert damaged.returncode == 2
    assert "damaged" in sentence(damaged)


def test_fail_on_and_ignore(make_database: Callable[..., str], tmp_path: Path) -> None:
    dsn = make_database(MAJOR)
    statistics(dsn)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("create table no_key (a int)")
        connection.execute("insert into no_key select i from generate_series(1, 20000) i")
        connection.execute("analyze no_key")
    first = pgadvise("health", "--dsn", dsn, "--format", "json", "--fail-on", "low", cwd=tmp_path)
    assert first.returncode == 1, first.stderr
    assert pgadvise("health", "--dsn", dsn, "--fail-on", "critical", cwd=tmp_path).returncode == 0
    keys = [finding["key"] for finding in json.loads(first.stdout)["findings"]]
    mute = "\n".join(f"[[ignore]]\nfinding = {json.dumps(key)}\nreason = 'test'" for key in keys)
    (tmp_path / "pgadvise.toml").write_text(mute)
    again = pgadvise("health", "--dsn", dsn, "--fail-on", "low", cwd=tmp_path)
    assert again.returncode == 0, again.stdout


def test_sources_in_the_order_of_the_documentation(make_database: Callable[..., str]) -> None:
    dsn = make_database(MAJOR)
    parts = dict(item.split("=", 1) for item in dsn.split())
    libpq = {"PGHOST": parts["host"], "PGUSER": parts["user"], "PGDATABASE": parts["dbname"], "PGPORT": "5432"}
    assert pgadvise("doctor", env=libpq).returncode == 0
    assert pgadvise("doctor", env={"DATABASE_URL": dsn}).returncode == 0
    assert pgadvise("doctor", env={"DATABASE_URL": "host=/nonexistent", "PGADVISE_DSN": dsn}).returncode == 0
    assert pgadvise("doctor", "--dsn", dsn, env={"PGADVISE_DSN": "host=/nonexistent"}).returncode == 0


def started(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """Return the servers that a running pgadvise has started."""
    try:
        return [p for p in psutil.Process(process.pid).children(recursive=True) if p.name() == "postgres"]
    except psutil.NoSuchProcess:
        return []


def test_interrupt_removes_the_twin(make_database: Callable[..., str]) -> None:
    dsn = make_database(MAJOR)
    statistics(dsn)
    command = [sys.executable, "-c", "from advisor.cli import main; main()", "report", "--dsn", dsn]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (servers := started(process)) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    assert servers, "the twin was never started"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    gone, alive = psutil.wait_procs(servers, timeout=20)
    assert gone and not alive
    with psycopg.connect(dsn) as connection:
        count = connection.execute("select count(*) from pg_stat_activity where application_name like 'pgadvise/%'")
        assert count.fetchone() == (0,)


def test_a_server_killed_in_the_middle_is_one_sentence() -> None:
    binaries = binaries_for(MAJOR)
    assert binaries is not None
    with start_cluster(binaries, {"shared_preload_libraries": "pg_stat_statements"}) as cluster:
        statistics(cluster.dsn())
        command = [sys.executable, "-c", "from advisor.cli import main; main()", "report", "--sample", "20s"]
        command += ["--dsn", cluster.dsn()]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
            deadline = time.monotonic() + 30
            query = "select 1 from pg_stat_activity where application_name like 'pgadvise/%'"
            while connection.execute(query).fetchone() is None and time.monotonic() < deadline:
                time.sleep(0.05)
        time.sleep(1)
        cluster.stop()
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 3, errors
    assert "Traceback" not in errors
    assert "server" in errors
