"""Indexes that PostgreSQL maintains but never uses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from advisor.model.catalog import Index
from advisor.model.lookup import Catalog
from advisor.model.names import RelationName, quote_ident
from advisor.model.offence import Offence
from advisor.model.snapshot import Snapshot

# What REINDEX CONCURRENTLY calls its transient indexes.
_LEFTOVER = re.compile(r"_cc(new|old)\d*$")


def check(snapshot: Snapshot, catalog: Catalog) -> Iterator[Offence]:
    for index in snapshot.indexes:
        if (index.is_valid and index.is_ready and index.is_live) or index.being_built or index.extension:
            continue
        kind = "broken"
        steps: list[dict[str, Any]] = []
        missing: list[RelationName] = []
        if index.is_partitioned:
            kind = "partitioned"
            missing, steps = _missing(catalog, index)
            # A partition's own partitioned index is repaired with the one above it.
            if index.parent is not None or not missing:
                continue
        elif _LEFTOVER.search(index.name):
            kind = "leftover"
        yield Offence(
            object=str(index.relation),
            evidence={
                "table": str(index.table),
                "kind": kind,
                "size_bytes": index.size_bytes,
                "unique": index.is_unique,
                "missing": [str(name) for name in missing],
            },
            # REINDEX CONCURRENTLY refuses exclusion constraints.
            values={"index": index.relation, "steps": steps, "online": not index.is_exclusion},
            weight=index.size_bytes or 0,
        )


def _missing(catalog: Catalog, index: Index) -> tuple[list[RelationName], list[dict[str, Any]]]:
    """Return the partitions without an attached index, and the steps that give them one."""
    missing: list[RelationName] = []
    steps: list[dict[str, Any]] = []
    taken = {i.relation for i in catalog.snapshot.indexes}
    unique = "UNIQUE " if index.is_unique else ""
    prefix = f"CREATE {unique}INDEX {quote_ident(index.name)} ON ONLY {index.table} USING "
    for partition in catalog.partitions.get(index.table, ()):
        own = catalog.indexes_by_table.get(partition.relation, ())
        if any(candidate.parent == index.relation for candidate in own):
            continue
        missing.append(partition.relation)
        twin = next((c for c in own if c.parent is None and c.is_valid and _same(c, index)), None)
        if twin is not None:
            steps.append({"attach": twin.relation})
        elif partition.kind == "r" and index.definition.startswith(prefix):
            name = _free_name(partition.name, index.name, partition.schema, taken)
            made = RelationName(partition.schema, name)
            tail = index.definition[len(prefix) :]
            steps.append({"attach": None, "name": name, "made": made, "table": partition.relation, "tail": tail})
    return missing, steps


def _same(one: Index, other: Index) -> bool:
    return (one.access_method, one.columns, one.include, one.predicate, one.is_unique, one.nulls_not_distinct) == (
        other.access_method, other.columns, other.include, other.predicate, other.is_unique, other.nulls_not_distinct,
    )  # fmt: skip


def _free_name(partition: str, index: str, schema: str, taken: set[RelationName]) -> str:
    """Return an unused name of at most 63 bytes."""
    for number in range(1, 1000):
        end = f"_{number}" if number > 1 else ""
        name = f"{partition}_{index}".encode()[: 63 - len(end)].decode(errors="ignore") + end
        if RelationName(schema, name) not in taken:
            break
    taken.add(RelationName(schema, name))
    return name
