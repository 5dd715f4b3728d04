"""BEGIN inside a transaction, or COMMIT without one."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    if action.nested:
        return
    if action.kind == "begin" and state.in_transaction:
        message = "BEGIN inside a transaction: the COMMIT that follows ends the outer one, too."
    elif action.kind in ("commit", "rollback") and not state.in_transaction:
        message = f"{action.kind.upper()} without a transaction: something was ended earlier than meant."
    elif action.kind in ("commit", "rollback") and not state.explicit:
        message = f"{action.kind.upper()} ends the transaction of the migration tool."
    else:
        return
    yield Hazard(
        message=message,
        object="transaction",
        remedy_note="Let one of the two, the file or the tool, manage transactions.",
    )
