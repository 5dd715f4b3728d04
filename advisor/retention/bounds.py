"""Partition bounds of range partitions by time, as pg_get_expr prints them under TimeZone UTC and DateStyle ISO."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from advisor.model.catalog import Column, Table
from advisor.model.lookup import Catalog
from advisor.model.names import RelationName
from advisor.retention.moments import epoch_unit_of, parse_moment

_RANGE = re.compile(r"^FOR VALUES FROM \((.*)\) TO \((.*)\)$", re.DOTALL)
_FIRST = re.compile(r"^\s*('(?:[^']|'')*'|[^,]+)")


@dataclass(frozen=True, slots=True)
class Leaf:
    """A range partition by time; None is MINVALUE (`lower`) or MAXVALUE (`upper`)."""

    table: Table
    lower: datetime | None
    upper: datetime | None


@dataclass(frozen=True, slots=True)
class Partitioning:
    """A table partitioned by range of its first key column, which is a time."""

    root: Table
    column: Column
    unit: str | None
    leaves: tuple[Leaf, ...]  # by lower bound, the default partition not among them
    default: Table | None


def time_partitioning(root: Table, catalog: Catalog) -> Partitioning | None:
    """Return how `root` is partitioned by time, or None when it is not."""
    if root.kind != "p" or root.partition_strategy != "r" or not root.partition_key_columns:
        return None
    column = catalog.columns.get(root.relation, {}).get(root.partition_key_columns[0])
    if column is None or column.base_type.name not in ("timestamptz", "timestamp", "date", "int8", "int4", "numeric"):
        return None
    unit = _unit(root.relation, catalog) if column.base_type.name in ("int8", "int4", "numeric") else None
    if unit is None and column.base_type.name in ("int8", "int4", "numeric"):
        return None  # partitioned by a number that is no time
    leaves: list[Leaf] = []
    default = None
    for child in catalog.partitions.get(root.relation, ()):
        if child.is_default_partition:
            default = child
            continue
        bounds = parse_bound(child.partition_bound, unit)
        if bounds is not None:
            leaves.append(Leaf(child, *bounds))
    leaves.sort(key=lambda leaf: (leaf.lower is not None, leaf.lower or leaf.upper or datetime.min))
    return Partitioning(root, column, unit, tuple(leaves), default)


def _unit(root: RelationName, catalog: Catalog) -> str | None:
    units: set[str | None] = set()
    for child in catalog.partitions.get(root, ()):
        match = _RANGE.match(child.partition_bound or "")
        if match is None:
            continue
        for side in (match[1], match[2]):
            text = _first(side)
            if text not in ("MINVALUE", "MAXVALUE"):
                try:
                    units.add(epoch_unit_of(float(text)))
                except ValueError:
                    return None
    return units.pop() if len(units) == 1 else None


def parse_bound(text: str | None, unit: str | None = None) -> tuple[datetime | None, datetime | None] | None:
    """Return (lower, upper) of a range bound by its first column, or None when it is no time range.

    >>> parse_bound("FOR VALUES FROM (MINVALUE) TO ('2026-01-01 00:00:00+00')")[1].year
    2026
    """
    match = _RANGE.match(text or "")
    if match is None:
        return None
    sides: list[datetime | None] = []
    for side, open_end in ((match[1], "MINVALUE"), (match[2], "MAXVALUE")):
        word = _first(side)
        if word == open_end:
            sides.append(None)
            continue
        moment = parse_moment(word, unit)
        if moment is None and word not in ("infinity", "-infinity"):
            return None
        sides.append(moment)
    return sides[0], sides[1]


def _first(side: str) -> str:
    match = _FIRST.match(side)
    text = match[1].strip() if match is not None else ""
    return text[1:-1].replace("''", "'") if text.startswith("'") else text


def holds_rows(table: Table, catalog: Catalog) -> bool | None:
    """Return whether a partition (with all below it) has any pages; None when no size could be read."""
    sizes = [
        leaf.size_bytes if leaf.size_bytes is not None else leaf.relpages * 8192
        for leaf in catalog.leaves(table.relation)
    ]
    return any(size > 0 for size in sizes) if sizes else None


def leaf_bytes(table: Table, catalog: Catalog) -> int:
    """Return heap, indexes and TOAST of a partition and all below it."""
    return sum(leaf.total_bytes or leaf.size_bytes or 0 for leaf in catalog.leaves(table.relation))
