"""Columns of types that PostgreSQL keeps for old applications."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.lookup import Catalog
from advisor.model.names import quote_ident
from advisor.model.offence import Offence
from advisor.model.rollup import user_tables
from advisor.model.snapshot import Snapshot

_BETTER = {"money": "numeric", "timetz": None, "bpchar": "text"}


def check(snapshot: Snapshot, catalog: Catalog) -> Iterator[Offence]:
    for table in user_tables(snapshot, "rp"):
        if table.is_partition:
            continue
        for column in catalog.columns.get(table.relation, {}).values():
            name = column.base_type.name
            # character(1) and short fixed codes (ISO countries, currencies) are always full: harmless.
            short = name == "bpchar" and not _is_wide(column.type)
            if column.base_type.schema != "pg_catalog" or name not in _BETTER or short or not column.is_local:
                continue
            yield Offence(
                object=f"{table.relation}.{quote_ident(column.name)}",
                evidence={"type": column.type},
                values={"table": table.relation, "column": column.name, "better": _BETTER[name]},
            )


def _is_wide(type_name: str) -> bool:
    """Return whether 'character(20)' is longer than a code usually is."""
    inner = type_name.partition("(")[2].rstrip(")")
    return type_name.startswith("character(") and inner.isdigit() and int(inner) > 8
