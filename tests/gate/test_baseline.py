"""Only new findings: a baseline survives moved lines, other blanks and other folders' spelling, and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from advisor.errors import UsageError
from advisor.gate import judge_migrations
from advisor.gate.baseline import identities, only_new, read_baseline, write_baseline
from advisor.gate.files import MigrationText
from advisor.model.migration import GateFile

OLD = "set lock_timeout = '1s';\ndrop table a;\ntruncate b;\n"


def judge(text: str, path: str = "m/1.sql") -> GateFile:
    (file,) = judge_migrations([MigrationText(path, text)], 17)
    return file


def fresh(text: str, path: str = "m/1.sql") -> list[str]:
    known = read_baseline(write_baseline([judge(OLD)]), "b.json")
    return [finding.rule for finding in only_new([judge(text, path)], known).files[0].findings]


@pytest.mark.parametrize(
    ("text", "path", "new"),
    [
        (OLD, "m/1.sql", []),
        (f"-- a comment\n\n{OLD}", "./m/1.sql", []),
        ("set lock_timeout = '1s';\ndrop   table\n  a;\ntruncate b;\n", "m/1.sql", []),
        (f"{OLD}drop table c;\n", "m/1.sql", ["drop_table"]),
        (f"{OLD}drop table if exists a cascade;\n", "m/1.sql", ["drop_cascade", "drop_table"]),
        (f"{OLD}truncate b;\n", "m/1.sql", ["truncate"]),  # the same once more is one more
        (OLD, "m/2.sql", ["drop_table", "truncate"]),
    ],
)
def test_only_what_is_new(text: str, path: str, new: list[str]) -> None:
    assert sorted(fresh(text, path)) == new


def test_what_is_gone_is_counted() -> None:
    known = read_baseline(write_baseline([judge(OLD)]), "b.json")
    assert len(known) == 2
    found = only_new([judge("drop table a;")], known)
    assert (found.known, found.gone) == (1, 1)


def test_identities_are_unique() -> None:
    file = judge("drop table a;\ndrop table a;\ndrop table a;\n")
    names = identities(file, file.findings)
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"files": 3}', '{"schema_version": 2, "baseline": []}', '{"files": [{}]}']
)
def test_another_file_is_one_sentence(text: str) -> None:
    with pytest.raises(UsageError, match=r"baseline b\.json"):
        read_baseline(text, "b.json")


def pgadvise(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "advisor.cli", "gate", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)


def test_on_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "1.sql").write_text(OLD)
    written = pgadvise(tmp_path, "m", "--write-baseline", "known.json")
    assert written.returncode == 0 and "2 findings" in written.stderr
    assert len(json.loads((tmp_path / "known.json").read_text())["baseline"]) == 2
    assert pgadvise(tmp_path, "m").returncode == 1
    quiet = pgadvise(tmp_path, "m", "--baseline", "known.json")
    assert quiet.returncode == 0
    assert "2 findings are in known.json already" in quiet.stdout
    (tmp_path / "m" / "2.sql").write_text("drop table other;")
    assert pgadvise(tmp_path, "m", "--baseline", "known.json").returncode == 1
    # the gate's own JSON serves too
    (tmp_path / "report.json").write_text(pgadvise(tmp_path, "m", "--format", "json").stdout)
    assert pgadvise(tmp_path, "m", "--baseline", "report.json").returncode == 0
    assert pgadvise(tmp_path, "m", "--baseline", "missing.json").returncode == 2
    # names in every format are those of the baseline: they do not change when lines move
    before = json.loads(pgadvise(tmp_path, "m", "--format", "gitlab").stdout)
    (tmp_path / "m" / "1.sql").write_text("\n\n" + OLD)
    after = json.loads(pgadvise(tmp_path, "m", "--format", "gitlab").stdout)
    assert [issue["fingerprint"] for issue in before] == [issue["fingerprint"] for issue in after]


def test_configuration(tmp_path: Path) -> None:
    (tmp_path / "1.sql").write_text("alter table orders drop column note;")
    assert pgadvise(tmp_path, "1.sql").returncode == 1
    (tmp_path / "pgadvise.toml").write_text('[gate]\ndisable = ["drop_column", "migrations/lock_timeout_missing"]\n')
    quiet = pgadvise(tmp_path, "1.sql")
    assert quiet.returncode == 0 and "nothing to object to" in quiet.stdout
    (tmp_path / "pgadvise.toml").write_text('[gate]\nfail_on = "critical"\nin_transaction = true\nmajor = 15\n')
    assert pgadvise(tmp_path, "1.sql").returncode == 0
    assert pgadvise(tmp_path, "1.sql", "--fail-on", "high").returncode == 1
    for wrong in ('disable = ["nosuch"]', "nosuch = 1", "threshold = 0.5", 'fail_on = "bad"', 'in_transaction = "yes"'):
        (tmp_path / "pgadvise.toml").write_text(f"[gate]\n{wrong}\n")
        refused = pgadvise(tmp_path, "1.sql")
        assert refused.returncode == 2 and "Traceback" not in refused.stderr, wrong
