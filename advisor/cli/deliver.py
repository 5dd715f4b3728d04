"""Results leave: to standard output, to files, and as an exit code."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

from advisor.cli.console import check_format, format_of, note, print_text, terminal_width, wants_color, write_file
from advisor.errors import AdvisorError, UsageError
from advisor.model.finding import Finding, Severity
from advisor.model.names import RelationName
from advisor.model.report import Report
from advisor.render import FORMATS, render, worst
from advisor.workload.redact import redact_report


def deliver(
    report: Report,
    chosen: str | None,
    outputs: list[Path],
    *,
    redact: bool,
    quiet: bool,
    no_color: bool,
    speak: bool = True,
) -> list[AdvisorError]:
    """Render the report to every output; without -o to standard output, where `speak` lets it.

    Returns what could not be written: one output that fails keeps no other from being made.
    """
    formats = tuple(FORMATS)
    targets = [(path, format_of(path, formats, chosen)) for path in outputs]
    if redact:
        report = redact_report(report)
    problems: list[AdvisorError] = []
    for path, name in targets:
        try:
            write_file(path, render(report, name, color=False, width=None))
            note(f"wrote {path}", quiet)
        except UsageError as error:
            problems.append(error)
    if not outputs and speak:
        name = check_format(chosen or "text", formats)
        print_text(render(report, name, color=wants_color(no_color), width=terminal_width()))
    return problems


def exit_code(report: Report, fail_on: str) -> int:
    """Return 1 when anything at or above `fail_on` was found, else 0."""
    if fail_on == "never":
        return 0
    found = worst(report)
    return int(found is not None and found.rank <= Severity(fail_on).rank)


def without_ignored(report: Report, ignore: tuple[dict[str, object], ...], today: date | None = None) -> Report:
    """Return the report without what the configuration mutes; criticals stay, and so does what is past its date.

    An entry names a key as in the JSON ('indexes/x:public.t'), or an index, setting or table of the other sections
    ('index:public.t_idx', 'setting:work_mem', 'retention:public.sessions'), or the key of a step. `until` is a date.
    """
    now = today or datetime.now(UTC).date()
    muted = {str(item["finding"]) for item in ignore if not _expired(item, now)}
    if not muted:
        return report

    def kept(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
        return tuple(f for f in findings if f.key not in muted or f.severity is Severity.CRITICAL)

    indexes, settings = report.indexes, report.settings
    if indexes is not None:
        create = tuple(
            p
            for p in indexes.create
            if muted.isdisjoint((f"index:{RelationName(p.table.schema, p.name)}", f"index/create:{p.table}:{p.name}"))
        )
        drop = tuple(
            d for d in indexes.drop if muted.isdisjoint((f"index:{d.index}", f"index/drop_{d.kind}:{d.index}"))
        )
        indexes = replace(indexes, create=create, drop=drop)
    if settings is not None:
        proposals = tuple(
            p
            for p in settings.proposals
            if muted.isdisjoint((f"setting:{p.name}", f"settings/change:setting:{p.name}"))
        )
        settings = replace(settings, proposals=proposals, findings=kept(settings.findings))
    return replace(
        report,
        findings=kept(report.findings),
        indexes=indexes,
        settings=settings,
        retention=tuple(
            r for r in report.retention if muted.isdisjoint((f"retention:{r.table}", f"{r.rule}:{r.table}"))
        ),
    )


def _expired(item: dict[str, object], today: date) -> bool:
    """Whether an [[ignore]] is past its last day `until` (or `expires`, the older name); what is no date is refused."""
    given = item.get("until", item.get("expires"))
    if given is None:
        return False
    try:
        end = given if isinstance(given, date) else date.fromisoformat(str(given))
    except ValueError as error:
        raise UsageError(f"The [[ignore]] of '{item['finding']}' ends on '{given}', which is no date.") from error
    return end < today
