"""What keeps vacuum from removing dead rows: the oldest holder, and who stands behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from advisor.model.autovacuum import setting_number
from advisor.model.finding import Severity
from advisor.model.offence import Offence
from advisor.model.snapshot import Snapshot


def check(rows: Sequence[Mapping[str, Any]], snapshot: Snapshot, params: Mapping[str, Any]) -> Iterator[Offence]:
    holders = sorted((row for row in rows if (row["age"] or 0) >= params["min_age"]), key=lambda row: -row["age"])
    if not holders:
        return
    first, others = holders[0], holders[1:]
    freeze_max_age = setting_number(snapshot, "autovacuum_freeze_max_age") or 200_000_000
    yield Offence(
        # The holder is named in words without its pid, so that the finding is the same tomorrow.
        object=f"{first['kind']} {first['role'] or ''} {first['name'] or ''}".strip().replace("  ", " ")
        if first["kind"] != "prepared"
        else f"prepared transactions of {first['role']}",
        evidence={
            "what": _words(first),
            "kind": first["kind"],
            "age": first["age"],
            "seconds": first["seconds"],
            "scope": first["scope"],
            "pid": first["pid"],
            "database": first["database"],
            "others": [f"{_words(row)} ({row['age']:,})" for row in others],
        },
        values={"name": first["name"]},
        severity=Severity.HIGH if first["age"] >= freeze_max_age / 2 else None,
        weight=first["age"],
    )


def _words(row: Mapping[str, Any]) -> str:
    if row["kind"] == "session":
        application = f" of {row['name']}" if row["name"] else ""
        state = f" ({row['state']})" if row["state"] else ""
        return f"a session{application} as {row['role'] or 'an unknown role'}{state}"
    if row["kind"] == "prepared":
        return f"the prepared transaction '{row['name']}'"
    if row["kind"] == "slot":
        return f"the {row['state']} replication slot {row['name']}"
    return f"the standby {row['name'] or ''}".strip()
