"""CREATE INDEX CONCURRENTLY IF NOT EXISTS."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView
from advisor.model.names import RelationName


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    if action.kind != "create_index" or not (action.concurrently and action.if_not_exists) or action.relation is None:
        return
    if action.name is None or not state.preexisting(action.relation):
        return
    name = RelationName(action.relation.schema, action.name)
    if name in state.indexes_dropped:
        return
    yield Hazard(
        message=f"If an earlier attempt failed, {action.name} is there, but invalid: this passes over it silently.",
        object=str(name),
        severity="low" if action.unique else None,
        remedy=(f"DROP INDEX CONCURRENTLY IF EXISTS {name};", f"{state.statement.rstrip(';')};"),
        remedy_note="An invalid index serves no query and costs every write. Drop what is left of it first.",
    )
