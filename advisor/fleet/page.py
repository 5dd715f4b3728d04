"""The fleet's page as text and as JSON; a page of HTML is in advisor.fleet.html."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from advisor.deliver.outcome import Outcome, Step
from advisor.fleet.followed import kinds, words
from advisor.fleet.html import render_fleet_html
from advisor.fleet.tally import Fleet, Row, Shared
from advisor.model.finding import Severity
from advisor.render.clean import one_line
from advisor.render.page import Page
from advisor.render.phrases import minute, plural, size
from advisor.units import format_duration

SCHEMA_VERSION = 1
# A terminal's worth; JSON has all.
_ROWS, _FAILED, _SHARED = 60, 40, 25
_COLUMNS = tuple(severity for severity in Severity if severity is not Severity.INFO)
_STYLES = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "dim"}
_NAMED = 5


def render_fleet_text(fleet: Fleet, *, color: bool = False, width: int | None = None) -> str:
    """Return the page for a terminal, a pipe or a mail."""
    page = Page(color=color, width=width)
    tally = fleet.tally
    page.prose(f"pgadvise {fleet.tool_version}, fleet, {minute(fleet.at)}", style="bold")
    for label, text in facts(fleet):
        page.labelled(label, text, 0, label_width=10)
    failed = tally.failed
    if failed:
        page.heading("Not looked at", str(len(failed)))
        for row in failed[:_FAILED]:
            page.prose(f"{row.name}: {row.error}", 2, hang=4)
        _more(page, len(failed) - _FAILED)
    looked = [row for row in tally.ranked if row.status != "failed"]
    if looked:
        page.heading("Databases, what needs attention first")
        for row in looked[:_ROWS]:
            page.prose(f"{row.name}: {_counted(row)}", 2, _STYLES.get(row.worst or "", ""), hang=4)
            if row.steps:
                page.prose(row.steps[0].title, 6)
            for problem in row.problems:
                page.prose(problem, 6, "red")
        _more(page, len(looked) - _ROWS)
    regretted = tally.ledger.regretted
    if regretted:
        page.heading("Changes to take back")
        for item in regretted[:_SHARED]:
            word = "does harm" if item.state == "harmful" else "is not used"
            page.prose(f"{item.target}: {one_line(item.title)} {word}", 2, hang=4)
            page.prose(item.why, 6)
            for statement in item.undo:
                page.prose(statement, 6)
        _more(page, len(regretted) - _SHARED)
    across = tally.across()
    if across:
        page.heading("The same in several databases")
        for shared in across[:_SHARED]:
            page.prose(f"{shared.severity}: {shared.title}", 2, _STYLES.get(shared.severity, ""), hang=4)
            everywhere = shared.count == len(looked)
            page.prose(f"all {spread(shared)}" if everywhere else f"{spread(shared)}: {named(shared)}", 6)
        _more(page, len(across) - _SHARED)
    return page.text()


def facts(fleet: Fleet) -> list[tuple[str, str]]:
    """Return the lines at the head of the page."""
    tally = fleet.tally
    failed = len(tally.failed)
    looked = len(tally.rows) - failed
    of_servers = f" of {plural(tally.servers, 'server')}" if tally.servers else ""
    lines = [("targets", f"{plural(looked, 'database')}{of_servers} looked at, {failed} could not be")]
    if fleet.shard is not None:
        lines.append(("shard", f"{fleet.shard} (counted from 0)"))
    said = ", ".join(f"{fleet.counts.get(s.value, 0)} {s.value}" for s in _COLUMNS)
    lines.append(("to do", said))
    if fleet.changes is not None:
        lines.append(("changes", ", ".join(f"{count} {name}" for name, count in fleet.changes.items()) or "none"))
    if kept := words(tally.ledger):
        lines.append(("proposals", kept))
    lines.append(
        (
            "made",
            f"in {format_duration(fleet.seconds)} by {plural(fleet.workers, 'worker')}; peak memory of a worker"
            f" {size(tally.peak_memory_bytes)}, of the coordinator {size(fleet.peak_memory_bytes)}",
        )
    )
    return lines


def spread(shared: Shared) -> str:
    """Return in how many databases, and on how many servers."""
    on = f" on {plural(len(shared.servers), 'server')}" if shared.servers else ""
    return f"{shared.count} databases{on}"


def named(shared: Shared) -> str:
    """Return the databases, as far as they were kept."""
    first = shared.targets[:_NAMED]
    more = shared.count - len(first)
    return ", ".join(first) + (f" and {more} more" if more else "")


def _counted(row: Row) -> str:
    said = ", ".join(f"{count} {name}" for name, count in row.counts if count) or "nothing to do"
    if row.changes:
        said += "; " + ", ".join(f"{count} {name}" for name, count in row.changes)
    return said


def _more(page: Page, count: int) -> None:
    if count > 0:
        page.prose(f"and {count:,} more: --format json", 2, "dim")


def fleet_document(fleet: Fleet) -> dict[str, Any]:
    """Return the page as JSON has it: every target, every finding of more than one."""
    return {
        "schema_version": SCHEMA_VERSION,
        "tool": {"name": "pgadvise", "version": fleet.tool_version},
        "generated_at": fleet.at.isoformat(),
        "shard": fleet.shard,
        "seconds": round(fleet.seconds, 3),
        "workers": fleet.workers,
        "peak_memory_bytes": {"coordinator": fleet.peak_memory_bytes, "worker": fleet.tally.peak_memory_bytes},
        "exit_code": fleet.tally.exit_code,
        "totals": {
            "targets": len(fleet.tally.rows),
            "failed": len(fleet.tally.failed),
            "servers": fleet.tally.servers,
            "counts": fleet.counts,
            "changes": fleet.changes,
        },
        "proposals": {
            "databases": fleet.tally.ledger.databases,
            "kinds": {
                kind: {"followed": count, "judged": judged, "verified": hits}
                for kind, count, judged, hits in kinds(fleet.tally.ledger)
            },
            "take_back": [
                {"target": r.target, "title": r.title, "state": r.state, "why": r.why, "undo_sql": list(r.undo)}
                for r in fleet.tally.ledger.regretted
            ],
        },
        "targets": [_row(row) for row in fleet.tally.ranked],
        "shared": [
            {
                "key": shared.key,
                "severity": shared.severity,
                "title": shared.title,
                "count": shared.count,
                "servers": len(shared.servers),
                "targets": shared.targets,
            }
            for shared in fleet.tally.across()
        ],
    }


def _row(row: Row) -> dict[str, Any]:
    return {
        "name": row.name,
        "labels": dict(row.labels),
        "status": row.status,
        "error": row.error,
        "problems": list(row.problems),
        "exit_code": row.exit_code,
        "seconds": round(row.seconds, 3),
        "database": row.database,
        "version": row.version,
        "size_bytes": row.size_bytes,
        "worst": row.worst,
        "counts": dict(row.counts),
        "changes": dict(row.changes) if row.changes is not None else None,
        "steps": [{"key": step.key, "severity": step.severity, "title": step.title} for step in row.steps],
        "steps_total": row.steps_total,
        "outputs": list(row.outputs),
    }


def render_fleet_json(fleet: Fleet) -> str:
    """Return the page as JSON."""
    text = json.dumps(fleet_document(fleet), indent=2, ensure_ascii=False)
    return text.encode("utf-8", "replace").decode() + "\n"


FORMATS: Mapping[str, Callable[[Fleet], str]] = {
    "text": render_fleet_text,
    "json": render_fleet_json,
    "html": render_fleet_html,
}


def fleet_outcome(fleet: Fleet, name: str) -> Outcome:
    """Return the whole fleet as one outcome, for the subject of a mail and the body of a webhook."""
    tally = fleet.tally
    failed = tally.failed
    worst = next((s.value for s in Severity if fleet.counts.get(s.value)), None)
    title = name if not failed else f"{name} ({plural(len(failed), 'target')} not looked at)"
    return Outcome(
        target=one_line(title),
        at=fleet.at,
        exit_code=tally.exit_code,
        seconds=fleet.seconds,
        counts=tuple((s.value, fleet.counts.get(s.value, 0)) for s in _COLUMNS),
        worst=worst,
        steps=tuple(
            Step(key=shared.key, severity=shared.severity, title=f"{shared.title} ({spread(shared)})")
            for shared in tally.across()[:20]
        ),
        steps_total=sum(row.steps_total for row in tally.rows),
        changes=tuple(fleet.changes.items()) if fleet.changes is not None else None,
    )
