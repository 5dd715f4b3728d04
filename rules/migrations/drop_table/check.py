"""DROP TABLE."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    if action.kind != "drop_table" or not state.preexisting(action.relation):
        return
    yield Hazard(
        message=f"{action.relation} and all it holds are gone for good.",
        object=str(action.relation),
        lock="ACCESS EXCLUSIVE",
        relation=action.relation,
        remedy_note="Stop using it first, rename it, wait, then drop it.",
    )
