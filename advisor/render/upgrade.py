"""The upgrade rehearsal, as text and JSON."""

from __future__ import annotations

from advisor.model.upgrade import PlanChange, UpgradeReport
from advisor.render.clean import one_line
from advisor.render.plain import FORMATS, text_or_json

UPGRADE_FORMATS = FORMATS
_SHOWN = 10


def render_upgrade(report: UpgradeReport, format: str) -> str:
    """Return the rehearsal in `format`. Raises UsageError for a format that does not exist."""
    return text_or_json(report, format, _lines)


def _lines(report: UpgradeReport) -> list[str]:
    lines = [
        f"{one_line(report.database)}: PostgreSQL {report.from_version} -> {report.to_version}",
        f"{report.compared} statements planned on both: {report.same} alike, {len(report.worse)} dearer,"
        f" {len(report.better)} cheaper, {len(report.changed)} with another plan at the same cost,"
        f" {len(report.failed)} refused by {report.to_version}.",
        f"Planned cost of the workload: {report.cost_before:,.0f} -> {report.cost_after:,.0f}.",
    ]
    for query, reason in report.failed[:_SHOWN]:
        lines += ["", f"REFUSED  {one_line(reason, 200)}", f"  {one_line(query, 300)}"]
    for title, changes in (("DEARER", report.worse), ("CHEAPER", report.better), ("OTHER PLAN", report.changed)):
        for change in changes[:_SHOWN]:
            lines += _change(title, change)
        if len(changes) > _SHOWN:
            lines.append(f"  and {len(changes) - _SHOWN} more: --format json")
    if report.settings:
        lines += ["", "SETTINGS"]
        for setting in report.settings:
            arrow = f"{setting.before} -> {setting.after}" if setting.after is not None else f"{setting.before} -> gone"
            lines.append(f"  {setting.name}: {arrow}")
            if setting.kind != "default":
                lines.append(f"    {setting.detail}")
        if any(setting.kind == "default" for setting in report.settings):
            lines.append("  Defaults in force here that change; set the old value to keep it.")
    if report.notes:
        lines += ["", "ALSO"]
        for note in report.notes:
            objects = f" ({', '.join(one_line(name) for name in note.objects[:5])})" if note.objects else ""
            lines += [f"  {note.severity}: {note.title}{objects}", f"    {note.detail}"]
    for gap in report.gaps[:_SHOWN]:
        lines += ["", f"gap: {gap.what}: {one_line(gap.why)}"]
    return lines


def _change(title: str, change: PlanChange) -> list[str]:
    lines = [
        "",
        f"{title}  {change.cost_before:,.1f} -> {change.cost_after:,.1f} a call, {change.calls:,.0f} calls",
        f"  {one_line(change.query, 300)}",
    ]
    if change.plan_before != change.plan_after:
        lines += ["  before", *(f"    {line}" for line in change.plan_before[:12])]
        lines += ["  after", *(f"    {line}" for line in change.plan_after[:12])]
    return lines
