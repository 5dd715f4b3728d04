"""Tables whose rows do not survive a crash."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.offence import Offence
from advisor.model.rollup import live_rows, user_tables
from advisor.model.snapshot import Snapshot


def check(snapshot: Snapshot) -> Iterator[Offence]:
    for table in user_tables(snapshot, "r"):
        if table.persistence == "u":
            yield Offence(
                object=str(table.relation),
                evidence={"rows": live_rows(table), "size_bytes": table.size_bytes},
                values={"table": table.relation},
                weight=table.size_bytes or 0,
            )
