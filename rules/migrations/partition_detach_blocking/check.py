"""DETACH PARTITION without CONCURRENTLY."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView

_CONCURRENTLY = 14


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    if action.kind != "detach_partition" or action.concurrently or not state.preexisting(action.relation):
        return
    yield Hazard(
        message=f"All of {action.relation} is locked while the partition is detached.",
        object=str(action.relation),
        lock="ACCESS EXCLUSIVE",
        relation=None,
        remedy=tuple(
            f"ALTER TABLE {action.relation} DETACH PARTITION {child} CONCURRENTLY;" for child in action.relations
        )
        if state.major >= _CONCURRENTLY
        else ("SET lock_timeout = '2s';",),
        remedy_note="Outside a transaction; not possible while there is a default partition."
        if state.major >= _CONCURRENTLY
        else "The lock is brief once it is granted: limit the wait for it, and try again. CONCURRENTLY comes with 14.",
    )
