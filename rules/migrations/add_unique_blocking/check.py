"""ADD UNIQUE without USING INDEX."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView
from advisor.model.names import quote_ident


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    constraint = action.constraint
    if action.kind != "add_constraint" or constraint is None or constraint.using_index or action.relation is None:
        return
    if constraint.type != "unique" or not state.preexisting(action.relation):
        return
    columns = ", ".join(quote_ident(name) for name in constraint.columns)
    name = quote_ident(constraint.name or f"{action.relation.name}_{'_'.join(constraint.columns)}_key")
    yield Hazard(
        message=f"The index of the constraint is built while nobody can read or write {action.relation}.",
        object=f"{action.relation}.{constraint.name or columns}",
        lock="ACCESS EXCLUSIVE",
        scan=True,
        builds=(constraint.columns,),
        relation=action.relation,
        remedy=(
            f"CREATE UNIQUE INDEX CONCURRENTLY {name} ON {action.relation} ({columns});",
            f"ALTER TABLE {action.relation} ADD CONSTRAINT {name} UNIQUE USING INDEX {name};",
        ),
        remedy_note="The first outside a transaction; the second takes its lock only for a moment.",
    )
