"""Exit codes of `pgadvise gate`, and where its output goes."""

from __future__ import annotations

import json
from pathlib import Path

from tests.server.test_cli import pgadvise, sentence


def test_exit_codes(tmp_path: Path) -> None:
    harmless, harmful, broken = tmp_path / "a.sql", tmp_path / "b.sql", tmp_path / "c.sql"
    harmless.write_text("create table fresh (id bigint primary key);")
    harmful.write_text("drop table orders;")
    broken.write_bytes(b"\xff\xfe")
    assert pgadvise("gate", str(harmless)).returncode == 0
    assert pgadvise("gate", str(harmful)).returncode == 1
    assert pgadvise("gate", str(harmful), "--fail-on", "critical").returncode == 0
    unreadable = pgadvise("gate", str(harmless), str(broken))
    assert unreadable.returncode == 3
    assert "not UTF-8" in sentence(unreadable)
    assert pgadvise("gate", str(harmful), str(broken)).returncode == 1


def test_the_named_format_wins_over_the_ending(tmp_path: Path) -> None:
    path = tmp_path / "m.sql"
    path.write_text("drop table orders;")
    report = tmp_path / "code-quality.json"
    result = pgadvise("gate", str(path), "--format", "gitlab", "-o", str(report))
    assert result.returncode == 1
    assert result.stdout == ""
    assert isinstance(json.loads(report.read_text()), list)
    assert pgadvise("gate", str(path), "-o", str(tmp_path / "x.json")).returncode == 1
    assert json.loads((tmp_path / "x.json").read_text())["schema_version"] == 1
    from_input = pgadvise("gate", "-", "--format", "json", stdin="truncate orders;")
    assert from_input.returncode == 1
    assert json.loads(from_input.stdout)["files"][0]["findings"][0]["line"] == 1


def test_style_is_off_until_it_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "m.sql"
    path.write_text("create table t (id serial, at timestamp);")

    def found(*flags: str) -> set[str]:
        result = pgadvise("gate", str(path), "--format", "json", *flags)
        assert result.returncode == 0, result.stderr
        findings = json.loads(result.stdout)["files"][0]["findings"]
        assert {finding["severity"] for finding in findings} <= {"info"}
        return {finding["rule"] for finding in findings}

    style = {
        "missing_comment",
        "prefer_identity",
        "prefer_bigint",
        "prefer_timestamptz",
        "missing_if_exists",
        "table_without_primary_key",
    }
    assert found() == set()
    assert found("--style") == style
    assert found("--style", "--disable", "prefer_bigint") == style - {"prefer_bigint"}
    config = tmp_path / "pgadvise.toml"
    config.write_text('[gate]\nstyle = true\ndisable = ["missing_if_exists"]\n')
    assert found("--config", str(config)) == style - {"missing_if_exists"}
