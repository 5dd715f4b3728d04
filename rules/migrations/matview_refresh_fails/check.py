"""REFRESH MATERIALIZED VIEW CONCURRENTLY that PostgreSQL refuses."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    if action.kind != "refresh_matview" or not action.concurrently or action.relation is None:
        return
    view = state.relation(action.relation)
    if view.kind != "m":
        return  # nothing is known of it
    if not view.populated:
        why = "its query has never run"
    elif not any(index.unique for index in state.indexes_of(view.name)):
        why = "it has no unique index on plain columns over all rows"
    else:
        return
    yield Hazard(
        message=f"{action.relation} cannot be refreshed CONCURRENTLY: {why}.",
        object=str(action.relation),
        relation=view.name,
        remedy_note="Make a unique index on it (CONCURRENTLY); refresh it without CONCURRENTLY the first time.",
    )
