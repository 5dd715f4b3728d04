"""DDL on an inherited column of a partition."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    if action.kind not in ("drop_column", "rename_column", "alter_type", "drop_not_null") or action.relation is None:
        return
    relation = state.relation(action.relation)
    if not relation.is_partition or relation.parent is None:
        return
    yield Hazard(
        message=f"{action.relation} is a partition of {relation.parent}: its column cannot change alone.",
        object=f"{action.relation}.{action.name}",
        remedy_note=f"Change the column of {relation.parent}.",
    )
