"""ALTER DOMAIN ADD CONSTRAINT without NOT VALID."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    if action.kind != "alter_domain" or (action.name or "").rpartition(".")[2] in state.types_created:
        return
    validating = action.type == "add_constraint" and action.constraint is not None and not action.constraint.not_valid
    if not validating and action.type != "set_not_null":
        return
    yield Hazard(
        message=f"Every table that uses the domain {action.name} is read while writes to it wait.",
        object=str(action.name),
        lock="SHARE",
        scan=True,
        remedy_note="ADD CONSTRAINT … NOT VALID, then ALTER DOMAIN … VALIDATE CONSTRAINT in a later transaction.",
    )
