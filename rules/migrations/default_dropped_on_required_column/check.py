"""ADD COLUMN NOT NULL DEFAULT, then DROP DEFAULT."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView
from advisor.model.names import quote_ident


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    if action.kind != "drop_default" or action.relation is None or action.name is None:
        return
    column = state.column(action.relation, action.name)
    if not (state.preexisting(action.relation) and column.created and column.not_null):
        return
    name = quote_ident(action.name)
    yield Hazard(
        message=f"Inserts of the running application do not fill {action.name}; without its default they fail.",
        object=f"{action.relation}.{action.name}",
        lock="ACCESS EXCLUSIVE",
        relation=action.relation,
        remedy_note=f"Keep the default until the new application runs; then ALTER COLUMN {name} DROP DEFAULT.",
    )
