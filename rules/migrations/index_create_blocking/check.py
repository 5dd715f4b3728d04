"""CREATE INDEX without CONCURRENTLY."""

from __future__ import annotations

import re
from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView

_PLAIN = re.compile(r"^(create\s+(?:unique\s+)?index)\s+", re.IGNORECASE)


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    relation = action.relation
    if action.kind != "create_index" or action.concurrently or relation is None or not state.preexisting(relation):
        return
    if action.only and state.relation(relation).kind == "p":
        return  # ON ONLY a partitioned table creates no index with rows
    statement = (
        "" if action.nested else _PLAIN.sub(r"\1 CONCURRENTLY ", state.statement.strip(), count=1).rstrip(";") + ";"
    )
    sql: tuple[str, ...] = ("SET lock_timeout = '2s';", statement) if statement else ()
    note = "Outside a transaction; CONCURRENTLY lets reads and writes go on, and takes two to three times as long."
    if state.relation(relation).kind == "p":
        sql = ()
        note = (
            "On a partitioned table: CREATE INDEX … ON ONLY the parent, CREATE INDEX CONCURRENTLY on each partition,"
            " then ALTER INDEX … ATTACH PARTITION."
        )
    yield Hazard(
        message=f"The index on {relation} is built under a lock that makes all writes wait until it is done.",
        object=str(relation),
        lock="SHARE",
        scan=True,
        builds=(action.columns,),
        relation=relation,
        remedy=sql,
        remedy_note=note,
    )
