"""REINDEX without CONCURRENTLY."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    if action.kind != "reindex" or action.concurrently:
        return
    relation = action.relation
    if relation is not None:
        table = state.index(relation).table if action.type == "index" else relation
        if (action.type == "index" and state.index(relation).created) or (table and not state.preexisting(table)):
            return
    kind = "INDEX" if action.type == "index" else "TABLE"
    yield Hazard(
        message="REINDEX without CONCURRENTLY blocks writes, and reads through the index, until it is done.",
        object=str(relation) if relation is not None else action.name or "database",
        lock="SHARE",
        scan=True,
        builds=state.index_columns(relation) if action.type == "table" and relation is not None else ((),),
        relation=relation if action.type == "table" else state.index(relation).table if relation is not None else None,
        remedy=(f"REINDEX {kind} CONCURRENTLY {relation};",) if relation else (),
        remedy_note="Outside a transaction.",
    )
