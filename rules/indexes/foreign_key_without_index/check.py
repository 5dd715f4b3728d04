"""Foreign keys whose referencing side cannot be searched by index."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from advisor.model.catalog import Constraint, Index, Table
from advisor.model.finding import Severity
from advisor.model.lookup import Catalog
from advisor.model.names import RelationName, quote_ident
from advisor.model.offence import Offence
from advisor.model.rollup import live_rows
from advisor.model.snapshot import Snapshot

# More steps than this are no script a person would read.
_MOST_PARTITIONS = 100
_MANY, _VERY_MANY = 20_000, 1_000_000  # rows: a scan takes milliseconds, or seconds
_OFTEN = 100  # deletes of referenced rows since the reset
_COARSE = 0.05  # of the rows share one key: nobody joins or searches by such an index
_NOT_NULL = re.compile(r'^\(?\(?("(?:[^"]|"")+"|[a-z_][\w$]*) IS NOT NULL\)?\)?$')


def check(snapshot: Snapshot, catalog: Catalog, params: Mapping[str, Any]) -> Iterator[Offence]:
    taken = {index.relation for index in snapshot.indexes}
    for constraint in snapshot.constraints:
        table = catalog.tables.get(constraint.table)
        if constraint.type != "f" or table is None or table.kind not in "rp" or constraint.references is None:
            continue
        if constraint.inherited or table.extension is not None or not constraint.columns:
            continue
        leaves = catalog.leaves(table.relation)
        rows = sum(live_rows(leaf) for leaf in leaves)
        if rows < params["min_rows"] or _supported(catalog, table, constraint.columns, rows, params["rows_per_key"]):
            continue
        deletes = sum(leaf.counters.n_tup_del for leaf in catalog.leaves(constraint.references) if leaf.counters)
        if not deletes and _coarse(catalog, table.relation, constraint.columns, rows):
            continue
        yield _offence(catalog, table, constraint, rows, deletes, taken)


def _coarse(catalog: Catalog, table: RelationName, columns: tuple[str, ...], rows: float) -> bool:
    """Return whether the key is known to take a few values only, as a currency or a country."""
    known = all((found := catalog.statistics(table, column)) is not None and found.n_distinct for column in columns)
    return known and _rows_per_key(catalog, table, list(columns), rows) >= _COARSE * rows


def _offence(
    catalog: Catalog, table: Table, constraint: Constraint, rows: float, deletes: int, taken: set[RelationName]
) -> Offence:
    assert constraint.references is not None
    severity = _severity(rows, deletes)
    name = _index_name(table.schema, table.name, constraint.columns, taken)
    steps, too_many = _partition_steps(catalog, table, constraint.columns, taken)
    return Offence(
        # One table may have two such keys: the object is the constraint on the table.
        object=f"{table.relation} ({', '.join(map(quote_ident, constraint.columns))})",
        evidence={
            "table": str(table.relation),
            "constraint": constraint.name,
            "columns": list(constraint.columns),
            "references": str(constraint.references),
            "rows": rows,
            "referenced_deletes": deletes,
            "on_delete": constraint.on_delete,
        },
        values={
            "relation": table.relation,
            "index_name": name,
            "index": RelationName(table.schema, name),
            "leaves": steps,
            "too_many_partitions": too_many,
        },
        severity=severity,
        weight=rows * (1 + deletes),
    )


def _severity(rows: float, deletes: int) -> Severity:
    """Return how much it hurts: many rows to read, and deletes that read them."""
    if deletes:
        if rows >= _MANY:
            return Severity.HIGH if rows >= _VERY_MANY and deletes >= _OFTEN else Severity.MEDIUM
        return Severity.LOW
    if rows >= _VERY_MANY:
        return Severity.MEDIUM
    return Severity.LOW if rows >= _MANY else Severity.INFO


def _supported(catalog: Catalog, table: Table, columns: tuple[str, ...], rows: float, rows_per_key: float) -> bool:
    """Return whether the table, or each of its partitions, has an index for a search by `columns`."""
    if any(
        _supports(catalog, index, columns, rows, rows_per_key)
        for index in catalog.indexes_by_table.get(table.relation, ())
    ):
        return True
    partitions = catalog.partitions.get(table.relation, ()) if table.kind == "p" else ()
    return bool(partitions) and all(
        _supported(catalog, part, columns, sum(live_rows(leaf) for leaf in catalog.leaves(part.relation)), rows_per_key)
        for part in partitions
    )


def _supports(catalog: Catalog, index: Index, columns: tuple[str, ...], rows: float, rows_per_key: float) -> bool:
    if not (index.is_valid and index.is_live) and not index.being_built:
        return False
    if index.access_method not in ("btree", "hash"):
        return False
    if index.predicate is not None:
        # The search is always by a value, which implies that the column is not null.
        match = _NOT_NULL.match(index.predicate)
        if match is None or _unquoted(match[1]) not in columns:
            return False
    keys = [key.column for key in index.columns]
    prefix = 0
    while prefix < len(keys) and keys[prefix] in columns:
        prefix += 1
    if prefix >= len(set(columns)):
        return True
    return prefix > 0 and _rows_per_key(catalog, index.table, [str(k) for k in keys[:prefix]], rows) <= rows_per_key


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def _rows_per_key(catalog: Catalog, table: RelationName, columns: list[str], rows: float) -> float:
    """Return the rows that share one value of the most selective column; all rows when nothing is known."""
    best = rows
    for column in columns:
        statistics = catalog.statistics(table, column)
        if statistics is not None and statistics.n_distinct:
            distinct = statistics.n_distinct if statistics.n_distinct > 0 else -statistics.n_distinct * rows
            best = min(best, rows * (1 - statistics.null_frac) / max(distinct, 1))
    return best


def _index_name(schema: str, table: str, columns: tuple[str, ...], taken: set[RelationName]) -> str:
    """Return an unused index name of at most 63 bytes in PostgreSQL's manner."""
    for number in range(1000):
        end = f"_idx{number or ''}"
        name = "_".join((table, *columns)).encode()[: 63 - len(end)].decode(errors="ignore") + end
        if RelationName(schema, name) not in taken:
            break
    taken.add(RelationName(schema, name))
    return name


def _partition_steps(
    catalog: Catalog, table: Table, columns: tuple[str, ...], taken: set[RelationName]
) -> tuple[list[dict[str, Any]], bool]:
    """Return one step per partition, and whether there are too many (or sub-partitions) to write them out."""
    if table.kind != "p":
        return [], False
    partitions = catalog.partitions.get(table.relation, ())
    if len(partitions) > _MOST_PARTITIONS or any(part.kind != "r" for part in partitions):
        return [], True
    steps = []
    for part in partitions:
        name = _index_name(part.schema, part.name, columns, taken)
        steps.append({"name": name, "table": part.relation, "index": RelationName(part.schema, name)})
    return steps, False
