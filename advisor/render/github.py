"""Workflow commands that GitHub turns into annotations."""

from __future__ import annotations

from collections import Counter

from advisor.model.finding import Severity
from advisor.model.report import Report
from advisor.render.clean import one_line, visible
from advisor.render.order import items
from advisor.render.sqltext import block
from advisor.render.steps import Action
from advisor.render.view import make_view

_COMMANDS = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "notice",
    Severity.INFO: "notice",
}
# GitHub shows ten annotations of each kind per step and drops the rest in silence.
_PER_COMMAND = 10
_WIDTH = 100


def render_github(report: Report) -> str:
    """Return one command per step, at most ten of each kind, and a summary line."""
    shown: Counter[str] = Counter()
    lines = []
    left_out = 0
    for item in items(report):
        command = _COMMANDS[item.severity]
        if shown[command] == _PER_COMMAND:
            left_out += 1
            continue
        shown[command] += 1
        lines.append(_command(command, item))
    more = f" ({left_out} more are not shown here)" if left_out else ""
    lines.append(f"pgadvise: {make_view(report).verdict}{more}")
    return "\n".join(lines) + "\n"


def _command(command: str, item: Action) -> str:
    message = one_line(item.why, 2_000)
    if item.sql:
        message += "\n" + visible(block(item.sql, _WIDTH))
    title = one_line(item.title, 200)
    return f"::{command} title={_property(title)}::{_data(message or title)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
