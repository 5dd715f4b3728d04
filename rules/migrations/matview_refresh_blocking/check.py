"""REFRESH MATERIALIZED VIEW without CONCURRENTLY."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    if action.kind != "refresh_matview" or action.concurrently or not state.preexisting(action.relation):
        return
    yield Hazard(
        message=f"Nobody can read {action.relation} until its query has run.",
        object=str(action.relation),
        lock="ACCESS EXCLUSIVE",
        rewrite=True,
        relation=action.relation,
        remedy=(f"REFRESH MATERIALIZED VIEW CONCURRENTLY {action.relation};",),
        remedy_note="It needs a unique index over all rows of the view.",
    )
