"""Work under an ACCESS EXCLUSIVE lock taken earlier in the transaction."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    if not state.in_transaction or not state.exclusive:
        return
    heavy = False
    if action.kind == "create_index":
        heavy = not action.concurrently
    elif action.kind in ("update", "delete"):
        heavy = not action.limited
    elif action.kind == "insert":
        heavy = action.as_select and state.preexisting(action.relation)
        heavy = heavy and bool(action.body and " FROM " in action.body.upper())
    elif action.kind == "add_constraint" and action.constraint is not None:
        new_column = action.column is not None and action.column.default is None
        heavy = not action.constraint.not_valid and action.constraint.using_index is None and not new_column
    elif action.kind in ("validate_constraint", "refresh_matview"):
        heavy = True
    if not heavy or not state.preexisting(action.relation):
        return
    held = ", ".join(str(name) for name in state.exclusive[:3])
    yield Hazard(
        message=f"This works through {action.relation} while {held} stays locked since an earlier statement.",
        object=str(action.relation),
        lock="ACCESS EXCLUSIVE",
        scan=True,
        relation=action.relation,
        remedy_note="Commit before this statement, or put it in a migration of its own.",
    )
