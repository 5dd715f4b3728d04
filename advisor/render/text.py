"""The report for a terminal: one screen for a newcomer, the proof below it for a DBA."""

from __future__ import annotations

from rich.text import Text

from advisor.model.report import Report
from advisor.render.clean import one_line, sentences
from advisor.render.history import write_changes
from advisor.render.page import Page
from advisor.render.phrases import minute
from advisor.render.steps import Action
from advisor.render.text_sections import SEVERITY_STYLES, gaps, health, indexes, retention, settings, workload
from advisor.render.view import WHY_CHARS, View, made_line, make_view

_UNDO_LINES = 20
_TONE_STYLES = {"calm": "bold green", "improve": "bold yellow", "urgent": "bold red", "unknown": "bold magenta"}
_SECTIONS = (
    ("index", indexes),
    ("settings", settings),
    ("retention", retention),
    ("health", health),
    ("index", workload),
)


def render_text(report: Report, *, color: bool = False, width: int | None = None) -> str:
    """Return the report as text of `width` columns (80 where None; at least 60, at most 120)."""
    page = Page(color=color, width=width)
    view = make_view(report)
    _header(page, view)
    _changes(page, report)
    _first(page, view)
    for subject, section in _SECTIONS:
        if subject in view.sections:
            section(page, view)
    gaps(page, view)
    _footer(page, report)
    return page.text()


def _header(page: Page, view: View) -> None:
    report = view.report
    page.rich(Text(f"pgadvise {one_line(report.tool_version)}, {minute(report.generated_at)}", style="bold"))
    for label, text in view.header:
        page.labelled(label, text, 0, label_width=10)
    page.blank()
    page.prose(view.verdict, style=_TONE_STYLES[view.tone])
    for sentence in view.sentences:
        page.prose(sentence)


def _changes(page: Page, report: Report) -> None:
    if report.changes is not None:
        page.heading("What changed")
        write_changes(page, report.changes)


def _first(page: Page, view: View) -> None:
    if not view.first.rows:
        return
    page.heading("What to do first")
    for number, action in enumerate(view.first.rows, 1):
        page.blank()
        _action(page, number, action)
    if not view.then.total:
        return
    page.blank()
    page.rich(Text("Then (reasons and SQL below, all as one script with --format sql):", style="dim"), 0)
    for number, action in enumerate(view.then.rows, len(view.first.rows) + 1):
        title = Text(f"{number:>2}  {one_line(action.title)}")
        title.append(f"  {action.severity.value}", style=SEVERITY_STYLES[action.severity])
        page.rich(title, 0, 4)
    if view.then.more:
        page.prose(f"and {view.then.more:,} more", 4, "dim")


def _action(page: Page, number: int, action: Action) -> None:
    title = Text(f"{number:>2}  ")
    title.append(one_line(action.title), style="bold")
    title.append(f"  {action.severity.value}", style=SEVERITY_STYLES[action.severity])
    if action.confidence == "low":
        title.append(", low confidence", style="dim")
    page.rich(title, 0, 4)
    page.labelled("why", sentences(action.why, WHY_CHARS), 4)
    page.labelled("wins", action.win, 4, "green")
    page.labelled("costs", action.costs, 4)
    page.sql(action.sql, 6)
    if action.undo_sql:
        page.rich(Text("undo", style="dim"), 4)
        page.sql(action.undo_sql, 6, _UNDO_LINES)


def _footer(page: Page, report: Report) -> None:
    page.blank()
    page.prose(made_line(report), style="dim")
