"""CONCURRENTLY inside a transaction block."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    if not action.concurrently or action.kind == "refresh_matview":
        return
    if not (state.in_transaction or action.nested):
        return
    where = "a DO block" if action.nested else "a transaction"
    yield Hazard(
        message=f"This statement uses CONCURRENTLY inside {where}, which PostgreSQL refuses (25001).",
        object=str(action.relation or action.name),
        remedy_note="Put it in a migration of its own that runs without a transaction.",
    )
