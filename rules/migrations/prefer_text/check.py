"""Columns of type varchar(n) and char(n)."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, ColumnSpec, Hazard, MigrationView


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    for column in _columns(action):
        if column.type.startswith("character") and "(" in column.type:
            yield Hazard(
                message=f"The length of {column.name} is part of its type.",
                object=f"{action.relation}.{column.name}",
                remedy_note="Use text, and a CHECK where a limit is meant: it changes without touching the type.",
            )


def _columns(action: Action) -> tuple[ColumnSpec, ...]:
    return (action.column,) if action.kind == "add_column" and action.column is not None else action.column_specs
