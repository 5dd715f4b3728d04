"""SARIF 2.1.0, for code scanning: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import quote

import msgspec

from advisor.model.finding import Severity
from advisor.model.report import Report
from advisor.render.clean import one_line, visible
from advisor.render.json_ import plain
from advisor.render.order import items
from advisor.render.sqltext import block
from advisor.render.steps import Action

_LEVELS = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
    Severity.INFO: "note",
}
# Code scanning services refuse runs with more results than this.
_LIMIT = 5_000
_WIDTH = 100


def render_sarif(report: Report) -> str:
    """Return one SARIF run with a result per step. Objects of a database have no file: their path is made up."""
    found = items(report)
    rules = sorted({item.rule for item in found})
    run: dict[str, Any] = {
        "tool": {
            "driver": {
                "name": "pgadvise",
                "version": report.tool_version,
                "rules": [{"id": rule, "shortDescription": {"text": one_line(rule)}} for rule in rules],
            }
        },
        "columnKind": "unicodeCodePoints",
        "results": [_result(report, item, rules.index(item.rule)) for item in found[:_LIMIT]],
        "invocations": [
            {
                "executionSuccessful": True,
                "toolExecutionNotifications": [
                    {"level": "warning", "message": {"text": one_line(f"{gap.what}: {gap.why}", 1_000)}}
                    for gap in report.gaps[:_LIMIT]
                ],
            }
        ],
        "properties": {"resultsTotal": len(found), "generatedAt": plain(report.generated_at)},
    }
    log = {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}
    return msgspec.json.format(msgspec.json.encode(log), indent=2).decode() + "\n"


def _result(report: Report, item: Action, rule_index: int) -> dict[str, Any]:
    text = f"{one_line(item.title)}\n{one_line(item.why, 2_000)}"
    for label, statements in (("Run", item.sql), ("Undo", item.undo_sql)):
        if statements:
            text += f"\n\n{label}:\n{visible(block(statements, _WIDTH))}"
    path = f"database/{quote(one_line(report.database), safe='')}/{quote(one_line(item.object, 300), safe='')}"
    return {
        "ruleId": item.rule,
        "ruleIndex": rule_index,
        "level": _LEVELS[item.severity],
        "message": {"text": text},
        "locations": [
            {
                "physicalLocation": {"artifactLocation": {"uri": path}, "region": {"startLine": 1}},
                "logicalLocations": [{"fullyQualifiedName": one_line(item.object, 300), "kind": "object"}],
            }
        ],
        "partialFingerprints": {"pgadvise/v1": hashlib.sha256(item.key.encode(errors="replace")).hexdigest()},
        "properties": {"severity": item.severity.value, "confidence": item.confidence, "subject": item.subject},
    }
