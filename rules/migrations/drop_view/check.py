"""DROP VIEW."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    if action.kind not in ("drop_view", "drop_matview") or not state.preexisting(action.relation):
        return
    kinds = ("create_view", "create_matview", "create_table")
    if any(later.kind in kinds and later.relation == action.relation for later in state.pending):
        return
    yield Hazard(
        message=f"Whoever reads {action.relation} fails from now on.",
        object=str(action.relation),
        lock="ACCESS EXCLUSIVE",
        relation=action.relation,
    )
