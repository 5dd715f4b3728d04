"""TRUNCATE … CASCADE."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    if action.kind != "truncate" or not action.cascade or not state.preexisting(action.relation):
        return
    yield Hazard(
        message=f"Every table that references {action.relation} is emptied too.",
        object=str(action.relation),
        lock="ACCESS EXCLUSIVE",
        relation=action.relation,
        remedy_note="Name the tables to empty.",
    )
