"""Prepared transactions that nobody finished, by owner and database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from advisor.model.names import quote_ident
from advisor.model.offence import Offence


def check(rows: Sequence[Mapping[str, Any]], params: Mapping[str, Any]) -> Iterator[Offence]:
    groups: dict[tuple[str, str, bool], list[Mapping[str, Any]]] = {}
    for row in rows:
        if row["seconds"] >= params["min_age"]:
            groups.setdefault((row["owner"], row["database"], row["here"]), []).append(row)
    for (owner, database, here), old in groups.items():
        old.sort(key=lambda row: -row["seconds"])
        yield Offence(
            # The identifiers change all the time; who prepares them where does not.
            object=f"{quote_ident(database)} ({quote_ident(owner)})",
            evidence={
                "owner": owner,
                "database": database,
                "transactions": len(old),
                "seconds": old[0]["seconds"],
                "gids": [row["gid"] for row in old[:20]],
            },
            values={"here": here},
            weight=old[0]["seconds"],
        )
