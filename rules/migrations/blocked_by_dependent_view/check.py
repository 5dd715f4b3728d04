"""DDL on a column that views read."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    if action.kind not in ("alter_type", "drop_column") or action.cascade or action.relation is None:
        return
    views = state.dependent_views(action.relation, action.name)
    if not views:
        return
    names = ", ".join(str(view) for view in views[:3])
    yield Hazard(
        message=f"{names} reads {action.relation}.{action.name}: PostgreSQL refuses this until the view is dropped.",
        object=f"{action.relation}.{action.name}",
        lock="ACCESS EXCLUSIVE",
        relation=action.relation,
        remedy_note="Drop the view, make the change, create the view again, in one transaction with a lock_timeout.",
    )
