"""Which relation a name means: names without a schema follow search_path and what is known."""

from __future__ import annotations

from dataclasses import replace

from advisor.gate.state import State
from advisor.model.migration import Action
from advisor.model.names import RelationName

_CREATES = frozenset({"create_table", "create_view", "create_matview"})
# Actions on something that has to be there; with IF EXISTS they do nothing where it is not.
_ON_INDEX = frozenset({"drop_index", "rename_index", "reindex"})


def resolved(action: Action, state: State) -> Action:
    """Return the action with its names resolved."""
    create = action.kind in _CREATES
    changes: dict[str, object] = {}
    if action.relation is not None:
        name = state.name_of_new(action.relation) if create else state.resolve(action.relation)
        if name != action.relation:
            changes["relation"] = name
    if action.relations:
        changes["relations"] = tuple(state.resolve(name) for name in action.relations)
    if action.reads:
        changes["reads"] = tuple(state.resolve(name) for name in action.reads)
    if action.partition_of is not None:
        changes["partition_of"] = state.resolve(action.partition_of)
    if action.constraint is not None and action.constraint.references is not None:
        target = state.resolve(action.constraint.references)
        changes["constraint"] = replace(action.constraint, references=target)
    return replace(action, **changes) if changes else action  # type: ignore[arg-type]


def does_nothing(action: Action, state: State) -> bool:
    """Return whether IF (NOT) EXISTS makes the action pass over what is known (not) to be there."""
    if action.if_not_exists and action.relation is not None:
        return _is_there(action, state)
    if not (action.if_exists and state.complete) or action.relation is None:
        return False
    if not _known(action.relation, state, action.kind in _ON_INDEX):
        return True
    return (
        action.kind == "drop_column"
        and state.relation(action.relation).known
        and action.name not in state.relation(action.relation).columns
    )


def _is_there(action: Action, state: State) -> bool:
    assert action.relation is not None
    if action.kind == "create_index":
        return action.name is not None and RelationName(action.relation.schema, action.name) in state.indexes
    if action.kind == "add_column":
        return action.name in state.relation(action.relation).columns
    return action.kind in _CREATES and _known(action.relation, state, index=False)


def _known(name: RelationName, state: State, index: bool) -> bool:
    return name in (state.indexes if index else state.relations) or name in state.views or name in state.known_views
