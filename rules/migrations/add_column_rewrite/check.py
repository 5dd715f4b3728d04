"""ADD COLUMN that rewrites the heap."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView
from advisor.model.names import quote_ident


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    column = action.column
    if action.kind != "add_column" or column is None or not state.preexisting(action.relation):
        return
    if action.if_not_exists and action.relation and column.name in state.relation(action.relation).columns:
        return
    base = column.type.rpartition(".")[2].strip('"')
    if column.serial or column.identity:
        reason = "a sequence gives every existing row its number"
    elif column.generated == "stored":
        reason = "the generated value is computed and stored for every row"
    elif column.default is not None and column.volatile_default and column.default.lower() != "null":
        reason = f"the default {column.default} is volatile and computed for every row"
    elif base in state.domains_constrained:
        reason = f"every row is checked against the constraints of the domain {base}"
    else:
        return
    safe = quote_ident(column.name)
    set_default = f"ALTER TABLE {action.relation} ALTER COLUMN {safe} SET DEFAULT {column.default};"
    yield Hazard(
        message=f"Adding {column.name} rewrites {action.relation}: {reason}.",
        object=f"{action.relation}.{column.name}",
        lock="ACCESS EXCLUSIVE",
        rewrite=True,
        computed=column.volatile_default,
        relation=action.relation,
        remedy=(
            f"ALTER TABLE {action.relation} ADD COLUMN {safe} {column.type};",
            *((set_default,) if column.default else ()),
        ),
        remedy_note="Then fill the old rows in batches, each in its own transaction.",
    )
