"""DROP INDEX without CONCURRENTLY."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    if action.kind != "drop_index" or action.concurrently or action.relation is None:
        return
    index = state.index(action.relation)
    if index.created or (index.table is not None and not state.preexisting(index.table)):
        return
    yield Hazard(
        message=f"Dropping {action.relation} locks its table exclusively; queries queue while it waits for that lock.",
        object=str(action.relation),
        lock="ACCESS EXCLUSIVE",
        relation=index.table,
        remedy=(f"DROP INDEX CONCURRENTLY {action.relation};",),
        remedy_note="Outside a transaction.",
    )
