"""What the gate says, as text, JSON and the formats of code review: SARIF, GitHub, GitLab, JUnit."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from advisor.errors import UsageError
from advisor.gate.baseline import identities
from advisor.model.finding import Severity
from advisor.model.migration import GateFile, GateFinding
from advisor.render.clean import one_line, visible
from advisor.units import format_duration

if TYPE_CHECKING:
    from advisor.model.report import StatementEffect


@dataclass(frozen=True, slots=True, kw_only=True)
class GateResult:
    """The verdict over all files. Costs are planner units per call."""

    files: tuple[GateFile, ...]
    regressed: tuple[StatementEffect, ...] = ()
    improved: tuple[StatementEffect, ...] = ()
    ran: bool = False  # the migrations were run on a twin
    notes: tuple[str, ...] = ()
    failed: str | None = None  # a run that was asked for and could not be done


_INDENT = (0, 0, 0, 5)
_PLAN_LINES = 12
_COLOURS = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "cyan", "info": "dim"}


def _ordered(file: GateFile) -> list[GateFinding]:
    return sorted(file.findings, key=lambda f: (f.line, Severity(f.severity).rank, f.rule))


def _named(file: GateFile) -> list[tuple[GateFinding, str]]:
    """Return the findings with names that survive moved lines: two runs' are the same finding where they are equal."""
    findings = _ordered(file)
    return list(zip(findings, identities(file, findings), strict=True))


def _lock(finding: GateFinding) -> str:
    if finding.lock is None:
        return ""
    time = f", about {format_duration(finding.seconds_estimate)}" if finding.seconds_estimate is not None else ""
    rewrite = ", rewrites the table" if finding.rewrite else ""
    return f"{finding.lock}{time}{rewrite}"


def _text(result: GateResult, color: bool, width: int | None) -> str:
    # Loaded by who wants text: JSON and SARIF in a hook have no use for it.
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    out = io.StringIO()
    console = Console(
        file=out,
        width=width or 80,
        force_terminal=color,
        no_color=not color,
        highlight=False,
        emoji=False,
        markup=False,
    )
    total = sum(len(file.findings) for file in result.files)
    for file in result.files:
        if file.error is not None:
            console.print(Text(f"{visible(file.path)}: {file.error}", style="red"))
            continue
        if not file.findings:
            continue
        console.print(Text(visible(file.path), style="bold"))
        for finding in _ordered(file):
            head = Text(f"  {finding.line}: ")
            head.append(finding.severity.upper(), style=_COLOURS[finding.severity])
            head.append(f" {finding.rule}")
            console.print(head)
            console.print(Padding(Text(one_line(finding.message)), _INDENT))
            if (lock := _lock(finding)) != "":
                console.print(Padding(Text(f"Lock: {lock}", style="dim"), _INDENT))
            titles = ("before", "after") if len(finding.plans) > 1 else ("plan",)
            for title, plan in zip(titles, finding.plans, strict=True) if finding.plans else ():
                console.print(Text(f"     {title}", style="dim"))
                for line in plan[:_PLAN_LINES]:
                    console.print(Text(f"       {visible(line)}", style="dim"), soft_wrap=True)
            if finding.remedy_note:
                console.print(Padding(Text(one_line(finding.remedy_note)), _INDENT))
            for statement in finding.remedy_sql:
                console.print(Text(f"       {visible(statement)}", style="green"), soft_wrap=True)
        for told in file.ignored:
            console.print(Text(f"  ignored: {one_line(told)}", style="dim"))
        console.print()
    for effect in result.regressed:
        console.print(
            Text(f"SLOWER {effect.cost_before:.0f} -> {effect.cost_after:.0f}: {one_line(effect.query, 200)}")
        )
    for effect in result.improved:
        change = f"FASTER {effect.cost_before:.0f} -> {effect.cost_after:.0f}"
        console.print(Text(f"{change}: {one_line(effect.query, 200)}", style="dim"))
    for note in result.notes:
        console.print(Text(one_line(note), style="dim"))
    worst = min(
        (Severity(f.severity) for file in result.files for f in file.findings), key=lambda s: s.rank, default=None
    )
    files = f"{len(result.files)} file{'s' if len(result.files) != 1 else ''}"
    counted = f"{total} finding{'s' if total != 1 else ''}"
    verdict = f"{files}: nothing to object to." if worst is None else f"{files}: {counted}, the worst is {worst}."
    unreadable = sum(file.error is not None for file in result.files)
    if unreadable:
        verdict = verdict.replace(": nothing to object to.", ":") + f" {unreadable} could not be judged."
    console.print(Text(verdict, style="bold"))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def _finding(finding: GateFinding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "severity": finding.severity,
        "line": finding.line,
        "statement": finding.statement,
        "message": finding.message,
        "object": finding.object,
        "lock": finding.lock,
        "rewrite": finding.rewrite,
        "seconds_estimate": finding.seconds_estimate,
        "remedy": {"sql": list(finding.remedy_sql), "note": finding.remedy_note},
        "source": finding.source,
        "plans": [list(plan) for plan in finding.plans],
    }


