"""The report as metrics for node_exporter's textfile collector; the number of series is bounded."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from advisor.model.finding import Severity
from advisor.model.report import Report
from advisor.render.clean import visible
from advisor.render.order import items
from advisor.render.phrases import utc

# One series per table: a database with 10,000 of them must not flood the time series store.
_TABLES = 100

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Family:
    """One metric: its name without the prefix, its help, its samples."""

    name: str
    text: str
    samples: tuple[tuple[Labels, float], ...]


def render_prometheus(report: Report) -> str:
    """Return the text exposition format; every sample carries the database."""
    return exposition(report_families(report, (("database", report.database),)))


def exposition(families: Iterable[Family]) -> str:
    """Return the text of families; those of one name become one, as the format demands."""
    merged: dict[str, tuple[str, list[tuple[Labels, float]]]] = {}
    for family in families:
        merged.setdefault(family.name, (family.text, []))[1].extend(family.samples)
    lines: list[str] = []
    for name, (text, samples) in merged.items():
        if samples:
            lines.extend((f"# HELP pgadvise_{name} {text}", f"# TYPE pgadvise_{name} gauge"))
            lines.extend(f"pgadvise_{name}{_labels(labels)} {_value(value)}" for labels, value in samples)
    return "\n".join(lines) + "\n"


def report_families(report: Report, base: Labels) -> list[Family]:
    """Return the metrics of one report; every sample carries the labels `base`."""
    found = items(report)
    families: list[Family] = []

    def metric(name: str, text: str, samples: Iterable[tuple[Labels, float | None]]) -> None:
        values = tuple(
            (base + labels, float(value)) for labels, value in samples if value is not None and math.isfinite(value)
        )
        families.append(Family(name, text, values))

    severities = Counter(item.severity for item in found)
    subjects = Counter((item.subject, item.severity) for item in found)
    metric("report_timestamp_seconds", "When the report was made.", [((), utc(report.generated_at).timestamp())])
    metric(
        "info",
        "Versions.",
        [((("version", report.version), ("provider", report.provider), ("pgadvise", report.tool_version)), 1)],
    )
    metric("steps", "Things to do by severity.", [((("severity", s.value),), severities[s]) for s in Severity])
    metric(
        "subject_steps",
        "Things to do by subject and severity.",
        [((("subject", subject), ("severity", s.value)), count) for (subject, s), count in sorted(subjects.items())],
    )
    metric("gaps", "Things that could not be read.", [((), len(report.gaps))])
    metric("rules_skipped", "Rules that could not be judged.", [((), len(report.skipped))])
    metric("rules_passed", "Rules that looked and found nothing.", [((), len(report.passed))])
    metric("database_size_bytes", "Size of the database.", [((), report.database_size_bytes)])
    advice = report.indexes
    if advice is not None:
        metric("indexes_to_create", "Indexes proposed.", [((), len(advice.create))])
        metric("indexes_to_drop", "Indexes that can go.", [((), len(advice.drop))])
        metric("indexes_to_drop_bytes", "Bytes they take.", [((), sum(d.size_bytes for d in advice.drop))])
        metric(
            "workload_cost",
            "Planned cost of the workload, planner units.",
            [((("state", "now"),), advice.cost_before), ((("state", "proposed"),), advice.cost_after)],
        )
        metric("statements_unusable", "Texts that could not be planned.", [((), len(advice.unusable))])
    if report.settings is not None:
        metric("settings_to_change", "Settings proposed.", [((), len(report.settings.proposals))])
        metric(
            "worst_case_memory_bytes",
            "Memory that the settings allow in the worst case.",
            [
                ((("state", "now"),), report.settings.worst_case_bytes_now),
                ((("state", "proposed"),), report.settings.worst_case_bytes_proposed),
            ],
        )
    tables = {str(status.table): status for status in reversed(report.retention)}
    largest = sorted(tables.items(), key=lambda t: (-(t[1].expired_bytes or 0), t[0]))[:_TABLES]
    metric(
        "retention_expired_rows",
        "Rows past their window, of the worst tables.",
        [((("table", name),), status.expired_rows) for name, status in largest],
    )
    metric(
        "retention_expired_bytes",
        "Bytes past their window, of the worst tables.",
        [((("table", name),), status.expired_bytes) for name, status in largest],
    )
    metric(
        "retention_oldest_timestamp_seconds",
        "Time of the oldest row, of the worst tables.",
        [((("table", n),), utc(s.oldest).timestamp() if s.oldest else None) for n, s in largest],
    )
    metric("duration_seconds", "Time the report took.", [((), sum(report.timings.values()))])
    return families


def _labels(labels: Labels) -> str:
    pairs = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels)
    return "{" + pairs + "}"


def _escaped(value: str) -> str:
    return visible(value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", " ")


def _value(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))
