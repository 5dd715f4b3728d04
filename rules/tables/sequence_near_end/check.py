"""Sequences that will soon have no next value, by their own end or by their column's type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from advisor.model.catalog import Sequence
from advisor.model.finding import Severity
from advisor.model.lookup import Catalog
from advisor.model.names import RelationName
from advisor.model.offence import Offence, Unjudged
from advisor.model.snapshot import Snapshot

_LARGEST = {"int2": 2**15 - 1, "int4": 2**31 - 1, "int8": 2**63 - 1}
_SQL_NAME = {"int2": "smallint", "int4": "integer"}


def check(snapshot: Snapshot, catalog: Catalog, params: Mapping[str, Any]) -> Iterator[Offence | Unjudged]:
    hidden = [sequence for sequence in snapshot.sequences if not sequence.readable]
    if hidden:
        first = RelationName(hidden[0].schema, hidden[0].name)
        yield Unjudged(
            why=f"the last value of {len(hidden)} of {len(snapshot.sequences)} sequences may not be read by "
            f"{snapshot.server.user} (the first: {first}); grant select on all sequences in the schema"
        )
    for sequence in snapshot.sequences:
        if sequence.last_value is None or sequence.cycle:
            continue
        column_type = _column_type(catalog, sequence)
        used, limit = _used(sequence, column_type)
        if used < params["notice"]:
            continue
        severity = Severity.MEDIUM if used < params["warn"] else Severity.HIGH
        name = RelationName(sequence.schema, sequence.name)
        ascending = sequence.increment_by > 0
        bound_by_column = column_type in _SQL_NAME
        yield Offence(
            object=str(name),
            evidence={
                "last_value": sequence.last_value,
                "limit": limit,
                "used": used,
                "table": str(sequence.owned_by) if sequence.owned_by is not None else None,
                "column": sequence.owned_by_column,
                "column_type": _SQL_NAME.get(column_type or ""),
            },
            values={
                "sequence": name,
                "data_type": sequence.data_type,
                "max_value": sequence.max_value,
                "table_name": sequence.owned_by,
                "widen": bound_by_column and ascending,
                "ascending": ascending,
            },
            severity=severity if used < params["critical"] else Severity.CRITICAL,
            weight=used,
        )


def _column_type(catalog: Catalog, sequence: Sequence) -> str | None:
    if sequence.owned_by is None or sequence.owned_by_column is None:
        return None
    column = catalog.columns.get(sequence.owned_by, {}).get(sequence.owned_by_column)
    return column.base_type.name if column is not None else None


def _used(sequence: Sequence, column_type: str | None) -> tuple[float, int]:
    """Return the used share of the values and the last one that fits sequence and column."""
    assert sequence.last_value is not None
    largest = _LARGEST.get(column_type or "", 2**63 - 1)
    if sequence.increment_by > 0:
        limit = min(sequence.max_value, largest)
        first = max(sequence.min_value, min(sequence.start_value, limit))
        used = sequence.last_value - first
        return used / max(limit - first, 1), limit
    limit = max(sequence.min_value, -largest - 1)
    first = min(sequence.max_value, max(sequence.start_value, limit))
    return (first - sequence.last_value) / max(first - limit, 1), limit
