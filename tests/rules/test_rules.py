"""One generic test over every rule folder: documentation, cases, needs, and the cases' outcome."""

from __future__ import annotations

import ast
import json
import re
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import pglast
import pytest

from advisor.analyse import judge, missing_need
from advisor.model.lookup import Catalog
from advisor.model.server import Extension
from advisor.model.snapshot import Gap
from advisor.rulebook import UNITS, Rule, check_templates, load_rules
from tests.rules.cases import Case, cases_of, fill_snapshot

RULES = load_rules()
CASES = [case for rule in RULES for case in cases_of(rule)]
JSON_CASES = [case for case in CASES if not case.is_sql]
# A check computes on plain data: no file, network, process or thread; and none of ours but the model and the units.
PURE_MODULES = frozenset(
    """__future__ bisect collections dataclasses datetime enum fractions functools itertools json math operator re
    statistics string textwrap typing""".split()  # noqa: SIM905
)
every_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)


def test_there_are_rules() -> None:
    assert len(RULES) >= 50


@every_rule
def test_a_rule_has_documentation_and_both_kinds_of_cases(rule: Rule) -> None:
    readme = rule.readme
    for heading in ("## What it detects", "## Why it matters", "## When to ignore it"):
        assert heading in readme, f"README.md of {rule.id} lacks '{heading}'"
    cases = list(cases_of(rule))
    assert any(case.bad for case in cases), "no bad case"
    assert any(not case.bad for case in cases), "no good case"
    for case in cases:
        assert case.path.name.split(".")[-2] in ("bad", "good"), f"{case.path.name}: neither bad nor good"
        assert bool(case.expected) == case.bad, f"{case.path.name}: `expect` belongs to bad cases, and to all of them"


@every_rule
def test_a_rule_has_valid_metadata(rule: Rule) -> None:
    check_templates(rule)
    assert not rule.title.endswith("."), "a title is no sentence"
    for param in rule.params.values():
        assert param.unit in UNITS
        assert param.about
    for link in rule.metadata.docs:
        assert link.startswith("https://")
    assert {path.name for path in rule.folder.iterdir()} - {"__pycache__"} <= {
        "rule.toml", "README.md", "check.py", "cases", *(path.name for path in rule.queries.values()),
    }  # fmt: skip


@every_rule
def test_a_check_imports_only_the_model_and_pure_modules(rule: Rule) -> None:
    if not rule.has_check:
        return
    rule.check()
    for node in ast.walk(ast.parse((rule.folder / "check.py").read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        for name in names:
            ours = name in ("advisor.units", "advisor.model") or name.startswith("advisor.model.")
            assert ours or name.split(".")[0] in PURE_MODULES, f"check.py of {rule.id} imports {name}"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("open", "exec", "eval", "print", "__import__"), f"{node.func.id}() in check.py"


@every_rule
def test_queries_follow_the_house_style(rule: Rule) -> None:
    for path in rule.queries.values():
        text = path.read_text(encoding="utf-8")
        assert text.startswith("-- one row:"), f"{path}: the first comment says what a row is"
        assert "order by" in text, f"{path}: no order by"
        body = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("--"))
        unquoted = re.sub(r"'[^']*'", "", body)
        assert unquoted == unquoted.lower(), f"{path}: lowercase"
        pglast.parse_sql(body)


@every_rule
def test_a_rule_is_skipped_when_its_needs_are_missing(rule: Rule) -> None:
    """Never passed: neither without a snapshot part, nor without its query's rows, version, extension, privilege."""
    poor = fill_snapshot({"server": {"version_num": 80000, "is_superuser": False, "in_recovery": True}})
    poor = replace(poor, settings=())
    needs = rule.needs
    assert needs.parts or needs.extensions or needs.privileges or rule.queries, (
        f"{rule.id} needs nothing, so an unread part would look healthy"
    )
    empty_parts = [part for part in needs.parts if getattr(poor, part, None) not in (None, ())]
    if needs.parts and len(empty_parts) == len(needs.parts) and not rule.queries:
        return  # judges the server row, which every snapshot has
    poor = replace(poor, gaps=tuple(Gap(what=part, why="permission denied") for part in needs.parts))
    judgement = judge(poor, Catalog(poor), [rule])
    assert [item.rule for item in judgement.skipped] == [rule.id]
    assert judgement.skipped[0].why
    assert judgement.passed == ()
    assert judgement.findings == ()
    assert missing_need(rule, poor) is not None


@pytest.mark.parametrize("case", JSON_CASES, ids=lambda case: case.name)
def test_json_case(case: Case) -> None:
    snapshot = case.snapshot
    installed = {e.name for e in snapshot.extensions}
    for wanted in case.rule.needs.extensions:
        name, _, minimum = wanted.partition(">=")
        if name not in installed:
            extension = Extension(
                name=name, version=minimum or "1.0", schema="public", default_version=minimum or "1.0"
            )
            snapshot = replace(snapshot, extensions=(*snapshot.extensions, extension))
    judgement = judge(snapshot, Catalog(snapshot), [case.rule], {case.rule.id: case.params})
    assert judgement.skipped == ()
    assert sorted(finding.object for finding in judgement.findings) == case.expected
    for finding in judgement.findings:
        assert finding.title and finding.detail
        json.dumps(finding.evidence)  # for machines: plain values only
        assert "  " not in finding.title + finding.detail.replace("\n\n", "")
        for statement in (*finding.remedy.sql, *finding.remedy.undo_sql):
            pglast.parse_sql(statement)


def test_rules_travel_in_the_wheel() -> None:
    """Everything a rule consists of lies below rules/, which the wheel takes as a whole."""
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    included = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert included["rules"] == "advisor/rules"
    assert all(rule.folder.parents[1].name == "rules" for rule in RULES)


def test_pure_modules_are_in_the_standard_library() -> None:
    assert sys.stdlib_module_names >= PURE_MODULES - {"__future__"}
