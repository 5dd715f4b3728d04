"""VACUUM FULL or CLUSTER."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    if action.kind not in ("vacuum_full", "cluster") or (action.relation and not state.preexisting(action.relation)):
        return
    what = str(action.relation) if action.relation is not None else "every table"
    command = "VACUUM FULL" if action.kind == "vacuum_full" else "CLUSTER"
    yield Hazard(
        message=f"{command} locks {what} exclusively until it is written anew.",
        object=what,
        lock="ACCESS EXCLUSIVE",
        rewrite=True,
        relation=action.relation,
        remedy_note="pg_repack or pg_squeeze do the same online.",
    )
