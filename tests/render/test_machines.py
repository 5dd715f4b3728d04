"""SARIF, JUnit, GitHub, GitLab, CSV, SQL and Prometheus: each as its readers want it."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest

from advisor.errors import UsageError
from advisor.model.finding import Severity
from advisor.model.report import Report
from advisor.render import FORMATS, items, render
from advisor.render.csv import COLUMNS
from advisor.render.steps import removes_rows
from tests.render.samples import SAMPLES, hostile_report, huge_report, rich_report

EVERY = pytest.mark.parametrize("make", SAMPLES.values(), ids=SAMPLES)


def made(report: Report, format: str) -> str:
    return render(report, format, color=False, width=None)


@pytest.mark.parametrize("format", FORMATS)
@EVERY
def test_every_format_ends_in_one_line_break_and_is_valid_unicode(make: Callable[[], Report], format: str) -> None:
    text = made(make(), format)
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    text.encode()


def test_unknown_format_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="pdf"):
        made(rich_report(), "pdf")


@EVERY
def test_sarif(make: Callable[[], Report]) -> None:
    report = make()
    log: Any = json.loads(made(report, "sarif"))
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert len(rules) == len(set(rules))
    assert len(run["results"]) == len(items(report))
    prints = set()
    for result in run["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
        assert result["level"] in {"error", "warning", "note"}
        assert result["message"]["text"]
        uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        assert re.fullmatch(r"[A-Za-z0-9_.~/%-]+", uri), uri
        assert unquote(uri).startswith("database/")
        prints.add(result["partialFingerprints"]["pgadvise/v1"])
    assert len(prints) == len(run["results"])


def test_sarif_stays_within_the_limit_of_code_scanning() -> None:
    log = json.loads(made(huge_report(6_000), "sarif"))
    assert len(log["runs"][0]["results"]) == 5_000
    assert log["runs"][0]["properties"]["resultsTotal"] > 5_000


@EVERY
def test_junit(make: Callable[[], Report]) -> None:
    report = make()
    root = ElementTree.fromstring(made(report, "junit"))
    found = items(report)
    assert int(root.attrib["tests"]) == len(root.findall("testsuite/testcase"))
    failures = root.findall("testsuite/testcase/failure")
    assert int(root.attrib["failures"]) == len(failures) == sum(i.severity.value != "info" for i in found)
    assert len(root.findall("testsuite/testcase/skipped")) == len(report.skipped)


@EVERY
def test_github_commands_are_one_line_each(make: Callable[[], Report]) -> None:
    lines = made(make(), "github").splitlines()
    assert all(re.match(r"::(error|warning|notice) title=[^:,]*::.", line) for line in lines[:-1]), lines
    assert lines[-1].startswith("pgadvise: ")


def test_github_shows_ten_of_a_kind_and_says_so() -> None:
    lines = made(huge_report(200), "github").splitlines()
    assert max(sum(line.startswith(f"::{kind}") for line in lines) for kind in ("error", "warning", "notice")) == 10
    assert re.search(r"\(\d+ more are not shown here\)$", lines[-1])


@EVERY
def test_gitlab(make: Callable[[], Report]) -> None:
    issues = json.loads(made(make(), "gitlab"))
    assert len({issue["fingerprint"] for issue in issues}) == len(issues)
    for issue in issues:
        assert issue["severity"] in {"info", "minor", "major", "critical", "blocker"}
        assert issue["location"]["lines"]["begin"] == 1


@EVERY
def test_csv(make: Callable[[], Report]) -> None:
    report = make()
    rows = list(csv.reader(io.StringIO(made(report, "csv"))))
    assert tuple(rows[0]) == COLUMNS
    assert {len(row) for row in rows} == {len(COLUMNS)}
    assert [row[3] for row in rows[1:]] == [item.severity.value for item in items(report)]


def test_csv_cells_are_no_formulas() -> None:
    report = rich_report()
    finding = replace(report.findings[0], title="=HYPERLINK(1)", detail="+1", object="@x")
    rows = csv.reader(io.StringIO(made(replace(report, findings=(finding,)), "csv")))
    for row in rows:
        assert not any(cell.startswith(("=", "+", "-", "@")) for cell in row)


@EVERY
def test_prometheus(make: Callable[[], Report]) -> None:
    lines = made(make(), "prometheus").splitlines()
    label = r'[a-z_]+="(?:[^"\\\n]|\\["\\n])*"'
    sample = re.compile(rf"pgadvise_[a-z_]+\{{{label}(?:,{label})*\}} -?[0-9.e+]+")
    names: list[str] = []
    for line in lines:
        if line.startswith("# HELP"):
            names.append(line.split()[2])
        elif not line.startswith("# TYPE"):
            assert sample.fullmatch(line), line
            assert line.startswith(names[-1] + "{")
    assert len(names) == len(set(names))
    assert len({line.rsplit(" ", 1)[0] for line in lines}) == len(lines), "a series twice"


def test_prometheus_series_are_bounded() -> None:
    assert len(made(huge_report(2_000), "prometheus").splitlines()) < 400


@EVERY
def test_script_runs_outside_transactions_and_comments_stay_comments(make: Callable[[], Report]) -> None:
    report = make()
    text = made(report, "sql")
    assert not re.search(r"^\s*(begin|start transaction|commit)\b", text, re.IGNORECASE | re.MULTILINE)
    squeezed = " ".join(text.split())
    if report is not None and make is not SAMPLES["hostile"]:
        for item in items(report):
            for statement in item.sql if item.severity is not Severity.INFO and not removes_rows(item.sql) else ():
                assert " ".join(statement.split()) + ";" in squeezed


def test_undo_is_commented_out() -> None:
    report = rich_report()
    assert report.indexes is not None
    lines = made(report, "sql").splitlines()
    for proposal in report.indexes.create:
        assert f"-- {proposal.undo_ddl};" in lines
        assert f"{proposal.undo_ddl};" not in lines


def test_mere_ideas_are_commented_out() -> None:
    report = rich_report()
    idea = replace(report.findings[1], severity=Severity.INFO)
    text = made(replace(report, findings=(idea,), retention=()), "sql")
    assert f"-- {idea.remedy.sql[0]};" in text.splitlines()
    assert f"\n{idea.remedy.sql[0]}" not in text


def test_running_the_whole_script_deletes_nothing() -> None:
    lines = made(rich_report(), "sql").splitlines()
    deletes = [line for line in lines if "DELETE FROM" in line]
    assert deletes
    assert all(line.startswith("-- ") for line in deletes)


def test_hostile_script_has_only_known_statements() -> None:
    first_words = {
        line.split()[0].rstrip(";")
        for line in made(hostile_report(), "sql").splitlines()
        if line and not line.startswith(("--", " "))
    }
    assert first_words <= {
        "CREATE", "DROP", "ALTER", "ANALYZE", "VACUUM", "REVOKE", "SELECT", "#", "|",
    }  # fmt: skip
