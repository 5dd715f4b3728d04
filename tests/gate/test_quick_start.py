"""A verdict by rule is for hooks that run at every commit: what it does not need is not loaded."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

# What is slow to load, and only needed for servers, plans, reports and searches.
HEAVY = ("psycopg", "jinja2", "sqlglot", "scipy", "numpy", "highspy", "sqlalchemy", "advisor.whatif", "advisor.collect",
         "advisor.pipeline", "advisor.render.html", "advisor.model.snapshot", "advisor.model.report")  # fmt: skip
PROBE = """
import atexit, sys
from advisor.cli import main
atexit.register(lambda: sys.stderr.write("\\n".join(name for name in sys.modules)))
sys.argv = ["pgadvise", "gate", *sys.argv[1:]]
main()
"""


def loaded(*arguments: str) -> set[str]:
    command = [sys.executable, "-c", PROBE, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    return set(done.stderr.splitlines())


@pytest.mark.parametrize("format", ["text", "json", "sarif", "junit", "gitlab", "github"])
def test_heavy_modules_are_not_loaded_for_a_verdict_by_rule(tmp_path: Path, format: str) -> None:
    (tmp_path / "1.sql").write_text("drop table orders;")
    modules = loaded(str(tmp_path), "--format", format)
    assert "advisor.gate.static" in modules
    assert [name for name in HEAVY if name in modules] == []
    assert ("rich.console" in modules) == (format == "text")
