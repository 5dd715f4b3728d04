"""A new index on more than three columns."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView

_MOST = 3


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    if action.kind != "create_index" or action.unique or len(action.columns) <= _MOST:
        return
    yield Hazard(
        message=f"The index on {action.relation} has {len(action.columns)} key columns.",
        object=str(action.relation),
        remedy_note="Columns after the first two or three seldom narrow a search; INCLUDE serves for reading along.",
    )
