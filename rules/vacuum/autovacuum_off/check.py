"""Settings without which autovacuum does nothing."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.autovacuum import setting_is_off
from advisor.model.offence import Offence
from advisor.model.snapshot import Snapshot


def check(snapshot: Snapshot) -> Iterator[Offence]:
    for name in ("autovacuum", "track_counts"):
        if setting_is_off(snapshot, name):
            yield Offence(object=f"setting:{name}", evidence={"setting": name})
