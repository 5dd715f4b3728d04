"""NOT VALID on a partitioned table: refused before 18."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    constraint, relation = action.constraint, action.relation
    if action.kind != "add_constraint" or constraint is None or relation is None:
        return
    if constraint.type != "foreign" or not constraint.not_valid or state.relation(relation).kind != "p":
        return
    yield Hazard(
        message=f"{relation} is partitioned: until PostgreSQL 18 its foreign keys cannot be NOT VALID (42809).",
        object=f"{relation}.{constraint.name or 'foreign key'}",
        remedy_note="Add the key to each partition as NOT VALID, validate each, then add it to the partitioned table.",
    )
