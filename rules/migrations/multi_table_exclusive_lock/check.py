"""ACCESS EXCLUSIVE on two or more tables in one transaction."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    if not state.in_transaction or not state.exclusive:
        return
    taken = [name for name, mode in state.locks if mode == "ACCESS EXCLUSIVE" and state.preexisting(name)]
    fresh = [name for name in taken if name not in state.exclusive and state.relation(name).kind != "i"]
    if not fresh or action.kind == "drop_index":
        return
    yield Hazard(
        message=f"{fresh[0]} is locked exclusively while {state.exclusive[0]} still is: a deadlock waits to happen.",
        object=str(fresh[0]),
        lock="ACCESS EXCLUSIVE",
        relation=fresh[0],
        remedy_note="One table per transaction.",
    )
