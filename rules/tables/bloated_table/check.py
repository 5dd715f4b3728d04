"""Tables much larger than their rows need, estimated from the column statistics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from advisor.model.autovacuum import option
from advisor.model.catalog import Column, Table
from advisor.model.finding import Severity
from advisor.model.lookup import Catalog
from advisor.model.offence import Offence
from advisor.model.rollup import by_root, user_tables
from advisor.model.snapshot import Snapshot

_ALIGNMENT = {"c": 1, "s": 2, "i": 4, "d": 8}
_PAGE_HEADER = 24
_LINE_POINTER = 4
_TUPLE_HEADER = 23
# Statistics from before a larger change describe another table.
_MOST_CHANGED = 0.2
_LARGE = 1 << 30


def check(snapshot: Snapshot, catalog: Catalog, params: Mapping[str, Any]) -> Iterator[Offence]:
    needed = {table.relation: _needed(snapshot, catalog, table) for table in user_tables(snapshot, "rm")}
    known = [table for table in user_tables(snapshot, "rm") if needed[table.relation] is not None]
    for root, tables in by_root(catalog, known).items():
        # Of a partitioned table only the bloated partitions count: rewriting the others would win nothing.
        bloated = [table for table in tables if _fraction(table, needed[table.relation]) >= params["min_fraction"]]
        size = sum(table.size_bytes or 0 for table in bloated)
        wanted = sum(needed[table.relation] or 0 for table in bloated)
        waste = size - wanted
        if waste < params["min_waste"] or not bloated:
            continue
        yield Offence(
            object=str(root),
            evidence={
                "size_bytes": size,
                "needed_bytes": round(wanted),
                "waste_bytes": round(waste),
                "fraction": waste / size,
                "rows": sum(table.reltuples for table in bloated),
                "tables": [str(table.relation) for table in bloated],
            },
            values={"names": [table.relation for table in bloated]},
            severity=Severity.MEDIUM if waste >= _LARGE else None,
            weight=waste,
        )


def _fraction(table: Table, needed: float | None) -> float:
    return 1 - (needed or 0) / table.size_bytes if table.size_bytes else 0.0


def _needed(snapshot: Snapshot, catalog: Catalog, table: Table) -> float | None:
    """Return the bytes that the table's rows need; None where that cannot be said."""
    if not table.size_bytes or table.size_is_estimate or table.reltuples <= 0:
        return None
    if table.access_method not in (None, "heap"):
        return None
    changed = table.counters.n_mod_since_analyze if table.counters is not None else 0
    row_bytes = _row_bytes(catalog, table) if changed <= _MOST_CHANGED * table.reltuples else None
    if row_bytes is None:
        return None
    page = snapshot.server.block_size
    fillfactor = int(option(table, "fillfactor") or 100)
    per_page = max((page - _PAGE_HEADER) * fillfactor / 100 / (row_bytes + _LINE_POINTER), 1)
    return table.reltuples / per_page * page


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
