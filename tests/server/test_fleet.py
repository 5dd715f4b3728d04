"""Many databases on real servers: workers, shards in several processes, a shared history, bad targets among good."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families
from typer.testing import CliRunner

from advisor.cli import report_commands
from advisor.cli.app import app
from advisor.cluster import Cluster
from advisor.errors import UsageError
from advisor.history.store import open_history
from tests.server.test_cli import pgadvise

pytestmark = pytest.mark.server
DATABASES = ("fleet_a", "fleet_ü/x", "fleet_test")


@pytest.fixture(scope="module")
def servers(clusters: Callable[[int], Cluster]) -> Iterator[list[Cluster]]:
    running = [clusters(15), clusters(18)]
    for cluster in running:
        with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
            for name in DATABASES:
                connection.execute(f'create database "{name}"')
        for name in DATABASES:
            with psycopg.connect(cluster.dsn(name), autocommit=True) as connection:
                connection.execute("create table orders (id int, customer int)")
    yield running
    for cluster in running:
        with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
            for name in DATABASES:
                connection.execute(f'drop database "{name}" with (force)')


@pytest.fixture
def file(servers: list[Cluster], tmp_path: Path) -> Path:
    lines = [
        f'[[target]]\nname = "pg{cluster.major}"\ndsn = "host={cluster.directory} user=postgres"\n'
        f'databases = ["fleet_*"]\nexclude = ["*_test"]\nlabels = {{ major = "{cluster.major}" }}\n'
        for cluster in servers
    ]
    lines.append('[[target]]\nname = "gone"\ndsn = "host=127.0.0.1 port=1 dbname=x"\n')
    lines.append(
        f'[[target]]\nname = "locked-out"\ndsn = "host={servers[0].directory} user=nobody_here dbname=fleet_a"\n'
    )
    path = tmp_path / "fleet.toml"
    path.write_text("\n".join(lines))
    return path


@pytest.fixture
def state(tmp_path: Path) -> dict[str, str]:
    return {"XDG_STATE_HOME": str(tmp_path / "state")}


NAMES = [f"pg{major}/{name}" for major in (15, 18) for name in ("fleet_a", "fleet_ü/x")]


def test_every_database_gets_its_report_and_bad_targets_their_sentence(
    file: Path, state: dict[str, str], tmp_path: Path
) -> None:
    prom = tmp_path / "fleet.prom"
    result = pgadvise(
        "health", "--targets", str(file), "-o", str(tmp_path / "out" / "{name}.json"),
        "-o", str(tmp_path / "fleet.json"), "-o", str(tmp_path / "fleet.html"),
        "--textfile", str(prom), "--workers", "2", env=state,
    )  # fmt: skip
    assert result.returncode == 3, result.stderr
    page = json.loads((tmp_path / "fleet.json").read_text())
    found = {row["name"]: row for row in page["targets"]}
    assert sorted(found) == sorted([*NAMES, "gone", "locked-out"])
    assert found["gone"]["status"] == "failed" and "port 1" in found["gone"]["error"]
    assert "nobody_here" in found["locked-out"]["error"]
    assert found["pg18/fleet_a"]["labels"] == {"major": "18"}
    assert page["totals"]["servers"] == 2
    shared = {item["key"]: item for item in page["shared"]}
    key = shared["tables/no_primary_key:public.orders"]
    assert (key["count"], key["servers"]) == (4, 2)
    reports = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert reports == sorted(f"pg{m}@{n}.json" for m in (15, 18) for n in ("fleet_a", "fleet_%C3%BC%2Fx"))
    report = json.loads((tmp_path / "out" / "pg15@fleet_%C3%BC%2Fx.json").read_text())
    assert report["server"]["database"] == "fleet_ü/x"
    assert "pg18/fleet_ü/x" in (tmp_path / "fleet.html").read_text()
    samples = [s for family in text_string_to_metric_families(prom.read_text()) for s in family.samples]
    success = {s.labels["target"]: s.value for s in samples if s.name == "pgadvise_run_success"}
    assert success == dict.fromkeys(NAMES, 1.0) | {"gone": 0.0, "locked-out": 0.0}


def test_shards_in_processes_of_their_own_share_one_history(
    file: Path, state: dict[str, str], tmp_path: Path, make_database: Callable[..., str]
) -> None:
    place = make_database(18)
    clean = {k: v for k, v in os.environ.items() if not k.startswith("PG") and k != "DATABASE_URL"} | state

    def run(count: int) -> list[dict[str, object]]:
        processes = [
            subprocess.Popen(
                [
                    sys.executable, "-c", "from advisor.cli import main; main()", "health", "--targets", str(file),
                    "--shard", f"{index}/{count}", "--history", place, "--format", "json", "--workers", "2",
                ],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=clean,
            )
            for index in range(count)
        ]  # fmt: skip
        answers = [process.communicate(timeout=280) for process in processes]
        assert all(process.returncode in (0, 3) for process in processes), answers
        return [json.loads(output) for output, _ in answers]

    pages = run(2)
    seen = [row["name"] for page in pages for row in page["targets"]]  # type: ignore[attr-defined]
    assert sorted(seen) == sorted([*NAMES, "gone", "locked-out"]), "each target in exactly one shard"
    with open_history(place, tell=lambda _text: None) as history:
        rows = history.targets()
        assert sorted(row.name for row in rows) == sorted(NAMES)
        assert all(len(history.runs(row.id)) == 1 for row in rows)
    # Another night, another number of shards: the same history goes on.
    pages = run(1)
    for page in pages:
        for row in page["targets"]:  # type: ignore[attr-defined]
            if row["status"] != "failed":
                assert row["changes"] is not None, row
    with open_history(place, tell=lambda _text: None) as history:
        assert all(len(history.runs(row.id)) == 2 for row in history.targets())


def test_passwords_come_from_the_environment_or_a_command(
    servers: list[Cluster], state: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "fleet.toml"
    base = f'dsn = "host={servers[0].directory} user=postgres dbname=fleet_a"\n'
    other = base.replace(str(servers[0].directory), str(servers[1].directory))  # two looks at one database exclude
    path.write_text(
        f'[[target]]\nname = "env"\n{base}password_env = "FLEET_PW"\n'
        f'[[target]]\nname = "unset"\n{base}password_env = "NOT_SET"\n'
        f'[[target]]\nname = "command"\n{other}password_command = ["printf", "s3cret"]\n'
        f'[[target]]\nname = "broken"\n{base}password_command = "sh -c \'echo s3cret; exit 1\'"\n'
    )
    result = pgadvise("health", "--targets", str(path), "-f", "json", env=state | {"FLEET_PW": "s3cret"})
    status = {row["name"]: row["error"] for row in json.loads(result.stdout)["targets"]}
    assert status["env"] is None and status["command"] is None
    assert "NOT_SET" in status["unset"] and "ended with 1" in status["broken"]
    assert "s3cret" not in result.stdout + result.stderr


def test_overrides_quiet_and_exit_codes(servers: list[Cluster], state: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "fleet.toml"
    dsn = f'dsn = "host={servers[0].directory} user=postgres dbname=fleet_a"\n'
    path.write_text(f'[[target]]\nname = "a"\n{dsn}')
    calm = pgadvise("health", "--targets", str(path), "--quiet", "--fail-on", "critical", env=state)
    assert (calm.returncode, calm.stdout, calm.stderr) == (0, "", "")
    path.write_text(f'[[target]]\nname = "a"\n{dsn}fail_on = "low"\n')
    strict = pgadvise("health", "--targets", str(path), "--quiet", "--fail-on", "critical", env=state)
    assert strict.returncode == 1
    assert "a: " in strict.stdout
    path.write_text(f'[[target]]\nname = "a"\n{dsn}max_time = "1s"\n')
    late = pgadvise("health", "--targets", str(path), "--sample", "5s", "-f", "json", env=state)
    rows = {row["name"]: row for row in json.loads(late.stdout)["targets"]}
    assert "Its time (1s) was over" in rows["a"]["error"]
    assert late.returncode == 3


def test_time_that_is_over_delivers_what_is_finished(
    servers: list[Cluster], state: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "fleet.toml"
    dsn = f"host={servers[1].directory} user=postgres"
    path.write_text(
        '[[target]]\nname = "gone"\ndsn = "host=127.0.0.1 port=1 dbname=x"\n'
        f'[[target]]\nname = "slow"\ndsn = "{dsn} dbname=fleet_a"\n'
        f'[[target]]\nname = "later"\ndsn = "{dsn} dbname=fleet_test"\n'
    )
    result = pgadvise(
        "health", "--targets", str(path), "--sample", "250s", "--workers", "1", "--max-time", "12s", "-f", "json",
        env=state,
    )  # fmt: skip
    assert result.returncode == 3
    why = {row["name"]: row["error"] for row in json.loads(result.stdout)["targets"]}
    assert "port 1" in why["gone"]
    assert "over while it was being looked at" in why["slow"]
    assert "over before it was looked at" in why["later"]


def test_ctrl_c_ends_the_workers(file: Path, state: dict[str, str]) -> None:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("PG")} | state
    flags = ["--targets", str(file), "--sample", "280s"]
    process = subprocess.Popen(
        [sys.executable, "-c", "from advisor.cli import main; main()", "health", *flags],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=clean,
    )  # fmt: skip
    watched = psutil.Process(process.pid)
    deadline = time.monotonic() + 150
    while len(watched.children(recursive=True)) < 4:  # fork server, resource tracker, two workers
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    family = watched.children(recursive=True)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    _, alive = psutil.wait_procs(family, timeout=60)
    assert not alive


def test_what_one_run_cannot_mix(file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert report_commands, "importing it registers the command"

    def refused(*arguments: str) -> bool:
        result = CliRunner().invoke(app, ["report", *arguments])
        return isinstance(result.exception, UsageError) and result.exception.exit_code == 2

    for more in (["--dsn", "host=x"], ["--replica", "host=x"], ["--shard", "4/4"], ["--format", "sarif"]):
        assert refused("--targets", str(file), *more), more
    assert refused("--shard", "0/2")
    assert refused("--targets", "missing.toml")
