"""One step of the report in full: why, the evidence, what to run, how to undo it, and the rule's own page."""

from __future__ import annotations

import json
from typing import Any

from advisor.errors import UsageError
from advisor.model.report import Report
from advisor.render.clean import one_line, visible
from advisor.render.order import items
from advisor.render.steps import Action


def render_explanation(report: Report, key: str, documentation: str | None) -> str:
    """Return everything known of the step with this key (or a unique part of it).

    Raises UsageError for a key that fits nothing, naming those that are near, or more than one step.
    """
    item = _find(items(report), key)
    lines = [one_line(item.title), "", f"key         {item.key}", f"severity    {item.severity}"]
    lines += [f"confidence  {item.confidence}", f"object      {one_line(item.object)}", "", visible(item.why.strip())]
    for title, text in (("It wins", item.win), ("It costs", item.costs)):
        if text:
            lines += ["", f"{title}: {visible(text)}"]
    evidence = _evidence(report, item.key)
    if evidence:
        lines += ["", "Evidence"]
        lines += [
            f"  {name}: {visible(json.dumps(value, ensure_ascii=False, default=str))}"
            for name, value in evidence.items()
        ]
    for title, statements in (("Run", item.sql), ("Undo", item.undo_sql)):
        if statements:
            lines += ["", title]
            lines += [f"  {line}" for sql in statements for line in visible(_ended(sql)).splitlines()]
    if documentation:
        lines += ["", "-" * 60, "", documentation.strip()]
    return "\n".join(lines) + "\n"


def _ended(sql: str) -> str:
    text = sql.rstrip()
    return text if text.endswith(";") or text.startswith("--") else text + ";"


def _find(found: tuple[Action, ...], key: str) -> Action:
    exact = [item for item in found if item.key == key]
    partial = [item for item in found if key.lower() in item.key.lower()]
    if exact or len(partial) == 1:
        return (exact or partial)[0]
    if partial:
        names = ", ".join(item.key for item in partial[:5])
        raise UsageError(f"'{key}' fits {len(partial)} findings.", f"For example: {names}.")
    names = ", ".join(item.key for item in found[:5]) or "there are none"
    raise UsageError(f"There is no finding '{key}' in this database.", f"There are, for example: {names}.")


def _evidence(report: Report, key: str) -> dict[str, Any]:
    findings = [*report.findings, *(report.settings.findings if report.settings is not None else ())]
    for finding in findings:
        if finding.key == key:
            return finding.evidence
    for status in report.retention:
        if str(status.table) in key:
            return status.evidence
    return {}
