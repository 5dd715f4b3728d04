"""DISABLE TRIGGER."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    if action.kind != "disable_trigger" or not state.preexisting(action.relation):
        return
    yield Hazard(
        message=f"Triggers of {action.relation} are off for everybody, not only for this migration.",
        object=str(action.relation),
        lock="SHARE ROW EXCLUSIVE",
        relation=action.relation,
        remedy_note="SET LOCAL session_replication_role = replica affects only this transaction.",
    )
