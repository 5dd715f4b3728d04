"""DROP COLUMN."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    if action.kind != "drop_column" or action.relation is None or not state.preexisting(action.relation):
        return
    if action.name and state.column(action.relation, action.name).created:
        return
    yield Hazard(
        message=f"The running application may still use {action.relation}.{action.name}; its values are gone for good.",
        object=f"{action.relation}.{action.name}",
        lock="ACCESS EXCLUSIVE",
        relation=action.relation,
        remedy_note="Deploy an application that ignores the column first, then drop it.",
    )
