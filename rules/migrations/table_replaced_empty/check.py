"""A new, empty table under the name of one that was renamed."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView
from advisor.model.names import RelationName


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    if action.kind == "create_table" and action.relation is not None and not action.temporary:
        name, filled = action.relation, action.as_select
    elif action.kind == "rename_table" and action.relation is not None and action.new_name is not None:
        source = state.relation(action.relation)
        if source.preexisting or source.kind not in ("r", "p"):
            return
        name, filled = RelationName(action.relation.schema, action.new_name), source.filled or source.is_partition
    else:
        return
    old = state.renamed_away.get(name)
    if filled or old is None or any(_fills(later, name) for later in state.pending):
        return
    yield Hazard(
        message=f"{name} is empty from here on: its rows are in {old}, and the application does not look there.",
        object=str(name),
        remedy=(f"INSERT INTO {name} TABLE {old};",),
        remedy_note="Better: fill the new table first, kept current by a trigger, then swap the names in one step.",
        relation=name,
    )


def _fills(action: Action, name: RelationName) -> bool:
    """Whether an action puts rows under the name, or takes the empty table away again."""
    kinds = ("insert", "copy", "merge", "attach_partition", "inherit", "drop_table", "rename_table")
    return action.relation == name and action.kind in kinds
