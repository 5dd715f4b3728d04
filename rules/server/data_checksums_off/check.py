"""Whether pages carry checksums."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.autovacuum import setting_is_off
from advisor.model.offence import Offence
from advisor.model.snapshot import Snapshot

# These check pages in their own storage.
_OWN_STORAGE = frozenset({"aurora", "neon"})


def check(snapshot: Snapshot) -> Iterator[Offence]:
    if setting_is_off(snapshot, "data_checksums") and snapshot.server.provider not in _OWN_STORAGE:
        yield Offence(object="setting:data_checksums")
