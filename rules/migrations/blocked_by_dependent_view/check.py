"""DDL on a column that views read."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    if action.kind not in ("alter_type", "drop_column", "drop_table") or action.cascade or action.relation is None:
        return
    column = None if action.kind == "drop_table" else action.name
    views = state.dependent_views(action.relation, column)
    if not views:
        return
    names = ", ".join(str(view) for view in views[:3])
    what = str(action.relation) if column is None else f"{action.relation}.{column}"
    yield Hazard(
        message=f"{names} reads {what}: PostgreSQL refuses this until the view is dropped.",
        object=what,
        lock="ACCESS EXCLUSIVE",
        relation=action.relation,
        remedy_note="Drop the view, make the change, create the view again, in one transaction with a lock_timeout.",
    )
