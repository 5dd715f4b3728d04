"""Serial and identity columns of type integer or smallint, and primary keys of one such column."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, ColumnSpec, Hazard, MigrationView


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    for column in _columns(action):
        if column.type in ("integer", "smallint") and (column.serial or column.identity or _is_key(action, column)):
            yield Hazard(
                message=f"{column.name} ends at {2147483647 if column.type == 'integer' else 32767}.",
                object=f"{action.relation}.{column.name}",
                remedy_note="Use bigint: four bytes more a row are cheaper than the rewrite when the numbers run out.",
            )


def _columns(action: Action) -> tuple[ColumnSpec, ...]:
    return (action.column,) if action.kind == "add_column" and action.column is not None else action.column_specs


def _is_key(action: Action, column: ColumnSpec) -> bool:
    constraints = (*action.constraints, *column.constraints)
    return any(item.type == "primary" and item.columns == (column.name,) for item in constraints)
