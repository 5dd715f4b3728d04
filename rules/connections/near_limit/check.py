"""How close the sessions are to max_connections."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from advisor.model.finding import Severity
from advisor.model.offence import Offence


def check(rows: Sequence[Mapping[str, Any]], params: Mapping[str, Any]) -> Iterator[Offence]:
    for row in rows:
        available = row["max_connections"] - row["reserved"]
        fraction = row["used"] / max(available, 1)
        if fraction >= params["warn"]:
            yield Offence(
                object="server",
                evidence={**row, "available": available, "fraction": fraction},
                severity=Severity.CRITICAL if fraction >= params["critical"] else None,
            )
