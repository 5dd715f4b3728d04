"""The report as one HTML file: no script, no font, no image, no request; light, dark and print."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from advisor.model.finding import Severity
from advisor.model.report import Report
from advisor.model.workload import UnusableStatement
from advisor.render import phrases
from advisor.render.changes import change_blocks, hit_line, summary
from advisor.render.clean import is_exact, one_line, sentences, shorten, visible
from advisor.render.json_ import plain
from advisor.render.order import asks, is_fine
from advisor.render.plots import all_plots
from advisor.render.sqltext import block, is_sql
from advisor.render.steps import proposal_key, severity_of
from advisor.render.view import (
    LOST,
    WHY_CHARS,
    View,
    cost_line,
    fidelity_line,
    host_line,
    made_line,
    make_view,
    memory_line,
    ordered_proposals,
    top,
    top_statements,
    unusable_counts,
    workload_line,
)
from advisor.units import format_duration

# What a page of a browser bears: everything above is counted, and in the JSON.
LIMITS = {
    "later": 60, "create": 40, "effects": 12, "drop": 60, "rejected": 40, "settings": 80, "retention": 60, "groups": 80,
    "objects": 20, "evidence": 15, "statements": 50, "unusable": 30, "gaps": 60, "skipped": 60, "passed": 300,
}  # fmt: skip
_SQL_WIDTH = 92
_SQL_STATEMENTS = 40
_QUERY_CHARS = 2_000
_UNIT = re.compile(r"(\d) (?=%|[kMGTP]?B\b|(?:µs|ms|s|min|h|days|bn|tn|M)\b)")
_INEXACT = "-- holds control characters: take this one from --format sql\n"


def render_html(report: Report) -> str:
    """Return one self-contained page; every text of the database is escaped by the template engine."""
    view = make_view(report)
    css = _style()
    template = _environment().get_template("report.html.j2")
    return (
        template.render(
            report=report,
            view=view,
            css=css,
            style_hash=style_hash(css),
            plots=all_plots(report),
            tiles=_tiles(view),
            sections=_sections(view),
            steps={action.key: place for place, action in enumerate(view.first.rows, 1)},
            changed=change_blocks(report.changes) if report.changes is not None else (),
            later=top([a for a in view.actions if a not in view.first.rows], LIMITS["later"]),
            create=top(ordered_proposals(view), LIMITS["create"]),
            statements=top_statements(report, LIMITS["statements"]),
            unusable=unusable_counts(report),
            unplanned=top(_lost_first(report), LIMITS["unusable"]),
            lines={
                "cost": cost_line(report),
                "made": made_line(report),
                "planner": fidelity_line(report),
                "host": host_line(report),
                "memory": memory_line(report),
                "workload": workload_line(report),
                "changes": summary(report.changes) if report.changes is not None else "",
                "hits": hit_line(report.changes) if report.changes is not None else "",
            },
        )
        + "\n"
    )


def _lost_first(report: Report) -> list[UnusableStatement]:
    """Return the texts that were not planned: those that should have been before those that are no loss."""
    return sorted(report.indexes.unusable if report.indexes else (), key=lambda text: text.category not in LOST)


def style_hash(css: str) -> str:
    """Return the style sheet's hash as a content security policy wants it."""
    return "sha256-" + base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()


@cache
def _style() -> str:
    loader = PackageLoader("advisor.render", "templates")
    css = loader.get_source(Environment(autoescape=True), "report.css")[0]
    # Inside <style> nothing is escaped; the sheet is ours, and this keeps it from ending the element.
    return "\n" + css.replace("</", "<\\/")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("advisor.render", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        line=_line,
        sentences=lambda text: sentences(text, 2 * WHY_CHARS),
        size=phrases.size,
        number=phrases.number,
        cost=phrases.cost,
        percent=phrases.percent,
        ms=phrases.milliseconds,
        day=phrases.day,
        minute=phrases.minute,
        duration=format_duration,
        sql=_sql,
        query=_query,
        evidence=_evidence,
    )
    environment.globals.update(
        change=phrases.change,
        times_less=phrases.times_less,
        plural=phrases.plural,
        top=top,
        is_sql=is_sql,
        asks=asks,
        is_fine=is_fine,
        proposal_key=proposal_key,
        severity_of=severity_of,
        limits=LIMITS,
    )
    return environment


