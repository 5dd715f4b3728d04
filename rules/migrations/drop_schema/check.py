"""DROP SCHEMA."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    if action.kind != "drop_schema" or action.name in state.schemas_created:
        return
    yield Hazard(
        message=f"{action.name} and all it holds are gone for good.",
        object=str(action.name),
        lock="ACCESS EXCLUSIVE",
        relation=action.relation,
        remedy_note="Stop using it first, rename it, wait, then drop it.",
    )
