"""ADD FOREIGN KEY without NOT VALID."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView
from advisor.model.names import quote_ident


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    constraint = action.constraint
    if action.kind != "add_constraint" or constraint is None or constraint.type != "foreign" or constraint.not_valid:
        return
    if action.column is not None and action.column.default is None:
        return  # a new column is null everywhere, and PostgreSQL knows it; with DEFAULT NULL it reads every row
    if not state.preexisting(action.relation) or action.relation is None:
        return
    columns = ", ".join(quote_ident(name) for name in constraint.columns)
    name = quote_ident(constraint.name or f"{action.relation.name}_{'_'.join(constraint.columns)}_fkey")
    target = str(constraint.references)
    if constraint.referenced_columns:
        target += f" ({', '.join(quote_ident(column) for column in constraint.referenced_columns)})"
    key = f"FOREIGN KEY ({columns}) REFERENCES {target}"
    yield Hazard(
        message=f"Writes to {action.relation} and {constraint.references} wait while every row is checked.",
        object=f"{action.relation}.{constraint.name or constraint.columns[0]}",
        lock="SHARE ROW EXCLUSIVE",
        scan=True,
        relation=action.relation,
        remedy=(
            f"ALTER TABLE {action.relation} ADD CONSTRAINT {name} {key} NOT VALID;",
            f"ALTER TABLE {action.relation} VALIDATE CONSTRAINT {name};",
        ),
        remedy_note="Two transactions: VALIDATE lets reads and writes go on.",
    )
