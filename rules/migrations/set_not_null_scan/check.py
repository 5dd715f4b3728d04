"""SET NOT NULL without a proof."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView
from advisor.model.names import RelationName, quote_ident


def _proven(relation: RelationName, name: str) -> tuple[str, ...]:
    """Return the statements that set NOT NULL without reading the table under a lock."""
    column, check_name = quote_ident(name), quote_ident(f"{relation.name}_{name}_not_null")
    return (
        f"ALTER TABLE {relation} ADD CONSTRAINT {check_name} CHECK ({column} IS NOT NULL) NOT VALID;",
        f"ALTER TABLE {relation} VALIDATE CONSTRAINT {check_name};",
        f"ALTER TABLE {relation} ALTER COLUMN {column} SET NOT NULL;",
        f"ALTER TABLE {relation} DROP CONSTRAINT {check_name};",
    )


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    if action.kind == "add_constraint":
        yield from _primary_key(action, state)
    if action.kind != "set_not_null" or action.relation is None or action.name is None:
        return
    if not state.preexisting(action.relation) or (action.relation, action.name) in state.checks_not_null:
        return
    if state.column(action.relation, action.name).not_null:
        return
    yield Hazard(
        message=f"Every row of {action.relation} is read while nobody can read or write it.",
        object=f"{action.relation}.{action.name}",
        lock="ACCESS EXCLUSIVE",
        scan=True,
        relation=action.relation,
        remedy=_proven(action.relation, action.name),
        remedy_note="Each statement in its own transaction; with the validated CHECK, SET NOT NULL does not scan.",
    )


def _primary_key(action: Action, state: MigrationView) -> Iterator[Hazard]:
    """PRIMARY KEY USING INDEX marks the index's columns NOT NULL: one that was not is read through for it."""
    constraint, relation = action.constraint, action.relation
    if constraint is None or constraint.type != "primary" or constraint.using_index is None or relation is None:
        return
    if not state.preexisting(relation):
        return
    keys = state.index(RelationName(relation.schema, constraint.using_index)).keys
    for name in keys:
        if state.column(relation, name).not_null is False and (relation, name) not in state.checks_not_null:
            yield Hazard(
                message=f"{name} may be NULL so far: all of {relation} is read while nobody can read or write it.",
                object=f"{relation}.{name}",
                lock="ACCESS EXCLUSIVE",
                scan=True,
                relation=relation,
                remedy=_proven(relation, name),
                remedy_note="Each in its own transaction, before the primary key: then it takes its lock for a moment.",
            )
