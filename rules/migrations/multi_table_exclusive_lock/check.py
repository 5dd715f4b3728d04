"""ACCESS EXCLUSIVE on two or more tables in one transaction."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    if not state.in_transaction or not state.exclusive:
        return
    taken = [name for name, mode in state.locks if mode == "ACCESS EXCLUSIVE" and state.preexisting(name)]
    held = [name for name in state.exclusive if state.relation(name).kind not in "iv"]
    fresh = [name for name in taken if name not in held and state.relation(name).kind not in "iv"]
    if not held or not fresh or action.kind in ("drop_index", "drop_view"):
        return
    yield Hazard(
        message=f"{fresh[0]} is locked exclusively while {held[0]} still is: a deadlock waits to happen.",
        object=str(fresh[0]),
        lock="ACCESS EXCLUSIVE",
        relation=fresh[0],
        remedy_note="One table per transaction.",
    )
