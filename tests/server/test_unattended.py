"""Runs nobody watches, as cron starts them: quiet, locked, bounded, delivered, and honest about failure."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from advisor.cluster import Cluster
from tests.server.test_cli import pgadvise, sentence

pytestmark = pytest.mark.server
MAJOR = 18


@pytest.fixture
def state(tmp_path: Path) -> dict[str, str]:
    """A state folder of the test's own, where locks are."""
    return {"XDG_STATE_HOME": str(tmp_path / "state")}


@pytest.fixture
def shop(make_database: Callable[..., str]) -> str:
    dsn = make_database(MAJOR)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("create extension if not exists pg_stat_statements")
        connection.execute("create table orders (id int, customer int)")
        connection.execute("insert into orders select i, i % 100 from generate_series(1, 40000) i")
        connection.execute("analyze orders")
    return dsn


def metrics(path: Path) -> dict[str, float]:
    families = text_string_to_metric_families(path.read_text())
    return {sample.name: sample.value for family in families for sample in family.samples}


def test_quiet_says_nothing_below_the_limit_and_all_above_it(shop: str, state: dict[str, str]) -> None:
    calm = pgadvise("health", "--dsn", shop, "--quiet", "--fail-on", "critical", env=state)
    assert (calm.returncode, calm.stdout, calm.stderr) == (0, "", "")
    # A table without a primary key, and autovacuum is off on the test server.
    loud = pgadvise("health", "--dsn", shop, "--quiet", "--fail-on", "low", env=state)
    assert loud.returncode == 1
    assert "WHAT TO DO FIRST" in loud.stdout
    assert pgadvise("health", "--dsn", shop, "--quiet", env=state).stdout, "nothing to judge by: the report is wanted"


