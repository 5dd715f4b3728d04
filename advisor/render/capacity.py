"""The capacity arithmetic, as text and JSON."""

from __future__ import annotations

from dataclasses import asdict

import msgspec

from advisor.errors import UsageError
from advisor.model.report import Capacity
from advisor.units import format_count, format_size

CAPACITY_FORMATS = ("text", "json", "ini")


def render_capacity(capacity: Capacity, format: str) -> str:
    """Return the capacity as text, JSON, or only the pgbouncer.ini fragment."""
    if format == "json":
        return msgspec.json.format(msgspec.json.encode(asdict(capacity)), indent=2).decode() + "\n"
    if format == "ini":
        return capacity.pgbouncer_ini.rstrip() + "\n"
    if format != "text":
        raise UsageError(f"There is no format '{format}' here.", f"Choose one of: {', '.join(CAPACITY_FORMATS)}.")
    rows = [
        ("users", format_count(capacity.users)),
        ("requests per second at the peak", f"{capacity.requests_per_second:.3g}"),
        ("connections busy at the peak", f"{capacity.busy:.3g}"),
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
    return "\n".join(lines) + "\n"
