"""Integer keys without a sequence of their own whose values near the end of the type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from advisor.model.arrays import parse_array
from advisor.model.catalog import Table
from advisor.model.finding import Severity
from advisor.model.lookup import Catalog
from advisor.model.names import quote_ident
from advisor.model.offence import Offence
from advisor.model.rollup import user_tables
from advisor.model.snapshot import Snapshot

_RANGE = {"int2": ("smallint", 2**15 - 1), "int4": ("integer", 2**31 - 1)}


def check(snapshot: Snapshot, catalog: Catalog, params: Mapping[str, Any]) -> Iterator[Offence]:
    with_sequence = {(s.owned_by, s.owned_by_column) for s in snapshot.sequences}
    for table in user_tables(snapshot, "rp"):
        if table.is_partition:
            continue
        for column in _keys(catalog, table):
            facts = catalog.columns.get(table.relation, {}).get(column)
            if facts is None or facts.base_type.name not in _RANGE or (table.relation, column) in with_sequence:
                continue
            largest = _largest(catalog, table, column)
            type_name, limit = _RANGE[facts.base_type.name]
            if largest is None or largest / limit < params["notice"]:
                continue
            used = largest / limit
            yield Offence(
                object=f"{table.relation}.{quote_ident(column)}",
                evidence={
                    "table": str(table.relation),
                    "column": column,
                    "column_type": type_name,
                    "largest": largest,
                    "limit": limit,
                    "used": used,
                },
                values={"table_name": table.relation},
                severity=Severity.CRITICAL if used >= params["critical"] else Severity.MEDIUM if used < 0.75 else None,
                weight=used,
            )


def _keys(catalog: Catalog, table: Table) -> set[str]:
    """Return columns that are a key on their own: values are handed out, not measured."""
    return {
        index.columns[0].column
        for index in catalog.indexes_by_table.get(table.relation, ())
        if index.is_unique and len(index.columns) == 1 and index.columns[0].column and index.predicate is None
    }


def _largest(catalog: Catalog, table: Table, column: str) -> int | None:
    statistics = catalog.statistics(table.relation, column)
    bounds = parse_array(statistics.histogram_bounds) if statistics is not None else ()
    try:
        return max((int(bound) for bound in bounds if bound is not None), default=None)
    except ValueError:  # redacted statistics hold no numbers
        return None
