"""The formats of code review, against what their readers demand: SARIF 2.1.0, GitLab's code quality, JUnit, GitHub.

JUnit's is the schema of Jenkins (tests/gate/schemas, MIT licence inside). The others are written from the formats'
documentation: the parts that we use, and what is required of them. OASIS' own for SARIF 2.1.0 has no licence to pass it
on; what the gate writes was checked against it (errata 01, no error) when this was written.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pytest
import xmlschema

from tests.server.test_cli import pgadvise

TEXT = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}}
PLACE = {
    "type": "object",
    "required": ["physicalLocation"],
    "properties": {
        "physicalLocation": {
            "type": "object",
            "required": ["artifactLocation"],
            "properties": {
                "artifactLocation": {
                    "type": "object",
                    "properties": {"uri": {"type": "string", "pattern": "^[^\\\\ ]+$"}},
                },
                "region": {"type": "object", "properties": {"startLine": {"type": "integer", "minimum": 1}}},
            },
        }
    },
}
RESULT = {
    "type": "object",
    "required": ["message", "ruleId", "level", "locations"],
    "properties": {
        "message": TEXT,
        "ruleIndex": {"type": "integer", "minimum": 0},
        "level": {"enum": ["none", "note", "warning", "error"]},
        "locations": {"type": "array", "items": PLACE, "minItems": 1},
        "partialFingerprints": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}
INVOCATION = {
    "type": "object",
    "required": ["executionSuccessful"],
    "properties": {"toolExecutionNotifications": {"type": "array", "items": {"required": ["message"]}}},
}
SARIF = {
    "type": "object",
    "required": ["version", "runs"],
    "properties": {
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["tool", "results"],
                "properties": {
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "invocations": {"type": "array", "items": INVOCATION},
                    "results": {"type": "array", "items": RESULT},
                },
            },
        },
    },
}
GITLAB = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["description", "check_name", "fingerprint", "location", "severity"],
        "properties": {
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": {
                "type": "object",
                "required": ["path", "lines"],
                "properties": {
                    "path": {"type": "string", "pattern": "^(?!\\./|/)"},
                    "lines": {"type": "object", "required": ["begin"], "properties": {"begin": {"type": "integer"}}},
                },
            },
        },
    },
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with findings of every severity, an unreadable file, and characters that need escaping."""
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "1.sql").write_text("drop database shop;\ndrop table a;\nalter table b add c int references d;\n")
    (tmp_path / "m" / "2.sql").write_text('alter table "a<b>&\'%" drop column "x""y";\n\nselect 1;\n')
    (tmp_path / "m" / "3.sql").write_bytes(b"\xff\xfe")
    (tmp_path / "m" / "4.sql").write_text("create table fresh (id int);\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def made(format: str) -> str:
    result = pgadvise("gate", "m", "--format", format)
    assert result.returncode == 1, result.stderr
    return str(result.stdout)


def test_sarif(folder: Path) -> None:
    log = json.loads(made("sarif"))
    jsonschema.validate(log, SARIF)
    (run,) = log["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert all(rules[result["ruleIndex"]] == result["ruleId"] for result in run["results"])
    assert len(rules) == len(set(rules))
    (invocation,) = run["invocations"]
    assert not invocation["executionSuccessful"]
    assert "3.sql is not UTF-8 text" in invocation["toolExecutionNotifications"][0]["message"]["text"]


def test_gitlab(folder: Path) -> None:
    issues = json.loads(made("gitlab"))
    jsonschema.validate(issues, GITLAB)
    assert len({issue["fingerprint"] for issue in issues}) == len(issues) > 3


def test_junit(folder: Path) -> None:
    text = made("junit")
    xmlschema.XMLSchema(Path(__file__).parent / "schemas" / "jenkins-junit.xsd").validate(text)
    root = ElementTree.fromstring(text)
    assert root.tag == "testsuites"
    assert [suite.get("name") for suite in root] == [f"m/{number}.sql" for number in range(1, 5)]
    for suite in root:
        cases = suite.findall("testcase")
        assert int(suite.get("tests", "")) == len(cases) > 0
        assert int(suite.get("failures", "")) == len(suite.findall("testcase/failure"))
        assert int(suite.get("errors", "")) == len(suite.findall("testcase/error"))
        assert all(case.get("name") and case.get("classname") for case in cases)


def test_github(folder: Path) -> None:
    lines = made("github").splitlines()
    command = re.compile(r"::(error|warning|notice) file=[^,:]+(,line=\d+)?(,title=\w+)?::\S.*")
    assert len(lines) > 4 and all(command.fullmatch(line) for line in lines)
    assert any("%25" in line for line in lines), "a percent sign is escaped"
