"""The load check, as text and JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from advisor.model.load import LoadCheck
from advisor.units import format_count, format_duration

_STATEMENTS, _LEFT_OUT = 15, 10
_WIDTH = 100


def load_as_json(check: LoadCheck) -> dict[str, Any]:
    """Return the check as plain data for JSON."""
    return asdict(check)


def load_as_lines(check: LoadCheck) -> list[str]:
    """Return the check as lines of text: what follows first, then the numbers, then what took no part."""
    lines = [f"Load check of {check.database}, PostgreSQL {check.version}, pgbench {check.pgbench_version}", ""]
    lines += [f"  - {sentence}" for sentence in check.verdict]
    lines += ["", f"{'clients':>7}  {'per second':>10}  {'p50':>9}  {'p95':>9}  {'p99':>9}  {'longest':>9}"]
    for step in check.steps:
        times = "  ".join(f"{_ms(value):>9}" for value in (step.p50, step.p95, step.p99, step.most))
        row = f"{step.clients:>7}  {step.per_second:>10,.0f}  {times}"
        missed = [t.name for t in check.targets if step.latency(t.share) > t.milliseconds]
        if missed:
            row += f"  misses {', '.join(missed)}"
        if step.failed_clients:
            row += f"  {step.failed_clients} ended: {step.error}"
        lines.append(row)
    if check.targets:
        lines.append("targets  " + ", ".join(f"{t.name} {_ms(t.milliseconds)}" for t in check.targets))
    first, last = check.steps[0].clients, check.steps[-1].clients
    clients = "client" if last == 1 else "clients"
    lines += [
        "",
        f"Statements, p95 with {last} {clients}"
        if first == last
        else f"Statements, p95 with {first} and with {last} {clients}",
    ]
    for statement in check.statements[:_STATEMENTS]:
        seen = (statement.p95_first, statement.p95_last) if first != last else (statement.p95_last,)
        times = " → ".join("never ran" if p is None else _ms(p) for p in seen)
        writes = " (write, rolled back)" if statement.writes else ""
        lines.append(f"  {statement.share:>4.0%}  {times:<22}{_cut(statement.query)}{writes}")
    if len(check.statements) > _STATEMENTS:
        lines.append(f"  and {len(check.statements) - _STATEMENTS} more")
    lines += ["", f"They stand for {check.covered:.0%} of the workload's calls."]
    if check.left_out:
        lines += ["", "Took no part"]
        lines += [f"  - {_cut(query)}: {why}" for query, why in check.left_out[:_LEFT_OUT]]
        if len(check.left_out) > _LEFT_OUT:
            lines.append(f"  and {format_count(len(check.left_out) - _LEFT_OUT)} more")
    lines += ["", "Notes", *(f"  - {note}" for note in check.notes)]
    return lines


def _ms(milliseconds: float) -> str:
    return format_duration(milliseconds / 1000)


def _cut(text: str) -> str:
    return text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"
