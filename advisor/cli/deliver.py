"""Results leave: to standard output, to files, and as an exit code."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from advisor.cli.console import check_format, format_of, note, terminal_width, wants_color, write_file
from advisor.model.finding import Severity
from advisor.model.report import Report
from advisor.render import FORMATS, render
from advisor.workload.redact import redact_report


def deliver(
    report: Report, chosen: str | None, outputs: list[Path], *, redact: bool, quiet: bool, no_color: bool
) -> None:
    """Render the report to every output; without -o, or with --format, to standard output too."""
    formats = tuple(FORMATS)
    targets = [(path, format_of(path, formats, chosen)) for path in outputs]
    if redact:
        report = redact_report(report)
    for path, name in targets:
        write_file(path, render(report, name, color=False, width=None))
        note(f"wrote {path}", quiet)
    if not outputs or chosen is not None:
        name = check_format(chosen or "text", formats)
        sys.stdout.write(render(report, name, color=wants_color(no_color), width=terminal_width()))
        sys.stdout.flush()


def exit_code(report: Report, fail_on: str) -> int:
    """Return 1 when anything at or above `fail_on` was found, else 0."""
    if fail_on == "never":
        return 0
    limit = Severity(fail_on).rank
    severities = [finding.severity.rank for finding in report.findings]
    severities += [Severity(status.severity).rank for status in report.retention if status.rule != "ret.ok"]
    if report.settings is not None:
        severities += [Severity(proposal.severity).rank for proposal in report.settings.proposals]
    if report.indexes is not None and report.indexes.create:
        severities.append(Severity.MEDIUM.rank)
    return int(any(rank <= limit for rank in severities))


def without_ignored(report: Report, ignore: tuple[dict[str, object], ...]) -> Report:
    """Return the report without the findings whose keys the configuration mutes; criticals stay."""
    muted = {str(item["finding"]) for item in ignore}
    kept = tuple(f for f in report.findings if f.key not in muted or f.severity is Severity.CRITICAL)
    return replace(report, findings=kept)
