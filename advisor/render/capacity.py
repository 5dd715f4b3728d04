"""The capacity arithmetic, as text and JSON."""

from __future__ import annotations

from dataclasses import asdict

import msgspec

from advisor.errors import UsageError
from advisor.model.load import LoadCheck
from advisor.model.report import Capacity
from advisor.render.load import load_as_json, load_as_lines
from advisor.units import format_count, format_size

CAPACITY_FORMATS = ("text", "json", "ini")


def render_capacity(capacity: Capacity | None, format: str, measured: LoadCheck | None = None) -> str:
    """Return the capacity as text, JSON, or only the pgbouncer.ini fragment; what was measured stands beside it.

    Either may be None: a load check without a number of users has no arithmetic. Raises UsageError.
    """
    if format == "json":
        data = asdict(capacity) if capacity is not None else {}
        if measured is not None:
            data["load"] = load_as_json(measured)
        return msgspec.json.format(msgspec.json.encode(data), indent=2).decode() + "\n"
    if format == "ini":
        if capacity is None:
            raise UsageError("The fragment needs the number of users.", "Give it with --users 500")
        return capacity.pgbouncer_ini.rstrip() + "\n"
    if format != "text":
        raise UsageError(f"There is no format '{format}' here.", f"Choose one of: {', '.join(CAPACITY_FORMATS)}.")
    lines = [] if measured is None else load_as_lines(measured)
    if capacity is not None:
        lines += [*([""] if lines else []), *_arithmetic(capacity)]
    return "\n".join(lines) + "\n"


def _arithmetic(capacity: Capacity) -> list[str]:
    rows = [
        ("users", format_count(capacity.users)),
        ("requests per second at the peak", _rate(capacity.requests_per_second)),
        ("connections busy at the peak", _rate(capacity.busy)),
        ("pool (server connections)", str(capacity.pool)),
        ("cores that carry it", str(capacity.cores)),
        ("max_connections", str(capacity.max_connections)),
        ("clients of the pooler", format_count(capacity.max_client_connections)),
    ]
    if capacity.application_connections is not None:
        rows.append(("connections the application may open", format_count(capacity.application_connections)))
    if capacity.work_mem_bytes is not None:
        rows.append(("work_mem that fits", format_size(capacity.work_mem_bytes)))
    if capacity.worst_case_bytes is not None and capacity.ram_bytes is not None:
        rows.append(
            ("worst-case memory", f"{format_size(capacity.worst_case_bytes)} of {format_size(capacity.ram_bytes)}")
        )
    width = max(len(name) for name, _ in rows)
    lines = [f"{name:<{width}}  {value}" for name, value in rows]
    for title, items in (
        ("Warnings", capacity.warnings),
        ("Assumptions", capacity.assumptions),
        ("Notes", capacity.notes),
    ):
        if items:
            lines += ["", title, *(f"  - {item}" for item in items)]
    if capacity.pgbouncer_ini:
        lines += ["", "pgbouncer.ini", *(f"  {line}" for line in capacity.pgbouncer_ini.rstrip().splitlines())]
    return lines


def _rate(value: float) -> str:
    return format_count(value) if value >= 100 else f"{value:.3g}"
