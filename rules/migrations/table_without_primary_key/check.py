"""A new table without a primary key."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    if action.kind != "create_table" or action.relation is None or action.temporary:
        return
    if action.as_select or action.like or action.partition_of is not None or action.relations:
        return  # columns and keys come from elsewhere
    if any(constraint.type == "primary" for constraint in action.constraints):
        return
    added = (later.constraint for later in state.pending if later.relation == action.relation)
    if any(constraint is not None and constraint.type == "primary" for constraint in added):
        return
    yield Hazard(
        message=f"{action.relation} has no primary key.",
        object=str(action.relation),
        remedy_note="Give it one: logical replication refuses updates and deletes without, and doubled rows stay.",
    )
