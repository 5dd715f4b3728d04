"""Runs, their differences and the ledger, for a terminal and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from rich.text import Text

from advisor.model.history import Changes, LedgerEntry
from advisor.render.changes import change_blocks, entry_words, hit_line, promise_words, summary
from advisor.render.clean import one_line
from advisor.render.json_ import plain
from advisor.render.page import Page
from advisor.render.phrases import day, milliseconds, minute, number, percent, plural, size
from advisor.render.steps import severity_of
from advisor.render.text_sections import SEVERITY_STYLES

_SEVERITIES = ("critical", "high", "medium", "low", "info")
_STATEMENTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLine:
    """One run in a list."""

    id: int
    target: str
    at: datetime
    version_num: int
    findings: dict[str, int]
    changed: dict[str, int]
    events: tuple[str, ...]
    size_bytes: int


def render_runs(runs: Sequence[RunLine], *, color: bool, width: int | None) -> str:
    """Return the list of runs, oldest first."""
    page = Page(color=color, width=width)
    if not runs:
        page.prose("The history is empty.")
    for target in dict.fromkeys(run.target for run in runs):
        page.blank()
        page.rich(Text(one_line(target), style="bold"))
        for run in runs:
            if run.target != target:
                continue
            counts = [f"{run.findings[name]} {name}" for name in _SEVERITIES if run.findings.get(name)]
            news = [f"{count} {name}" for name, count in run.changed.items()]
            text = ("changed: " + ", ".join(news) if news else "no change") + "; "
            text += ", ".join(counts) or "nothing found"
            page.row(
                ((f"{run.id}", -5, "bold"), (minute(run.at), 20, ""), (size(run.size_bytes), -8, "dim"), (text, 0, ""))
            )
            for event in run.events:
                page.prose(event, 9, "dim")
    return page.text()


def render_changes(changes: Changes, title: str, since: str, *, color: bool, width: int | None) -> str:
    """Return what changed between two runs."""
    page = Page(color=color, width=width)
    page.heading(title)
    write_changes(page, changes, since)
    return page.text()


def write_changes(page: Page, changes: Changes, since: str = "the last run") -> None:
    """Write what changed below a heading of the caller's."""
    page.prose(summary(changes, since))
    for block in change_blocks(changes):
        page.blank()
        page.rich(Text(block.title, style="bold"), 2)
        for line in block.lines:
            text = Text(one_line(line.text))
            if line.severity is not None:
                text.append(f"  {line.severity}", style=SEVERITY_STYLES[severity_of(line.severity)])
            page.rich(text, 4, 6)
            for detail in line.details:
                # A plan's lines keep their indent, which is its tree.
                depth = len(detail) - len(detail.lstrip(" "))
                page.prose(detail.strip(), 6 + min(depth, 20), "dim")
            page.sql(line.sql, 6)
        if block.more:
            page.prose(f"and {block.more:,} more", 4, "dim")
    if hits := hit_line(changes):
        page.blank()
        page.prose(hits)


def render_ledger(entries: Sequence[LedgerEntry], *, color: bool, width: int | None) -> str:
    """Return what became of every proposal: what was promised, what came of it, and how to take it back."""
    page = Page(color=color, width=width)
    page.heading("What became of proposals")
    made = [entry for entry in entries if entry.state != "open"]
    waiting = [entry for entry in entries if entry.state == "open"]
    if not entries:
        page.prose("Nothing was proposed yet, or no run was kept.")
    for entry in made:
        page.blank()
        page.rich(Text(entry_words(entry), style="bold"), 2, 4)
        page.labelled("since", f"proposed {day(entry.proposed)}, seen applied {day(entry.applied)}", 4, label_width=9)
        page.labelled("effect", promise_words(entry), 4, label_width=9)
        page.labelled("why", entry.why, 4, label_width=9)
        if entry.scans is not None:
            page.labelled("scans", f"{plural(entry.scans, 'scan')} of the index since then", 4, label_width=9)
        for statement in entry.statements[:_STATEMENTS]:
            if statement.mean_before is None and statement.mean_after is None:
                continue
            page.prose(
                f"{milliseconds(statement.mean_before)} → {milliseconds(statement.mean_after)} per call "
                f"({number(statement.calls_before)} and {number(statement.calls_after)} calls; planned cost promised "
                f"{percent(statement.promised_ratio)}): {one_line(statement.query, 90)}",
                4,
                "dim",
            )
        if entry.state in ("harmful", "unused"):
            page.rich(Text("take it back", style="dim"), 4)
            page.sql(entry.undo, 6)
    if waiting:
        page.blank()
        page.prose(f"Not applied yet: {plural(len(waiting), 'proposal')}.", 2)
        for entry in waiting[:20]:
            page.prose(f"{entry.title} (proposed {day(entry.proposed)})", 4, "dim")
    judged = Changes(previous=None, ledger=tuple(entries))
    if hits := hit_line(judged):
        page.blank()
        page.prose(hits)
    return page.text()


def render_json_value(value: Any) -> str:
    """Return plain data or dataclasses as indented JSON."""
    text = msgspec.json.encode(plain(msgspec.to_builtins(value)))
    return msgspec.json.format(text, indent=2).decode() + "\n"
