"""ADD PRIMARY KEY without USING INDEX."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView
from advisor.model.names import quote_ident


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    constraint = action.constraint
    if action.kind != "add_constraint" or constraint is None or constraint.using_index or action.relation is None:
        return
    if constraint.type != "primary" or not state.preexisting(action.relation):
        return
    columns = ", ".join(quote_ident(name) for name in constraint.columns)
    name = quote_ident(constraint.name or f"{action.relation.name}_pkey")
    yield Hazard(
        message=f"The index of the primary key is built while nobody can read or write {action.relation}.",
        object=str(action.relation),
        lock="ACCESS EXCLUSIVE",
        scan=True,
        builds=(constraint.columns,),
        relation=action.relation,
        remedy=(
            f"CREATE UNIQUE INDEX CONCURRENTLY {name} ON {action.relation} ({columns});",
            f"ALTER TABLE {action.relation} ADD CONSTRAINT {name} PRIMARY KEY USING INDEX {name};",
        ),
        remedy_note="Make the columns NOT NULL first, behind a validated CHECK, or the second statement scans.",
    )
