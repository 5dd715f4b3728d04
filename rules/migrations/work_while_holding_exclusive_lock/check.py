"""Work under a lock taken earlier in the transaction."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView
from advisor.model.names import RelationName

_FEW = 10_000  # rows


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    if not state.in_transaction or not (state.exclusive or state.write_locked):
        return
    through = _works_through(action, state)
    if through is None:
        return
    if state.exclusive:
        held, lock, severity = state.exclusive, "ACCESS EXCLUSIVE", None
        what = "stays locked since an earlier statement"
    else:
        held, lock, severity = state.write_locked, "SHARE ROW EXCLUSIVE", "medium"
        what = "lets nobody write since an earlier statement"
        if action.kind in ("add_constraint", "create_index", "validate_constraint"):
            return  # the rules about that statement say it
    names = ", ".join(str(name) for name in held[:3])
    yield Hazard(
        message=f"This works through {through} while {names} {what}.",
        object=str(through),
        lock=lock,
        scan=True,
        severity=severity,
        relation=through,
        remedy_note="Commit before this statement, or put it in a migration of its own.",
    )


def _works_through(action: Action, state: MigrationView) -> RelationName | None:
    """Return the table that the action reads or writes as a whole, if it existed before."""
    heavy = False
    if action.kind == "create_index":
        heavy = not action.concurrently
    elif action.kind in ("update", "delete"):
        heavy = not action.limited
    elif action.kind in ("insert", "create_table", "create_matview"):
        tables = sorted({table for name in action.reads for table in state.tables_behind(name)}, key=str)
        return next((name for name in tables if state.preexisting(name) and _large(name, state)), None)
    elif action.kind == "add_constraint" and action.constraint is not None:
        new_column = action.column is not None and action.column.default is None
        heavy = not action.constraint.not_valid and action.constraint.using_index is None and not new_column
    elif action.kind == "validate_constraint":
        # Where the constraint is of the same transaction, validate_in_same_transaction says it.
        heavy = not state.constraints_not_valid.get((action.relation, action.name or ""), False)  # type: ignore[arg-type]
    elif action.kind == "refresh_matview":
        heavy = True
    return action.relation if heavy and state.preexisting(action.relation) else None


def _large(name: RelationName, state: MigrationView) -> bool:
    rows = state.relation(name).rows
    return rows is None or rows < 0 or rows >= _FEW
