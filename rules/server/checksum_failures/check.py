"""Checksum failures counted by the server."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.offence import Offence
from advisor.model.snapshot import Snapshot


def check(snapshot: Snapshot) -> Iterator[Offence]:
    counters = snapshot.database_counters
    if counters is not None and counters.checksum_failures:
        yield Offence(object="database", evidence={"failures": counters.checksum_failures})
