"""DDL on an inherited column of a partition or child table."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView

_KINDS = ("drop_column", "rename_column", "alter_type", "drop_not_null")


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    if action.kind not in (*_KINDS, "add_column") or action.relation is None:
        return
    relation = state.relation(action.relation)
    if relation.parent is None:
        return
    if relation.is_partition:
        message = f"{action.relation} is a partition of {relation.parent}: its columns cannot change alone."
    elif action.kind in ("drop_column", "rename_column", "alter_type") and (
        action.name in state.relation(relation.parent).columns
    ):
        message = f"{action.relation} inherits {action.name} from {relation.parent}: it cannot change alone."
    else:
        return
    yield Hazard(
        message=message,
        object=f"{action.relation}.{action.name}",
        remedy_note=f"Change the column of {relation.parent}.",
    )
