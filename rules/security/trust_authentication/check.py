"""Lines of pg_hba.conf with the method trust for more than this machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from advisor.model.offence import Offence

# Loopback and "this machine": whoever has an account there is another matter.
_LOCAL = ("127.", "::1", "localhost", "samehost")


def check(rows: Sequence[Mapping[str, Any]]) -> Iterator[Offence]:
    for row in rows:
        address = row["address"] or "all"
        if address.startswith(_LOCAL):
            continue
        roles, databases = row["roles"] or [], row["databases"] or []
        who = "every role" if "all" in roles else ", ".join(roles)
        network = f"{address}/{row['netmask']}" if row["netmask"] else address
        yield Offence(
            object=f"pg_hba.conf: {', '.join(databases)} {', '.join(roles)} {network}",
            evidence={
                "line": row["line"],
                "who": who,
                "address": "any address" if address == "all" else network,
                "databases": databases,
            },
        )
