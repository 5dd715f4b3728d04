"""SET LOGGED, UNLOGGED, TABLESPACE or ACCESS METHOD."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    if action.kind != "storage" or not state.preexisting(action.relation):
        return
    yield Hazard(
        message=f"SET {action.type} writes {action.relation} anew while nobody can read or write it.",
        object=str(action.relation),
        lock="ACCESS EXCLUSIVE",
        rewrite=True,
        relation=action.relation,
    )
