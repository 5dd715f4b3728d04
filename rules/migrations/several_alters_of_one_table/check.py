"""One ALTER TABLE after another on the same table."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import MERGEABLE_ALTERS, Action, Hazard, MigrationView


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    if action.kind not in MERGEABLE_ALTERS or action.relation is None or not state.preexisting(action.relation):
        return
    statement, columns = state.altered.get(action.relation, ("", frozenset()))
    if statement in ("", state.statement) or action.name in columns:
        return
    yield Hazard(
        message=f"{action.relation} was altered by the statement before: each of them waits for the lock anew.",
        object=str(action.relation),
        remedy_note="Write one ALTER TABLE with several subcommands: one lock, and one rewrite where one is due.",
    )