def _line(text: str, limit: int | None = None) -> str:
    """One line of prose; a number is kept together with its unit."""
    return _UNIT.sub("\\1\u00a0", one_line(text, limit))


def _sql(statements: Sequence[str]) -> str:
    shown = tuple(statements)[:_SQL_STATEMENTS]
    body = block(shown, _SQL_WIDTH)
    if not is_exact(body):
        body = _INEXACT + visible(body)
    if len(shown) < len(statements):
        body += f"\n-- and {len(statements) - len(shown)} more: see --format sql"
    return body


def _query(text: str) -> str:
    return visible(shorten(text.strip(), _QUERY_CHARS))


def _evidence(evidence: dict[str, Any]) -> list[tuple[str, str]]:
    pairs = [(one_line(str(key), 60), one_line(_shown(plain(value)), 200)) for key, value in evidence.items()]
    return pairs[: LIMITS["evidence"]]


def _shown(value: Any) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return phrases.number(value)
    if isinstance(value, list):
        return ", ".join(_shown(item) for item in value[:10]) + (", …" if len(value) > 10 else "")
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_shown(item)}" for key, item in list(value.items())[:10])
    return str(value)


def _tiles(view: View) -> list[tuple[str, str, str]]:
    """Return (figure, what it is, tone) for the first look."""
    report, advice = view.report, view.report.indexes
    urgent = sum(a.severity in (Severity.CRITICAL, Severity.HIGH) for a in view.actions)
    rest = sum(a.severity in (Severity.MEDIUM, Severity.LOW) for a in view.actions)
    tiles = []
    if urgent or rest:
        tiles = [
            (str(urgent), "urgent", "bad" if urgent else "good"),
            (str(rest), "worth doing", "fair" if rest else "good"),
        ]
    if advice is not None and advice.create and advice.cost_before > advice.cost_after > 0:
        less = phrases.times_less(advice.cost_before, advice.cost_after)
        tiles.append(
            (less, f"planned cost with {phrases.plural(len(advice.create), 'new index', 'new indexes')}", "good")
        )
    if advice is not None and advice.drop:
        freed = phrases.size(sum(drop.size_bytes for drop in advice.drop))
        tiles.append((freed, f"freed by dropping {phrases.plural(len(advice.drop), 'index', 'indexes')}", "good"))
    if report.settings is not None and report.settings.proposals:
        tiles.append((str(len(report.settings.proposals)), "settings to change", "fair"))
    late = {status.table for status in report.retention if asks(status)}
    if late:
        tiles.append((str(len(late)), "tables to look at for retention", "fair"))
    if report.gaps:
        tiles.append((str(len(report.gaps)), "gaps in what could be read", "dim"))
    return tiles


def _sections(view: View) -> list[tuple[str, str, str]]:
    """Return (anchor, title, count) of the sections that this report has."""
    report = view.report
    found = [("changes", "What changed", "")] if report.changes is not None else []
    found += [("first", "What to do first", str(len(view.first.rows)))] if view.first.rows else []
    if report.indexes is not None and "index" in view.sections:
        found.append(("indexes", "Indexes", str(len(report.indexes.create) + len(report.indexes.drop))))
    if report.settings is not None and "settings" in view.sections:
        found.append(("settings", "Settings", str(len(report.settings.proposals))))
    if report.retention and "retention" in view.sections:
        found.append(("retention", "Retention", str(len({s.table for s in report.retention if asks(s)}))))
    if "health" in view.sections:
        found.append(("health", "Health", str(sum(len(group.findings) for group in view.groups))))
    if report.workload and "index" in view.sections:
        found.append(("workload", "Workload", str(len(report.workload))))
    if report.sizes:
        found.append(("sizes", "Sizes", ""))
    if report.gaps or report.skipped:
        found.append(("gaps", "Gaps", str(len(report.gaps) + len(report.skipped))))
    return [*found, ("method", "Method", "")]
