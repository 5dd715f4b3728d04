"""ADD EXCLUDE."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    constraint = action.constraint
    if action.kind != "add_constraint" or constraint is None or constraint.type != "exclusion":
        return
    if not state.preexisting(action.relation):
        return
    yield Hazard(
        message=f"The index of the exclusion constraint is built while nobody can read or write {action.relation}.",
        object=f"{action.relation}.{constraint.name or 'exclusion'}",
        lock="ACCESS EXCLUSIVE",
        scan=True,
        builds=(constraint.columns,),
        relation=action.relation,
        remedy_note="There is no online form: plan a window, or fill a new table that has the constraint and switch.",
    )
