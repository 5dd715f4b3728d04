"""The report as a script: one section per step, best first, each with its undo as comments."""

from __future__ import annotations

import textwrap

from advisor.model.finding import Severity
from advisor.model.report import Report
from advisor.render.clean import one_line
from advisor.render.order import items
from advisor.render.phrases import minute, plural
from advisor.render.sqltext import block, commented
from advisor.render.steps import Action, removes_rows
from advisor.render.view import short_version

_WIDTH = 100
_RULE = "-- " + "=" * 77


def render_sql(report: Report) -> str:
    """Return a script for psql. Nothing in it opens a transaction: CONCURRENTLY and ALTER SYSTEM refuse one."""
    everything = items(report)
    runnable = [item for item in everything if item.sql and item.severity is not Severity.INFO]
    optional = [item for item in everything if item.sql and item.severity is Severity.INFO]
    by_hand = [item for item in everything if not item.sql and item.severity is not Severity.INFO]
    lines = [
        f"-- pgadvise {one_line(report.tool_version)}: database {one_line(report.database)}, "
        f"PostgreSQL {one_line(short_version(report))}, {minute(report.generated_at)}",
        f"-- {plural(len(runnable), 'step')}, the most urgent and rewarding first. Nothing has been run.",
        "-- Read each step, then run it by itself, outside a transaction (not with psql -1):",
        "-- CREATE INDEX CONCURRENTLY, DROP INDEX CONCURRENTLY, VACUUM and ALTER SYSTEM refuse to run inside one.",
        "-- A build that fails leaves an INVALID index behind: run its undo and start again.",
    ]
    for number, item in enumerate(runnable, 1):
        lines += ["", *_section(f"{number}/{len(runnable)}", item)]
    for item in optional:
        lines += ["", *_section("optional", item)]
    if by_hand:
        lines += ["", _RULE, "-- To do by hand:"]
        lines += [_prose(f"- {one_line(f'{i.title} ({i.severity.value}): {i.why}', 500)}") for i in by_hand]
    return "\n".join(lines) + "\n"


def _section(label: str, item: Action) -> list[str]:
    statements = block(item.sql, _WIDTH)
    off = ""
    if item.severity is Severity.INFO or removes_rows(item.sql):
        # Whoever runs the whole file must not do by accident what is only an idea or cannot be taken back.
        off = "It removes rows for ever" if removes_rows(item.sql) else "It is an idea, not advice"
        statements = commented(statements)
    lines = [
        _RULE,
        commented(f"{label}  {one_line(item.title)}  [{item.severity.value}]"),
        *(
            _prose(f"{what}: {one_line(text, 1_000)}")
            for what, text in (("why", item.why), ("wins", item.win), ("costs", item.costs))
            if text
        ),
        *([f"-- {off}, so it is switched off here: take away the dashes to run it."] if off else []),
        "",
        statements,
    ]
    if item.undo_sql:
        lines += ["", "-- undo:", commented(block(item.undo_sql, _WIDTH))]
    return lines


def _prose(text: str) -> str:
    """Return a sentence as comment lines of readable length."""
    return commented("\n".join(textwrap.wrap(text, _WIDTH - 3, subsequent_indent="  ")))