def _effect(effect: StatementEffect) -> dict[str, Any]:
    return {
        "fingerprint": effect.fingerprint,
        "query": effect.query,
        "cost_before": effect.cost_before,
        "cost_after": effect.cost_after,
    }


def _json(result: GateResult) -> str:
    data = {
        "schema_version": 1,
        "files": [
            {
                "path": file.path,
                "findings": [_finding(f) for f in _ordered(file)],
                "ignored": list(file.ignored),
                "error": file.error,
            }
            for file in result.files
        ],
        "workload": {
            "regressed": [_effect(e) for e in result.regressed],
            "improved": [_effect(e) for e in result.improved],
        },
        "ran": result.ran,
        "notes": list(result.notes),
    }
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


_SARIF_LEVELS = {"critical": "error", "high": "error", "medium": "warning", "low": "note", "info": "note"}


def _sarif(result: GateResult) -> str:
    rules = sorted({f.rule for file in result.files for f in file.findings})
    results = [
        {
            "ruleId": finding.rule,
            "ruleIndex": rules.index(finding.rule),
            "level": _SARIF_LEVELS[finding.severity],
            "message": {"text": f"{finding.message} {finding.remedy_note or ''}".strip()},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": file.path.replace("\\", "/")},
                        "region": {"startLine": max(finding.line, 1)},
                    }
                }
            ],
            "partialFingerprints": {"pgadvise/v1": name},
        }
        for file in result.files
        for finding, name in _named(file)
    ]
    driver = {"name": "pgadvise", "rules": [{"id": rule, "shortDescription": {"text": rule}} for rule in rules]}
    unread = [
        {
            "level": "error",
            "message": {"text": f"{file.path} {file.error}"},
            "locations": [{"physicalLocation": {"artifactLocation": {"uri": file.path.replace("\\", "/")}}}],
        }
        for file in result.files
        if file.error is not None
    ]
    invocation = {"executionSuccessful": not unread, "toolExecutionNotifications": unread}
    run = {
        "tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "invocations": [invocation], "results": results,
    }  # fmt: skip
    log = {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=2, ensure_ascii=False) + "\n"


_GITHUB_COMMANDS = {"critical": "error", "high": "error", "medium": "warning", "low": "notice", "info": "notice"}


def _github(result: GateResult) -> str:
    lines = []
    for file in result.files:
        for finding in _ordered(file):
            message = _escape(f"{finding.message} {finding.remedy_note or ''}".strip())
            place = f"file={_escape_property(file.path)},line={finding.line},title={_escape_property(finding.rule)}"
            lines.append(f"::{_GITHUB_COMMANDS[finding.severity]} {place}::{message}")
        if file.error is not None:
            lines.append(f"::error file={_escape_property(file.path)}::{_escape(file.error)}")
    return "\n".join([*lines, ""])


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape(text).replace(":", "%3A").replace(",", "%2C")


_GITLAB_SEVERITIES = {"critical": "blocker", "high": "critical", "medium": "major", "low": "minor", "info": "info"}


def _gitlab(result: GateResult) -> str:
    issues = [
        {
            "description": finding.message,
            "check_name": finding.rule,
            "fingerprint": name,
            "severity": _GITLAB_SEVERITIES[finding.severity],
            "location": {"path": file.path, "lines": {"begin": max(finding.line, 1)}},
        }
        for file in result.files
        for finding, name in _named(file)
    ]
    return json.dumps(issues, indent=2, ensure_ascii=False) + "\n"


def _junit(result: GateResult) -> str:
    from xml.etree import ElementTree

    root = ElementTree.Element("testsuites", {"name": "pgadvise gate"})
    for file in result.files:
        failures = [f for f in _ordered(file) if f.severity != "info"]
        counts = {
            "tests": str(max(1, len(failures))),
            "failures": str(len(failures)),
            "errors": str(int(bool(file.error))),
        }
        suite = ElementTree.SubElement(root, "testsuite", {"name": file.path, **counts})
        if file.error is not None:
            case = ElementTree.SubElement(suite, "testcase", {"classname": file.path, "name": "readable"})
            ElementTree.SubElement(case, "error", {"message": file.error})
        elif not failures:
            ElementTree.SubElement(suite, "testcase", {"classname": file.path, "name": "gate"})
        for finding in failures:
            name = f"{finding.rule} (line {finding.line})"
            case = ElementTree.SubElement(suite, "testcase", {"classname": file.path, "name": name})
            failure = ElementTree.SubElement(
                case, "failure", {"type": finding.severity, "message": one_line(finding.message)}
            )
            failure.text = one_line(finding.statement, 500)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


_PLAIN: dict[str, Callable[[GateResult], str]] = {
    "json": _json,
    "sarif": _sarif,
    "github": _github,
    "gitlab": _gitlab,
    "junit": _junit,
}
GATE_FORMATS = ("text", *_PLAIN)


def render_gate(result: GateResult, format: str, *, color: bool = False, width: int | None = None) -> str:
    """Return the verdict in `format`. Raises UsageError for a format that does not exist."""
    if format == "text":
        return _text(result, color, width)
    if format not in _PLAIN:
        raise UsageError(f"There is no format '{format}' here.", f"Choose one of: {', '.join(GATE_FORMATS)}.")
    return _PLAIN[format](result)
