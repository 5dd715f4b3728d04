"""Tables much larger than their rows need, estimated from the column statistics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from advisor.model.autovacuum import option
from advisor.model.catalog import Column, Table
from advisor.model.finding import Severity
from advisor.model.lookup import Catalog
from advisor.model.offence import Offence
from advisor.model.rollup import user_tables
from advisor.model.snapshot import Snapshot

_ALIGNMENT = {"c": 1, "s": 2, "i": 4, "d": 8}
_PAGE_HEADER = 24
_LINE_POINTER = 4
_TUPLE_HEADER = 23
# Statistics from before a larger change describe another table.
_MOST_CHANGED = 0.2
_LARGE = 1 << 30


def check(snapshot: Snapshot, catalog: Catalog, params: Mapping[str, Any]) -> Iterator[Offence]:
    page = snapshot.server.block_size
    for table in user_tables(snapshot, "rm"):
        if table.size_bytes is None or table.size_is_estimate or table.size_bytes < params["min_waste"]:
            continue
        if table.reltuples <= 0 or table.access_method not in (None, "heap"):
            continue
        changed = table.counters.n_mod_since_analyze if table.counters is not None else 0
        if changed > _MOST_CHANGED * table.reltuples:
            continue
        row_bytes = _row_bytes(catalog, table)
        if row_bytes is None:
            continue
        fillfactor = int(option(table, "fillfactor") or 100)
        per_page = max((page - _PAGE_HEADER) * fillfactor / 100 / (row_bytes + _LINE_POINTER), 1)
        needed = table.reltuples / per_page * page
        waste = table.size_bytes - needed
        fraction = waste / table.size_bytes
        if waste < params["min_waste"] or fraction < params["min_fraction"]:
            continue
        yield Offence(
            object=str(table.relation),
            evidence={
                "size_bytes": table.size_bytes,
                "needed_bytes": round(needed),
                "waste_bytes": round(waste),
                "fraction": fraction,
                "rows": table.reltuples,
            },
            values={"table": table.relation},
            severity=Severity.MEDIUM if waste >= _LARGE else None,
            weight=waste,
        )


def _row_bytes(catalog: Catalog, table: Table) -> float | None:
    """Return the mean size of a row with header and padding; None when a column's width is not known."""
    columns = sorted(catalog.columns.get(table.relation, {}).values(), key=lambda column: column.attnum)
    offset, may_be_null = 0.0, False
    for column in columns:
        if column.generated == "v":
            continue
        width = _width(catalog, table, column)
        if width is None:
            return None
        average, null_fraction = width
        may_be_null = may_be_null or null_fraction > 0
        # Padding before a value exists only where the value does; variable ones are mostly short and unaligned.
        align = _ALIGNMENT.get(column.typalign, 4) if column.typlen > 0 else 1
        padding = -offset % align if column.typlen > 0 else 0
        offset += (padding + average) * (1 - null_fraction)
    header = _TUPLE_HEADER + ((len(columns) + 7) // 8 if may_be_null else 0)
    return _up(header, 8) + _up(offset, 8)


def _width(catalog: Catalog, table: Table, column: Column) -> tuple[float, float] | None:
    statistics = catalog.statistics(table.relation, column.name)
    if statistics is not None:
        return (column.typlen if column.typlen > 0 else statistics.avg_width), statistics.null_frac
    # A fixed-width column that is never null needs no statistics.
    return (column.typlen, 0.0) if column.typlen > 0 and column.not_null else None


def _up(value: float, unit: int) -> float:
    return -(-value // unit) * unit
