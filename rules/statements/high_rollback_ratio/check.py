"""The share of rollbacks among this database's transactions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from advisor.model.offence import Offence
from advisor.model.snapshot import Snapshot


def check(snapshot: Snapshot, params: Mapping[str, Any]) -> Iterator[Offence]:
    counters = snapshot.database_counters
    if counters is None:
        return
    transactions = counters.xact_commit + counters.xact_rollback
    fraction = counters.xact_rollback / max(transactions, 1)
    if transactions >= params["min_transactions"] and fraction >= params["min_fraction"]:
        evidence = {"transactions": transactions, "rolled_back": counters.xact_rollback, "fraction": fraction}
        yield Offence(object="database", evidence=evidence)
