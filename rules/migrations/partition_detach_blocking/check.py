"""DETACH PARTITION without CONCURRENTLY."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView


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
        ),
        remedy_note="Outside a transaction; not possible while there is a default partition.",
    )
