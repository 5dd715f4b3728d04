"""What an index does to single statements, for the report."""

from __future__ import annotations

from advisor.model.report import StatementEffect
from advisor.model.workload import Statement


def effect(statement: Statement, before: float, after: float) -> StatementEffect:
    """Return the change of one statement's cost per call."""
    return StatementEffect(
        fingerprint=statement.fingerprint,
        query=statement.original,
        calls=statement.calls,
        cost_before=round(before, 2),
        cost_after=round(after, 2),
    )
