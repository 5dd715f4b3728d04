"""What a migration did so far, for rules that compare a statement with those before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.model.migration import DATA_KINDS, MERGEABLE_ALTERS, Action, is_bookkeeping
from advisor.model.names import RelationName

if TYPE_CHECKING:
    from advisor.gate.knowledge import Knowledge

_STRONG = frozenset({"SHARE", "SHARE ROW EXCLUSIVE", "EXCLUSIVE", "ACCESS EXCLUSIVE"})
# These stand between two ALTER TABLEs without a reason to keep them apart.
_QUIET = frozenset({"comment", "set", "reset", "cut_name", "grant_public", "other", "savepoint"})


def take_note(state: Knowledge, action: Action) -> None:
    """Take note of an action that was judged, before what is known changes by it."""
    if action.kind == "cut_name":
        state.names_cut.setdefault((action.type or "", action.new_name or ""), action.name or "")
    elif action.kind in ("create_function", "alter_function"):
        _function(state, action)
    elif action.kind == "rename_table" and action.relation is not None:
        _rename(state, action.relation, RelationName(action.relation.schema, action.new_name or ""))
    elif action.kind == "drop_index" and action.relation is not None:
        state.indexes_dropped.add(action.relation)
    elif action.kind == "create_table" and action.relation is not None:
        state.renamed_away.pop(action.relation, None)
    _alter(state, action)
    if state.in_transaction:
        _mix(state, action)


def _function(state: Knowledge, action: Action) -> None:
    name = (action.name or "").lower()
    if "search_path" in action.options:
        state.functions_fixed.add(name)
    elif action.kind == "create_function":
        state.functions_fixed.discard(name)


def _rename(state: Knowledge, old: RelationName, new: RelationName) -> None:
    first = next((name for name, now in state.renamed_away.items() if now == old), old)
    state.renamed_away.pop(new, None)
    if state.preexisting(old) and first != new:
        state.renamed_away[first] = new


def _alter(state: Knowledge, action: Action) -> None:
    relation = action.relation
    if relation is None or action.kind not in MERGEABLE_ALTERS:
        same = relation is not None and state.altered.get(relation, ("",))[0] == state.statement
        if action.kind not in _QUIET and not same and state.altered:
            state.altered.clear()
        return
    _, columns = state.altered.get(relation, ("", frozenset()))
    state.altered[relation] = (state.statement, columns | {action.name or ""})


def _mix(state: Knowledge, action: Action) -> None:
    if action.kind in DATA_KINDS and state.preexisting(action.relation) and not is_bookkeeping(action.relation):
        state.mixed = state.mixed or bool(state.exclusive or state.write_locked)
        state.wrote = True
    elif state.wrote and any(mode in _STRONG and state.preexisting(name) for name, mode in state.locks):
        state.mixed = True
