"""DROP … CASCADE."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    if not action.cascade or not action.kind.startswith("drop_"):
        return
    if action.relation is not None and action.kind != "drop_index" and not state.preexisting(action.relation):
        return
    if action.kind in ("drop_type", "drop_function") and action.name in state.types_created:
        return
    if action.kind == "drop_schema" and action.name in state.schemas_created:
        return
    yield Hazard(
        message=f"CASCADE also drops whatever depends on {action.relation or action.name}, unnamed.",
        object=str(action.relation or action.name),
        lock="ACCESS EXCLUSIVE" if action.relation is not None else None,
        relation=action.relation,
        remedy_note="Drop the dependents by name first; without CASCADE PostgreSQL lists them.",
    )
