"""Sort orders that changed after indexes were built with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from advisor.model.finding import Severity
from advisor.model.offence import Offence


def check(rows: Sequence[Mapping[str, Any]]) -> Iterator[Offence]:
    for row in rows:
        names = row["index_names"] or []
        yield Offence(
            object=row["object"],
            evidence={"recorded": row["recorded"], "actual": row["actual"], "indexes": row["indexes"]},
            values={"index_names": names, "refresh": row["refresh"], "complete": len(names) == row["indexes"]},
            # Without an index nothing can be corrupt; range partitions by text and CHECKs are rare.
            severity=Severity.LOW if not row["indexes"] else None,
            weight=row["indexes"],
        )
