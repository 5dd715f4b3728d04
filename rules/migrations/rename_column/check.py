"""RENAME COLUMN."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    if action.kind != "rename_column" or action.relation is None or not state.preexisting(action.relation):
        return
    if action.name and state.column(action.relation, action.name).created:
        return
    yield Hazard(
        message=f"The running application fails on {action.relation}.{action.name} at once.",
        object=f"{action.relation}.{action.name}",
        lock="ACCESS EXCLUSIVE",
        relation=action.relation,
        remedy_note="Add a new column, write both, fill the old rows, switch the readers, drop the old column.",
    )
