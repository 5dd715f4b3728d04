"""ATTACH PARTITION without a matching CHECK."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    if action.kind != "attach_partition" or action.bound == "default":
        return
    for child in action.relations:
        if not state.preexisting(child) or state.valid_checks(child):
            continue
        yield Hazard(
            message=f"Every row of {child} is read under an exclusive lock, to prove that it fits the bounds.",
            object=str(child),
            lock="ACCESS EXCLUSIVE",
            scan=True,
            relation=child,
            remedy=(
                f"ALTER TABLE {child} ADD CONSTRAINT attach_bound CHECK (… bounds, key IS NOT NULL …) NOT VALID;",
                f"ALTER TABLE {child} VALIDATE CONSTRAINT attach_bound;",
            ),
            remedy_note="In transactions of their own, before ATTACH; then ATTACH takes milliseconds.",
        )
