"""The ready files: every command line in them is one this program understands, every path one that is there."""

from __future__ import annotations

import ast
import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer

from advisor.fleet.targets import read_targets

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
_FIELDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


def _commands() -> dict[str, Any]:
    from advisor.cli import gate, inspect_commands, report_commands, settings_commands, upgrade
    from advisor.cli.app import app

    assert all((gate, inspect_commands, report_commands, settings_commands, upgrade))
    return dict(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


def understand(command: str) -> dict[str, Any]:
    """Return the flags of a command line `pgadvise …`; fails where a flag is unknown or a value is missing."""
    words = shlex.split(command)
    words = words[words.index(next(word for word in words if word.rpartition("/")[2] == "pgadvise")) + 1 :]
    return dict(_commands()[words[0]].make_context(words[0], words[1:]).params)


def _joined(text: str) -> str:
    return re.sub(r"\\\n\s*", "", text)


def test_crontab() -> None:
    lines = [line for line in (DEPLOY / "crontab").read_text().splitlines() if line and not line.startswith("#")]
    entries = [line for line in lines if not re.match(r"^\w+=", line)]
    assert len(entries) == 1
    *fields, command = entries[0].split(maxsplit=5)
    for field, (low, high) in zip(fields, _FIELDS, strict=True):
        assert field == "*" or all(low <= int(part) <= high for part in field.split(","))
    assert "%" not in command, "cron takes a % for a line break"
    flags = understand(command)
    assert flags["quiet"] and flags["history"] == "default" and flags["max_time"] == "30min"
    assert flags["mail_to"], "with -o nothing is printed that cron could mail"


def test_the_shell_gives_the_crontab_line_to_the_program_whole(tmp_path: Path) -> None:
    """As cron runs it: `sh -c` of what follows the times, with the variables above it and no others."""
    lines = (DEPLOY / "crontab").read_text().splitlines()
    given = dict(line.split("=", 1) for line in lines if re.match(r"^\w+=", line))
    (entry,) = (line for line in lines if re.match(r"^[\d*]", line))
    command = entry.split(maxsplit=5)[5]
    program = tmp_path / "pgadvise"
    program.write_text('#!/bin/sh\nfor word in "$@"; do printf "%s\\n" "$word"; done\n')
    program.chmod(0o755)
    given["PATH"] = f"{tmp_path}:{given['PATH']}"
    run = subprocess.run(["/bin/sh", "-c", command], env=given, capture_output=True, text=True, check=True)
    assert run.stdout.splitlines() == shlex.split(command)[1:] and run.stderr == ""


def test_systemd_units(tmp_path: Path) -> None:
    service = (DEPLOY / "systemd" / "pgadvise.service").read_text()
    (command,) = re.findall(r"^ExecStart=(.*)$", _joined(service), re.MULTILINE)
    assert understand(command)["targets"] == Path("/etc/pgadvise/fleet.toml")
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not on this machine")
    (tmp_path / "pgadvise.service").write_text(service.replace("/usr/local/bin/pgadvise", "/bin/true"))
    timer = (DEPLOY / "systemd" / "pgadvise.timer").read_text()
    (tmp_path / "pgadvise.timer").write_text(timer)
    units = [tmp_path / "pgadvise.service", tmp_path / "pgadvise.timer"]
    verified = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
    assert (verified.returncode, verified.stderr) == (0, "")
    (calendar,) = re.findall(r"^OnCalendar=(.*)$", timer, re.MULTILINE)
    subprocess.run(["systemd-analyze", "calendar", calendar], capture_output=True, check=True)


def test_kubernetes_commands() -> None:
    job = (DEPLOY / "kubernetes" / "cronjob.yaml").read_text()
    args = re.search(r"args:\n((?: +- .*\n)+)", job)
    assert args is not None
    words = [line.strip().removeprefix("- ") for line in args[1].splitlines()]
    flags = understand("pgadvise " + " ".join(words))
    assert flags["dsn"] == "service=shop" and flags["history"] == "service=history"
    assert flags["fail_on"].value == "never", "findings must not look like a failed job"
    fleet = (DEPLOY / "kubernetes" / "fleet.yaml").read_text()
    shell = re.search(r"- >-\n((?: {18}.*\n)+)", fleet)
    assert shell is not None
    flags = understand(" ".join(shell[1].split()).replace("$JOB_COMPLETION_INDEX", "3"))
    count = re.search(r"completions: (\d+)", fleet)
    assert count is not None and flags["shard"] == f"3/{count[1]}"


def test_kubernetes_targets(tmp_path: Path) -> None:
    fleet = (DEPLOY / "kubernetes" / "fleet.yaml").read_text()
    block = re.search(r"fleet\.toml: \|\n((?:    .*\n|\n)+)", fleet)
    assert block is not None
    (tmp_path / "fleet.toml").write_text(re.sub(r"^    ", "", block[1], flags=re.MULTILINE))
    assert [target.name for target in read_targets(tmp_path / "fleet.toml")] == ["shop", "warehouse"]


def test_kubernetes_manifests_are_read_by_its_own_tool(tmp_path: Path) -> None:
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not on this machine")
    names = sorted(path.name for path in (DEPLOY / "kubernetes").glob("*.yaml"))
    for name in names:
        shutil.copy(DEPLOY / "kubernetes" / name, tmp_path / name)
    (tmp_path / "kustomization.yaml").write_text("resources:\n" + "".join(f"- {name}\n" for name in names))
    built = subprocess.run(["kubectl", "kustomize", tmp_path], capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    assert built.stdout.count("kind: CronJob") == 2
    assert "completionMode: Indexed" in built.stdout


def test_kubernetes_manifests_fit_the_published_schemas() -> None:
    """Strictly, so that a misspelled key is an error; `pip install kubernetes-validate` brings the schemas."""
    validator = pytest.importorskip("kubernetes_validate")
    yaml = pytest.importorskip("yaml")
    for path in sorted((DEPLOY / "kubernetes").glob("*.yaml")):
        for document in yaml.safe_load_all(path.read_text()):
            for version in ("1.28", validator.latest_version()):
                validator.validate(document, version, strict=True)


def test_airflow_reads_the_dag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    pytest.importorskip("airflow", reason="Airflow is not installed")
    name = {"__name__": "pgadvise_fleet", "__file__": str(DEPLOY / "airflow" / "pgadvise_fleet.py")}
    exec(compile((DEPLOY / "airflow" / "pgadvise_fleet.py").read_text(), name["__file__"], "exec"), name)
    dag: Any = name["dag"]
    assert dag.get_task("look").get_parse_time_mapped_ti_count() == 8


def test_airflow() -> None:
    text = (DEPLOY / "airflow" / "pgadvise_fleet.py").read_text()
    tree = ast.parse(text)
    commands = [node.value for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg == "bash_command"]
    command = ast.literal_eval(commands[0])
    assert understand(command.replace("$SHARD", "0/8"))["shard"] == "0/8"


def test_containerfile() -> None:
    lines = _joined((DEPLOY / "Containerfile").read_text()).splitlines()
    instructions = [line for line in lines if line and not line.startswith("#")]
    known = {"ARG", "FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "VOLUME", "ENTRYPOINT", "CMD"}
    assert {line.split()[0] for line in instructions} <= known
    copied: set[str] = set()
    for line in instructions:
        if line.startswith("COPY ") and "--from" not in line:
            *sources, _ = line.split()[1:]
            assert all((ROOT / source).exists() for source in sources), line
            copied |= {source.partition("/")[0] for source in sources}
    # Whatever the wheel is made of must be in the image that builds it.
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert {path.partition("/")[0] for path in (*wheel["packages"], *wheel["force-include"])} <= copied
    assert instructions[-3:] == ["VOLUME /var/lib/pgadvise", 'ENTRYPOINT ["pgadvise"]', 'CMD ["--help"]']
    assert any(line.startswith("USER 10001") for line in instructions), "PostgreSQL does not run as root"


def test_example_of_targets() -> None:
    shop, warehouse = read_targets(DEPLOY / "targets.example.toml")
    assert len(shop.replicas) == 2
    assert warehouse.databases == ("*",)


@pytest.mark.parametrize("name", ["cron.md", "fleet.md"])
def test_commands_of_the_documentation(name: str) -> None:
    text = (ROOT / "docs" / name).read_text()
    blocks = [_joined(block) for block in re.findall(r"```\n(.*?)```", text, re.DOTALL)]
    commands = [line for block in blocks for line in block.splitlines() if line.startswith("pgadvise ")]
    assert commands
    for command in commands:
        understand(command)
    for target in re.findall(r"\]\(\.\./([^)]+)\)", text):
        assert (ROOT / target).exists(), target
