"""ENABLE ROW LEVEL SECURITY with no policy."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    if action.kind != "enable_rls" or action.relation is None or not state.preexisting(action.relation):
        return
    if action.relation in state.policies:
        return
    if any(later.kind == "create_policy" and later.relation == action.relation for later in state.pending):
        return
    yield Hazard(
        message=f"Without a policy all rows of {action.relation} vanish for everybody but its owner.",
        object=str(action.relation),
        lock="ACCESS EXCLUSIVE",
        relation=action.relation,
        remedy_note="Create the policies first, in the same transaction.",
    )
