"""Columns of type serial, bigserial and smallserial."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, ColumnSpec, Hazard, MigrationView


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    for column in _columns(action):
        if column.serial:
            yield Hazard(
                message=f"{column.name} is a serial.",
                object=f"{action.relation}.{column.name}",
                remedy_note="Use bigint GENERATED ALWAYS AS IDENTITY: its sequence needs no grants of its own.",
            )


def _columns(action: Action) -> tuple[ColumnSpec, ...]:
    return (action.column,) if action.kind == "add_column" and action.column is not None else action.column_specs
