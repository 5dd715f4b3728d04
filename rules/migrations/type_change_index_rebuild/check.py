"""ALTER COLUMN TYPE … COLLATE."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    if action.kind != "alter_type" or action.column is None or action.column.collation is None:
        return
    if not state.preexisting(action.relation) or action.relation is None:
        return
    rebuilt = tuple(columns for columns in state.index_columns(action.relation) if action.name in columns)
    if state.relation(action.relation).known and not rebuilt:
        return  # no index to build anew
    yield Hazard(
        message=f"The new collation of {action.name} rebuilds every index on it while {action.relation} is locked.",
        object=f"{action.relation}.{action.name}",
        lock="ACCESS EXCLUSIVE",
        scan=True,
        builds=rebuilt or ((),),
        relation=action.relation,
        remedy_note="Add a new column with the collation, fill it in batches, index it CONCURRENTLY, then switch.",
    )
