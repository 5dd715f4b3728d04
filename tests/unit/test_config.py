"""pgadvise.toml: found upward, checked, and no place for a password."""

from __future__ import annotations

from pathlib import Path

import pytest

from advisor.cli.config import find_config
from advisor.errors import UsageError


def write(folder: Path, text: str, name: str = "pgadvise.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_found_upward(tmp_path: Path) -> None:
    write(tmp_path, 'ram = "8GB"\n[rules."tables/dead_rows"]\nshare = 0.5\n')
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    config = find_config(below)
    assert config.get("ram", None) == "8GB"
    assert config.get("ram", "4GB") == "4GB", "the flag wins"
    assert config.rule_params == {"tables/dead_rows": {"share": 0.5}}


def test_pyproject_section(tmp_path: Path) -> None:
    write(tmp_path, '[tool.other]\nx = 1\n[tool.pgadvise]\nprofile = "web"\n', "pyproject.toml")
    assert find_config(tmp_path).get("profile", None) == "web"


def test_a_pyproject_without_the_section_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path, "cores = 4\n")
    inner = tmp_path / "project"
    inner.mkdir()
    write(inner, "[tool.other]\nx = 1\n", "pyproject.toml")
    assert find_config(inner).get("cores", None) == 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('dsn = "postgresql://me:secret@db/app"', "contains a password"),
        ('dsn = "host=db password=secret"', "contains a password"),
        ('colour = "red"', "unknown key 'colour'"),
        ("ram = 8", "'ram' has the wrong type"),
        ("ram = ", "not valid TOML"),
        ('[[ignore]]\nfinding = "a:b"', "has no reason"),
        ('[[ignore]]\nreason = "x"', "needs 'finding'"),
        ("rules = 3", r"\[rules\] must hold"),
    ],
)
def test_mistakes_are_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(UsageError, match=message) as caught:
        find_config(tmp_path)
    assert str(path) in caught.value.message
    assert "secret" not in str(caught.value)


def test_an_explicit_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        find_config(tmp_path, tmp_path / "missing.toml")
