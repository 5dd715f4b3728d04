"""SET NOT NULL without a proof."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView
from advisor.model.names import quote_ident


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    if action.kind != "set_not_null" or action.relation is None or action.name is None:
        return
    if not state.preexisting(action.relation) or (action.relation, action.name) in state.checks_not_null:
        return
    if state.column(action.relation, action.name).not_null:
        return
    column = quote_ident(action.name)
    check_name = quote_ident(f"{action.relation.name}_{action.name}_not_null")
    yield Hazard(
        message=f"Every row of {action.relation} is read while nobody can read or write it.",
        object=f"{action.relation}.{action.name}",
        lock="ACCESS EXCLUSIVE",
        scan=True,
        relation=action.relation,
        remedy=(
            f"ALTER TABLE {action.relation} ADD CONSTRAINT {check_name} CHECK ({column} IS NOT NULL) NOT VALID;",
            f"ALTER TABLE {action.relation} VALIDATE CONSTRAINT {check_name};",
            f"ALTER TABLE {action.relation} ALTER COLUMN {column} SET NOT NULL;",
            f"ALTER TABLE {action.relation} DROP CONSTRAINT {check_name};",
        ),
        remedy_note="Each statement in its own transaction; with the validated CHECK, SET NOT NULL does not scan.",
    )
