"""Columns of type json."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, ColumnSpec, Hazard, MigrationView


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    for column in _columns(action):
        if column.type == "json":
            yield Hazard(
                message=f"{column.name} keeps its text and is parsed at every use.",
                object=f"{action.relation}.{column.name}",
                remedy_note="Use jsonb: it can be indexed and compared.",
            )


def _columns(action: Action) -> tuple[ColumnSpec, ...]:
    return (action.column,) if action.kind == "add_column" and action.column is not None else action.column_specs