def test_metrics_of_a_run_and_of_one_that_fails(shop: str, state: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "pgadvise.prom"
    result = pgadvise("health", "--dsn", shop, "--quiet", "--fail-on", "low", "--textfile", str(path), env=state)
    assert result.returncode == 1
    good = metrics(path)
    assert good["pgadvise_run_success"] == 1
    assert good["pgadvise_run_exit_code"] == 1
    assert good["pgadvise_database_size_bytes"] > 1_000_000
    with psycopg.connect(shop, autocommit=True) as connection:
        name = connection.info.dbname
    gone = shop.replace(f"dbname={name}", "dbname=not_there")
    result = pgadvise("health", "--dsn", gone, "--textfile", str(path), env=state)
    assert result.returncode == 3
    assert "does not exist" in sentence(result)
    bad = metrics(path)
    assert bad["pgadvise_run_success"] == 0
    assert bad["pgadvise_run_exit_code"] == 3
    assert "pgadvise_database_size_bytes" not in bad, "numbers of an older run would look fresh"


class _Hook(BaseHTTPRequestHandler):
    answer = 200
    seen: list[Any]

    def do_POST(self) -> None:
        self.seen.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.answer)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Tests print nothing."""


@pytest.fixture
def hook() -> Iterator[tuple[str, type[_Hook]]]:
    handler = type("Handler", (_Hook,), {"seen": []})
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hook", handler
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_webhook_hears_of_findings_and_failures_and_not_of_silence(
    shop: str, state: dict[str, str], hook: tuple[str, type[_Hook]]
) -> None:
    url, handler = hook
    quiet = ["--quiet", "--fail-on", "critical", "--webhook", url]
    assert pgadvise("health", "--dsn", shop, *quiet, env=state).returncode == 0
    assert handler.seen == []
    assert pgadvise("health", "--dsn", shop, "--webhook", "env:HOOK", env=state | {"HOOK": url}).returncode == 0
    assert handler.seen[-1]["status"] == "ok"
    assert pgadvise("health", "--dsn", "host=127.0.0.1 port=1 dbname=x", *quiet, env=state).returncode == 3
    assert handler.seen[-1]["status"] == "failed"
    assert "port 1" in handler.seen[-1]["error"]


def test_a_failed_delivery_loses_nothing_and_is_exit_code_three(
    shop: str, state: dict[str, str], tmp_path: Path, hook: tuple[str, type[_Hook]]
) -> None:
    url, handler = hook
    handler.answer = 404
    report, prom = tmp_path / "report.json", tmp_path / "x.prom"
    result = pgadvise(
        "health", "--dsn", shop, "-o", str(report), "-o", str(tmp_path / "missing" / "x.html"),
        "--mail-to", "dba@example.com", "--webhook", url, "--textfile", str(prom),
        env=state | {"PGADVISE_SMTP_PORT": "1", "PGADVISE_SMTP_FROM": "p@example.com"},
    )  # fmt: skip
    assert result.returncode == 3
    complaints = [line for line in result.stderr.splitlines() if line.startswith("pgadvise: ")]
    assert len(complaints) == 3
    assert "missing" in complaints[0] and "mail to dba@example.com" in complaints[1] and "404" in complaints[2]
    assert json.loads(report.read_text())["schema_version"] == 1
    assert metrics(prom)["pgadvise_run_success"] == 1
    assert len(handler.seen) == 1


def _slow(dsn: str, *arguments: str, env: dict[str, str]) -> subprocess.Popen[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("PG") and k != "DATABASE_URL"}
    return subprocess.Popen(
        [sys.executable, "-c", "from advisor.cli import main; main()", "report", "--dsn", dsn, *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=clean | env,
    )  # fmt: skip


def test_two_runs_do_not_pile_up(shop: str, state: dict[str, str], tmp_path: Path) -> None:
    prom = tmp_path / "x.prom"
    # --sample keeps the first run busy, with its lock held.
    first = _slow(shop, "--sample", "280s", "--what-if", "none", "--max-time", "10min", env=state)
    try:
        locks = tmp_path / "state" / "pgadvise" / "locks"
        deadline = time.monotonic() + 150  # starting takes a second, and half a minute on a crowded machine
        while not (locks.is_dir() and list(locks.iterdir())):
            assert time.monotonic() < deadline and first.poll() is None
            time.sleep(0.05)
        second = pgadvise("health", "--dsn", shop, "--textfile", str(prom), env=state)
        assert second.returncode == 3
        assert "still looking at" in sentence(second)
        assert not prom.exists(), "the metrics are the first run's"
        assert pgadvise("health", "--dsn", shop, "-f", "json", env=state).returncode == 0, "a look by hand is no pile"
    finally:
        first.send_signal(signal.SIGTERM)
        first.communicate(timeout=90)
    assert pgadvise("health", "--dsn", shop, "--textfile", str(prom), env=state).returncode == 0


def _postgres_below(process: psutil.Process) -> list[psutil.Process]:
    return [p for p in process.children(recursive=True) if p.name().startswith("postgres")]


def test_time_that_is_over_before_anything_is_finished(
    shop: str, state: dict[str, str], clusters: Callable[[int], Cluster], tmp_path: Path
) -> None:
    prom = tmp_path / "x.prom"
    result = pgadvise(
        "report", "--dsn", shop, "--sample", "60s", "--max-time", "2s", "--textfile", str(prom), env=state
    )
    assert result.returncode == 3
    assert "was over before anything was finished" in sentence(result)
    assert metrics(prom)["pgadvise_run_success"] == 0
    with psycopg.connect(clusters(MAJOR).dsn(), autocommit=True) as connection:
        row = connection.execute(
            "select count(*) from pg_stat_activity where application_name like 'pgadvise/%'"
        ).fetchone()
    assert row is not None and row[0] == 0, "no session is left on the server"


def test_time_that_is_over_in_the_twin_leaves_a_report_and_no_server(shop: str, state: dict[str, str]) -> None:
    with psycopg.connect(shop, autocommit=True) as connection:
        for number in range(60):
            connection.execute(
                f"select * from orders where customer = 1 and id > {number} order by id limit {number + 1}"
            )
    process = _slow(shop, "--format", "json", "--max-time", "10min", env=state)
    watched = psutil.Process(process.pid)
    deadline = time.monotonic() + 150
    while not _postgres_below(watched):
        assert process.poll() is None and time.monotonic() < deadline, "the twin was never started"
        time.sleep(0.02)
    servers = _postgres_below(watched)
    # The clock's own signal, sent early: what --max-time does, at a moment the test has chosen.
    process.send_signal(signal.SIGALRM)
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    report = json.loads(output)
    assert any("--max-time" in gap["why"] for gap in report["gaps"])
    assert report["settings"] is not None
    _, alive = psutil.wait_procs(servers, timeout=30)
    # One that was killed may wait for an init process that does not collect it.
    assert not [found for found in alive if found.status() != psutil.STATUS_ZOMBIE], "the twin is gone"
