"""GitLab's Code Quality report: https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format."""

from __future__ import annotations

import hashlib

import msgspec

from advisor.model.finding import Severity
from advisor.model.report import Report
from advisor.render.clean import one_line
from advisor.render.order import items

_SEVERITIES = {
    Severity.CRITICAL: "blocker",
    Severity.HIGH: "critical",
    Severity.MEDIUM: "major",
    Severity.LOW: "minor",
    Severity.INFO: "info",
}


def render_gitlab(report: Report) -> str:
    """Return a list of issues; objects of a database have no file, so their path is made up."""
    issues = [
        {
            "description": one_line(f"{item.title}. {item.why}", 1_000),
            "check_name": item.rule,
            "fingerprint": hashlib.sha256(item.key.encode(errors="replace")).hexdigest(),
            "severity": _SEVERITIES[item.severity],
            "location": {
                "path": f"database/{one_line(report.database)}/{one_line(item.object, 300)}",
                "lines": {"begin": 1},
            },
        }
        for item in items(report)
    ]
    return msgspec.json.format(msgspec.json.encode(issues), indent=2).decode() + "\n"
