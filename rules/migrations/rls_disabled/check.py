"""ALTER TABLE … DISABLE ROW LEVEL SECURITY."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    if action.kind != "disable_rls" or action.relation is None or not state.preexisting(action.relation):
        return
    if any(later.kind == "enable_rls" and later.relation == action.relation for later in state.pending):
        return
    yield Hazard(
        message=f"Whoever may read {action.relation} sees all of its rows now; the policies stay, and do nothing.",
        object=str(action.relation),
        lock="ACCESS EXCLUSIVE",
        relation=action.relation,
        remedy=(f"ALTER TABLE {action.relation} ENABLE ROW LEVEL SECURITY;",),
        remedy_note="For a change of rows as the owner it need not be off: the owner is not held by it.",
    )
