"""ALTER COLUMN TYPE that rewrites the heap."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView
from advisor.model.typechange import type_change


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    if action.kind != "alter_type" or action.relation is None or action.name is None or action.type is None:
        return
    if not state.preexisting(action.relation):
        return
    column = state.column(action.relation, action.name)
    written = state.relation(action.relation).columns.get(action.name)
    from_domain = written is not None and written.type is not None and written.type != column.type
    effect = type_change(column.type, state.base_type(action.type), action.name, action.using)
    if from_domain and "(" in state.base_type(action.type):
        effect = "rewrite"  # what a domain limits is not known to the cast: each value is checked, and written anew
    if effect not in ("rewrite", "unknown"):
        return
    if column.type is not None:
        message = f"Changing {action.name} from {column.type} to {action.type} rewrites {action.relation}."
    elif effect == "rewrite":
        message = f"Changing {action.name} to {action.type} rewrites {action.relation}."
    else:
        message = f"Changing {action.name} to {action.type} rewrites {action.relation} unless it only widens the type."
    yield Hazard(
        message=message,
        object=f"{action.relation}.{action.name}",
        lock="ACCESS EXCLUSIVE",
        rewrite=True,
        severity=None if effect == "rewrite" else "medium",
        relation=action.relation,
        remedy_note="Add a column, fill it in batches (a trigger keeps it current), switch, drop the old.",
    )
