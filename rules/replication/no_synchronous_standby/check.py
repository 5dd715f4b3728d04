"""Synchronous replication without a synchronous standby."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from advisor.model.offence import Offence
from advisor.model.snapshot import Snapshot

# With these a commit waits for nobody else.
_LOCAL_COMMIT = frozenset({"off", "local"})


def check(rows: Sequence[Mapping[str, Any]], snapshot: Snapshot) -> Iterator[Offence]:
    names = snapshot.setting("synchronous_standby_names")
    commit = snapshot.setting("synchronous_commit")
    if names is None or not names.setting or commit is None or commit.setting in _LOCAL_COMMIT:
        return
    if any(row["sync_state"] in ("sync", "quorum") for row in rows):
        return
    yield Offence(
        object="setting:synchronous_standby_names",
        evidence={"names": names.setting, "commit": commit.setting, "connected": [row["name"] for row in rows]},
    )
