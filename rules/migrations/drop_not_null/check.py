"""DROP NOT NULL."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    if action.kind != "drop_not_null" or not state.preexisting(action.relation):
        return
    yield Hazard(
        message=f"{action.relation}.{action.name} may become null: the running application may not expect it.",
        object=f"{action.relation}.{action.name}",
        lock="ACCESS EXCLUSIVE",
        relation=action.relation,
    )
