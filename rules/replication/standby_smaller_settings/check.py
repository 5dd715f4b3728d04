"""Limits that must be at least as large on a hot standby as on its primary."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.autovacuum import setting_number
from advisor.model.offence import Offence, Unjudged
from advisor.model.replica import Replica
from advisor.model.snapshot import Snapshot
from advisor.model.standbys import read_standbys, unread_standbys

# The list in "Administrator's Overview" of the manual's chapter on hot standby.
_LIMITS = (
    "max_connections",
    "max_prepared_transactions",
    "max_locks_per_transaction",
    "max_wal_senders",
    "max_worker_processes",
)


def check(snapshot: Snapshot) -> Iterator[Offence | Unjudged]:
    yield from unread_standbys(snapshot)
    for replica in read_standbys(snapshot):
        smaller = {}
        for name in _LIMITS:
            ours, theirs = setting_number(snapshot, name), _number(replica, name)
            if ours is not None and theirs is not None and theirs < ours:
                smaller[name] = (int(theirs), int(ours))
        if smaller:
            yield Offence(
                object=f"standby {replica.name}",
                evidence={name: list(pair) for name, pair in smaller.items()},
                values={
                    "names": list(smaller),
                    "values": [f"{name} is {low} there and {high} here" for name, (low, high) in smaller.items()],
                    "major": snapshot.server.major,
                },
                weight=len(smaller),
            )


def _number(replica: Replica, name: str) -> float | None:
    setting = replica.setting(name)
    return float(setting.setting) if setting is not None and setting.setting is not None else None
