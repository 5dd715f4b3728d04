"""A new foreign key whose referencing column has no index."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView
from advisor.model.names import quote_ident


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    constraint = action.constraint
    if action.kind != "add_constraint" or constraint is None or constraint.type != "foreign" or action.relation is None:
        return
    if not state.preexisting(action.relation) or not constraint.columns:
        return
    wanted = set(constraint.columns)
    indexes = list(state.index_columns(action.relation))
    for later in state.pending:
        if later.kind == "create_index" and later.relation == action.relation and later.predicate is None:
            indexes.append(later.columns)
        added = later.constraint if later.kind == "add_constraint" and later.relation == action.relation else None
        if added is not None and added.type in ("primary", "unique"):
            indexes.append(added.columns)
    if any(set(keys[: len(wanted)]) == wanted for keys in indexes):
        return
    if not state.relation(action.relation).known and action.column is None:
        return  # an index may exist: without a catalog nobody knows
    columns = ", ".join(quote_ident(name) for name in constraint.columns)
    yield Hazard(
        message=f"Deletes in {constraint.references} will scan {action.relation}: no index leads with {columns}.",
        object=f"{action.relation}.{constraint.columns[0]}",
        relation=action.relation,
        remedy=(f"CREATE INDEX CONCURRENTLY ON {action.relation} ({columns});",),
        remedy_note="Before the foreign key.",
    )
