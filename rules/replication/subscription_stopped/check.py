"""Enabled subscriptions without a worker."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from advisor.model.names import quote_ident
from advisor.model.offence import Offence


def check(rows: Sequence[Mapping[str, Any]]) -> Iterator[Offence]:
    for row in rows:
        evidence = {"name": row["name"], "errors": row["errors"]}
        yield Offence(object=f"subscription {quote_ident(row['name'])}", evidence=evidence)
