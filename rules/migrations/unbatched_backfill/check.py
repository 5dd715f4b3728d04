"""UPDATE or DELETE of a whole table in one statement."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    if action.kind not in ("update", "delete") or action.limited or not state.preexisting(action.relation):
        return
    if action.relation is None:
        return
    rows = state.relation(action.relation).rows
    if rows is not None and rows < 10_000:
        return
    verb = "updates" if action.kind == "update" else "deletes from"
    extent = "every row" if not action.has_where else "an unknown number of rows"
    yield Hazard(
        message=f"One statement {verb} {action.relation}: {extent} in one transaction.",
        object=str(action.relation),
        lock="ROW EXCLUSIVE",
        severity=None if not action.has_where else "low",
        relation=action.relation,
        remedy_note="Work in batches of some thousand rows by key, each in its own transaction.",
    )
