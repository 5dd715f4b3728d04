"""VALIDATE in the transaction that added the constraint."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    if action.kind != "validate_constraint" or action.relation is None or not state.in_transaction:
        return
    if not state.constraints_not_valid.get((action.relation, action.name or ""), False):
        return
    if not state.preexisting(action.relation):
        return
    yield Hazard(
        message=f"The lock of ADD CONSTRAINT on {action.relation} is held while VALIDATE reads every row.",
        object=f"{action.relation}.{action.name}",
        lock="SHARE ROW EXCLUSIVE" if (action.relation, action.name) in state.foreign_keys_made else "ACCESS EXCLUSIVE",
        scan=True,
        relation=action.relation,
        remedy_note="COMMIT between the two, or put VALIDATE in the next migration.",
    )
