"""SET SCHEMA."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    if action.kind != "set_schema" or action.relation is None or not state.preexisting(action.relation):
        return
    if any(later.kind == "create_view" and later.relation == action.relation for later in state.pending):
        return
    yield Hazard(
        message=f"The running application does not find {action.relation} any more.",
        object=str(action.relation),
        lock="ACCESS EXCLUSIVE",
        relation=action.relation,
        remedy_note="Leave a view under the old name in the same transaction.",
    )
