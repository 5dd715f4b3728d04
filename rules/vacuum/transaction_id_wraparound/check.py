"""Databases whose oldest row nears the age at which PostgreSQL stops accepting writes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from advisor.model.autovacuum import setting_number
from advisor.model.finding import Severity
from advisor.model.names import quote_ident
from advisor.model.offence import Offence
from advisor.model.snapshot import Snapshot

_LIMIT = 2**31


def check(rows: Sequence[Mapping[str, Any]], snapshot: Snapshot, params: Mapping[str, Any]) -> Iterator[Offence]:
    freeze_max_age = setting_number(snapshot, "autovacuum_freeze_max_age") or 200_000_000
    # A high freeze_max_age is a choice: an age below it is how it is meant to be.
    critical = max(params["critical_age"], 1.2 * freeze_max_age)
    high = min(params["high_factor"] * freeze_max_age, critical)
    tables = [row for row in rows if row["kind"] == "table" and row["age"] > freeze_max_age]
    for row in rows:
        if row["kind"] != "database" or row["age"] < high:
            continue
        oldest = tables if row["here"] else []
        yield Offence(
            object=f"database {quote_ident(row['name'])}",
            evidence={
                "name": row["name"],
                "age": row["age"],
                "fraction": row["age"] / _LIMIT,
                "freeze_max_age": freeze_max_age,
                "tables": [f"{table['name']} ({table['age']:,})" for table in oldest],
            },
            values={"oldest": [table["name"] for table in oldest]},
            severity=Severity.CRITICAL if row["age"] >= critical else None,
            weight=row["age"],
        )
