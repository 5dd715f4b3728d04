"""Which part of a fleet one of several machines looks at: by the hash of a target's name, the same everywhere."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from advisor.errors import UsageError

_SHARD = re.compile(r"^(\d{1,6})/(\d{1,6})$")


@dataclass(frozen=True, slots=True)
class Shard:
    """Part `index` (from 0) of `count`."""

    index: int
    count: int

    def has(self, name: str) -> bool:
        """Whether the target of this name belongs to the part; it does so to exactly one."""
        digest = hashlib.sha256(name.encode()).digest()
        return int.from_bytes(digest[:8], "big") % self.count == self.index

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


def parse_shard(text: str) -> Shard:
    """Return the shard of '0/4' … '3/4'. Raises UsageError."""
    match = _SHARD.match(text.strip())
    if match is None or not 0 <= int(match[1]) < int(match[2]):
        raise UsageError(
            f"--shard '{text}' is no part of a whole.",
            "Write it from 0 on: 0/4, 1/4, 2/4, 3/4 (as Kubernetes counts JOB_COMPLETION_INDEX).",
        )
    return Shard(int(match[1]), int(match[2]))
