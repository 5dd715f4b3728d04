"""CREATE INDEX without CONCURRENTLY."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    relation = action.relation
    if action.kind != "create_index" or action.concurrently or relation is None or not state.preexisting(relation):
        return
    if action.only and state.relation(relation).kind == "p":
        return  # ON ONLY a partitioned table creates no index with rows
    remedy = "Build it outside a transaction: CREATE INDEX CONCURRENTLY lets reads and writes go on."
    if state.relation(relation).kind == "p":
        remedy = (
            "On a partitioned table: CREATE INDEX … ON ONLY the parent, CREATE INDEX CONCURRENTLY on each partition,"
            " then ALTER INDEX … ATTACH PARTITION."
        )
    yield Hazard(
        message=f"The index on {relation} is built under a lock that makes all writes wait until it is done.",
        object=str(relation),
        lock="SHARE",
        scan=True,
        relation=relation,
        remedy=("SET lock_timeout = '2s';", "CREATE INDEX CONCURRENTLY …;"),
        remedy_note=remedy,
    )
