"""CREATE INDEX CONCURRENTLY on a partitioned parent."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    if action.kind != "create_index" or not action.concurrently or action.relation is None:
        return
    if state.relation(action.relation).kind != "p" or action.only:
        return
    yield Hazard(
        message=f"{action.relation} is partitioned: PostgreSQL cannot create its index CONCURRENTLY (0A000).",
        object=str(action.relation),
        remedy_note="CREATE INDEX … ON ONLY the parent, CREATE INDEX CONCURRENTLY on each partition, then ATTACH each.",
    )
