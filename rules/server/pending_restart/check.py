"""Settings changed in the configuration that only a restart applies."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.offence import Offence
from advisor.model.snapshot import Snapshot


def check(snapshot: Snapshot) -> Iterator[Offence]:
    names = sorted(setting.name for setting in snapshot.settings if setting.pending_restart)
    if names:
        yield Offence(object="server", evidence={"names": names})
