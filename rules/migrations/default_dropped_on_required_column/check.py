"""DROP DEFAULT of a NOT NULL column: one just added with it, or one that had it all along."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView
from advisor.model.names import quote_ident


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    if action.kind != "drop_default" or action.relation is None or action.name is None:
        return
    column = state.column(action.relation, action.name)
    if not (state.preexisting(action.relation) and column.not_null):
        return
    if not column.created and column.has_default is not True:
        return  # not known to have one
    name = quote_ident(action.name)
    fills = "do" if column.created else "may"
    yield Hazard(
        message=f"Inserts of the running application {fills} not fill {action.name}; without its default they fail.",
        object=f"{action.relation}.{action.name}",
        lock="ACCESS EXCLUSIVE",
        severity=None if column.created else "medium",
        relation=action.relation,
        remedy_note=f"Keep the default until the new application runs; then ALTER COLUMN {name} DROP DEFAULT.",
    )
