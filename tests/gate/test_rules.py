"""Every migration rule against its own cases: `-- expect` stands before each statement the rule must find.

A case may begin with `-- catalog`: statements for a scratch database whose snapshot is then known; the migration
follows after `-- migration`.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from advisor.collect import collect
from advisor.connect import open_connection
from advisor.gate.rulebook import load_migration_rules
from advisor.gate.state import State
from advisor.gate.static import judge_text
from advisor.model.lookup import Catalog

RULES = tuple(replace(rule, enabled=True) for rule in load_migration_rules())
MAJOR = 18


def expected_lines(text: str) -> list[int]:
    """Return the lines of the statements that follow an `-- expect` comment."""
    lines = text.splitlines()
    return [number + 2 for number, line in enumerate(lines) if line.strip() == "-- expect"]


def found_lines(rule: str, text: str, catalog: Catalog | None) -> list[int]:
    newest = next(r.max_major for r in RULES if r.name == rule) or MAJOR
    file = judge_text("case.sql", text, State(newest, catalog), RULES)
    assert not [f for f in file.findings if f.rule == "syntax_error"], file.findings
    return [finding.line for finding in file.findings if finding.rule == rule]


@pytest.fixture
def known(make_database: Callable[..., str]) -> Callable[[str], Catalog]:
    def build(script: str) -> Catalog:
        dsn = make_database(MAJOR)
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(script.encode())
        with open_connection(dsn) as connection:
            return Catalog(collect(connection))

    return build


@pytest.mark.parametrize("kind", ["bad", "good"])
@pytest.mark.parametrize("rule", [rule.name for rule in RULES])
def test_cases(rule: str, kind: str, request: pytest.FixtureRequest) -> None:
    folder = next(r.folder for r in RULES if r.name == rule)
    text = (folder / "cases" / f"{kind}.sql").read_text()
    catalog = None
    if text.startswith("-- catalog"):
        script, _, migration = text.partition("-- migration\n")
        catalog = request.getfixturevalue("known")(script)
        text = migration
    expected = expected_lines(text)
    assert bool(expected) == (kind == "bad"), "a bad case has `-- expect`, a good one has none"
    assert found_lines(rule, text, catalog) == expected


@pytest.mark.parametrize("rule", [rule.name for rule in RULES])
def test_a_rule_is_documented_and_pure(rule: str) -> None:
    folder = next(r.folder for r in RULES if r.name == rule)
    readme = (folder / "README.md").read_text()
    for heading in ("## What it detects", "## Why it matters", "## When to ignore it"):
        assert heading in readme
    tree = ast.parse((folder / "check.py").read_text())
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert modules <= {"__future__", "collections.abc", "re"} | {
        m for m in modules if m and m.startswith("advisor.model.")
    }


def test_there_are_cases_for_every_folder() -> None:
    assert len(RULES) >= 50
    assert all(isinstance(rule.folder, Path) for rule in RULES)
