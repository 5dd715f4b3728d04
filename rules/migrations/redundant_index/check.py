"""A new index on the leading columns of another."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    if action.kind != "create_index" or action.relation is None or action.unique or action.expressions:
        return
    if action.predicate is not None or not action.columns or (action.method or "btree") != "btree":
        return
    width = len(action.columns)
    for columns in state.index_columns(action.relation):
        if columns[:width] == action.columns:
            yield Hazard(
                message=f"{action.relation} has an index on ({', '.join(columns)}) already.",
                object=str(action.relation),
                remedy_note="It serves the same searches; a second one costs writes and space.",
            )
            return
