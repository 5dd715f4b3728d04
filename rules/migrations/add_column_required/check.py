"""ADD COLUMN NOT NULL without a default."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView
from advisor.model.names import quote_ident


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    column = action.column
    if action.kind != "add_column" or column is None or not state.preexisting(action.relation):
        return
    given = column.default is not None and column.default.lower() != "null"
    if not column.not_null or given or column.serial or column.identity or column.generated:
        return
    if action.if_not_exists and action.relation and column.name in state.relation(action.relation).columns:
        return
    name = quote_ident(column.name)
    yield Hazard(
        message=f"{action.relation} has rows (or may have): a NOT NULL column without default fails with 23502.",
        object=f"{action.relation}.{column.name}",
        lock="ACCESS EXCLUSIVE",
        relation=action.relation,
        remedy=(f"ALTER TABLE {action.relation} ADD COLUMN {name} {column.type};",),
        remedy_note="Add it nullable or with a constant default, fill it, then SET NOT NULL behind a validated CHECK.",
    )
