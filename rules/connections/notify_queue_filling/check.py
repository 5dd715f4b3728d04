"""How full the queue of NOTIFY is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from advisor.model.offence import Offence


def check(rows: Sequence[Mapping[str, Any]], params: Mapping[str, Any]) -> Iterator[Offence]:
    for row in rows:
        if row["fraction"] >= params["max_fraction"]:
            yield Offence(object="server", evidence={"fraction": row["fraction"]})
