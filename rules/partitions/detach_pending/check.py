"""Partitions between attached and detached."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.offence import Offence
from advisor.model.snapshot import Snapshot


def check(snapshot: Snapshot) -> Iterator[Offence]:
    for table in snapshot.tables:
        if table.detach_pending and table.parent is not None:
            yield Offence(
                object=str(table.relation),
                evidence={"parent": str(table.parent)},
                values={"table": table.relation, "parent_name": table.parent},
            )
