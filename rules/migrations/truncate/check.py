"""TRUNCATE."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    if action.kind != "truncate" or not state.preexisting(action.relation):
        return
    yield Hazard(
        message=f"All rows of {action.relation} are gone for good.",
        object=str(action.relation),
        lock="ACCESS EXCLUSIVE",
        relation=action.relation,
    )
