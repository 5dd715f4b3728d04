"""Columns of type timestamp without time zone."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, ColumnSpec, Hazard, MigrationView


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    for column in _columns(action):
        if column.type.startswith("timestamp") and column.type.endswith("without time zone"):
            yield Hazard(
                message=f"{column.name} holds a time of nobody knows which zone.",
                object=f"{action.relation}.{column.name}",
                remedy_note="Use timestamptz: it stores a moment, and takes the same eight bytes.",
            )


def _columns(action: Action) -> tuple[ColumnSpec, ...]:
    return (action.column,) if action.kind == "add_column" and action.column is not None else action.column_specs
