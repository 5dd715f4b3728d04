"""LOCK TABLE in a blocking mode."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    modes = ("SHARE", "SHARE ROW EXCLUSIVE", "EXCLUSIVE", "ACCESS EXCLUSIVE")
    if action.kind != "lock_table" or action.type not in modes or not state.preexisting(action.relation):
        return
    yield Hazard(
        message=f"{action.relation} is locked in {action.type} mode until the transaction ends.",
        object=str(action.relation),
        lock=action.type,
        relation=action.relation,
    )
