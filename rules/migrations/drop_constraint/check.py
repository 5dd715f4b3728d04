"""DROP CONSTRAINT."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    if action.kind != "drop_constraint" or not state.preexisting(action.relation):
        return
    for later in state.pending:
        added = later.constraint if later.kind == "add_constraint" and later.relation == action.relation else None
        if added is not None and added.name == action.name:
            return
    if action.relation and (action.relation, action.name) in state.constraints_made:
        return  # these migrations added it
    if action.relation and action.name and action.name.endswith(("_not_null", "_nn")):
        return  # the CHECK that spared SET NOT NULL its scan, which is done
    yield Hazard(
        message=f"Nothing guarantees {action.name} on {action.relation} any more.",
        object=f"{action.relation}.{action.name}",
        lock="ACCESS EXCLUSIVE",
        relation=action.relation,
    )
