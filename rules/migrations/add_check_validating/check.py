"""ADD CHECK without NOT VALID."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView
from advisor.model.names import quote_ident


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    constraint = action.constraint
    if action.kind != "add_constraint" or constraint is None or constraint.not_valid or action.relation is None:
        return
    if constraint.type != "check" or not state.preexisting(action.relation):
        return
    name = quote_ident(constraint.name or f"{action.relation.name}_check")
    yield Hazard(
        message=f"Every row of {action.relation} is checked while nobody can read or write it.",
        object=f"{action.relation}.{constraint.name or 'check'}",
        lock="ACCESS EXCLUSIVE",
        scan=True,
        relation=action.relation,
        remedy=(
            f"ALTER TABLE {action.relation} ADD CONSTRAINT {name} CHECK ({constraint.expression}) NOT VALID;",
            f"ALTER TABLE {action.relation} VALIDATE CONSTRAINT {name};",
        ),
        remedy_note="Two transactions: VALIDATE lets reads and writes go on.",
    )
