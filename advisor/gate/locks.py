"""The locks an action takes, as measured on PostgreSQL 15 and unchanged in 13 to 18 unless said."""

from __future__ import annotations

from advisor.gate.state import BLOCKING, State
from advisor.model.migration import Action
from advisor.model.names import RelationName

__all__ = ["BLOCKING", "locks_of"]

ACCESS_EXCLUSIVE = "ACCESS EXCLUSIVE"
EXCLUSIVE = "EXCLUSIVE"
SHARE_ROW_EXCLUSIVE = "SHARE ROW EXCLUSIVE"
SHARE = "SHARE"
SHARE_UPDATE_EXCLUSIVE = "SHARE UPDATE EXCLUSIVE"
ROW_EXCLUSIVE = "ROW EXCLUSIVE"

_ALWAYS = {
    "drop_table": ACCESS_EXCLUSIVE,
    "drop_view": ACCESS_EXCLUSIVE,
    "drop_matview": ACCESS_EXCLUSIVE,
    "rename_table": ACCESS_EXCLUSIVE,
    "rename_column": ACCESS_EXCLUSIVE,
    "rename_constraint": ACCESS_EXCLUSIVE,
    "set_schema": ACCESS_EXCLUSIVE,
    "truncate": ACCESS_EXCLUSIVE,
    "add_column": ACCESS_EXCLUSIVE,
    "drop_column": ACCESS_EXCLUSIVE,
    "alter_type": ACCESS_EXCLUSIVE,
    "set_default": ACCESS_EXCLUSIVE,
    "drop_default": ACCESS_EXCLUSIVE,
    "drop_identity": ACCESS_EXCLUSIVE,
    "set_not_null": ACCESS_EXCLUSIVE,
    "drop_not_null": ACCESS_EXCLUSIVE,
    "drop_constraint": ACCESS_EXCLUSIVE,
    "validate_constraint": SHARE_UPDATE_EXCLUSIVE,
    "storage": ACCESS_EXCLUSIVE,
    "vacuum_full": ACCESS_EXCLUSIVE,
    "cluster": ACCESS_EXCLUSIVE,
    "enable_rls": ACCESS_EXCLUSIVE,
    "disable_rls": ACCESS_EXCLUSIVE,
    "create_rule": ACCESS_EXCLUSIVE,
    "inherit": ACCESS_EXCLUSIVE,
    "disable_trigger": SHARE_ROW_EXCLUSIVE,
    "create_trigger": SHARE_ROW_EXCLUSIVE,
    "create_policy": ACCESS_EXCLUSIVE,
    "insert": ROW_EXCLUSIVE,
    "update": ROW_EXCLUSIVE,
    "delete": ROW_EXCLUSIVE,
    "merge": ROW_EXCLUSIVE,
}


def locks_of(action: Action, state: State) -> tuple[tuple[RelationName, str], ...]:
    """Return (relation, mode) for every table lock an action takes that is stronger than reading."""
    relation = action.relation
    if relation is None:
        return ()
    if action.kind == "create_index":
        return ((relation, SHARE_UPDATE_EXCLUSIVE if action.concurrently else SHARE),)
    if action.kind == "drop_index":
        table = state.index(relation).table
        if action.concurrently:
            return ((table, SHARE_UPDATE_EXCLUSIVE),) if table else ()
        return ((relation, ACCESS_EXCLUSIVE), *(((table, ACCESS_EXCLUSIVE),) if table else ()))
    if action.kind == "reindex":
        return ((relation, SHARE_UPDATE_EXCLUSIVE if action.concurrently else SHARE),)
    if action.kind == "refresh_matview":
        return ((relation, EXCLUSIVE if action.concurrently else ACCESS_EXCLUSIVE),)
    if action.kind == "lock_table":
        return ((relation, action.type or ACCESS_EXCLUSIVE),)
    if action.kind == "add_constraint" and action.constraint is not None:
        constraint = action.constraint
        if constraint.type == "foreign" and constraint.references is not None:
            return ((relation, SHARE_ROW_EXCLUSIVE), (constraint.references, SHARE_ROW_EXCLUSIVE))
        return ((relation, ACCESS_EXCLUSIVE),)
    if action.kind == "attach_partition":
        return ((relation, SHARE_UPDATE_EXCLUSIVE), *((child, ACCESS_EXCLUSIVE) for child in action.relations))
    if action.kind == "detach_partition":
        mode = SHARE_UPDATE_EXCLUSIVE if action.concurrently else ACCESS_EXCLUSIVE
        return ((relation, mode), *((child, ACCESS_EXCLUSIVE) for child in action.relations))
    if action.kind == "create_table":
        parents = ((action.partition_of, ACCESS_EXCLUSIVE),) if action.partition_of is not None else ()
        references = tuple(
            (constraint.references, SHARE_ROW_EXCLUSIVE)
            for constraint in action.constraints
            if constraint.type == "foreign" and constraint.references is not None
        )
        return (*parents, *references)
    always = _ALWAYS.get(action.kind)
    return ((relation, always),) if always is not None else ()
