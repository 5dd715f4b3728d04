"""How big an index will be, from the snapshot's statistics alone.

B-trees: tuples as PostgreSQL forms them, leaf pages filled to the fill factor, equal keys merged into posting lists
(deduplication, 13 on), inner levels by fan-out. The others by simpler models; see tests/search/test_size.py for
how far each is off from indexes really built.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

from advisor.index_search.gin_size import gin_pages
from advisor.index_search.planner import Candidate
from advisor.index_search.widths import Imagined, KeyWidth, align, imagine, key_width
from advisor.model.catalog import IndexColumn
from advisor.model.lookup import Catalog
from advisor.model.names import RelationName

PAGE = 8192
_PAGE_OVERHEAD = 40  # page header and B-tree special space
_LINE_POINTER = 4
_POSTING_LIMIT = 812  # bytes of one posting list tuple while an index is built: a tenth of a page
_TID = 6
# Equal values of these types may differ in their bytes, so that their indexes are not deduplicated.
_NOT_DEDUPLICATED = frozenset({"numeric", "float4", "float8", "jsonb", "interval", "record"})


@dataclass(frozen=True, slots=True)
class IndexSize:
    """Pages of 8 kB (metapage included), index entries, and the B-tree's height (-1 for other methods)."""

    pages: int
    rows: float
    height: int

    @property
    def size_bytes(self) -> int:
        return self.pages * PAGE


def estimate_index_size(
    candidate: Candidate, catalog: Catalog, rows: float | None = None, deduplicates: bool | None = None
) -> IndexSize:
    """Return the estimated size of `candidate` once it is built.

    `rows`: rows that satisfy its predicate (None: all rows of the table). `deduplicates`: whether its operator
    classes allow deduplication, as the metapage of an empty index says (None: judged from the column types).
    For a partitioned table the pages are the sum over its partitions and the height that of an average one.
    """
    table = candidate.table
    total = catalog.rows(table)
    rows = total if rows is None else min(rows, total) if total > 0 else rows
    leaves = max(1, len(catalog.leaves(table)))
    if candidate.access_method == "btree":
        return _btree(candidate, catalog, max(rows, 0.0), total, leaves, deduplicates)
    if candidate.access_method == "brin":
        return _brin(candidate, catalog, leaves)
    if candidate.access_method == "hash":
        return _hash(rows, leaves)
    if candidate.access_method == "gin":
        return IndexSize(gin_pages(candidate, catalog, rows), rows, -1)
    keys = tuple(key_width(column, table, catalog) for column in candidate.columns)
    return IndexSize(_gist_pages(keys, rows), rows, -1)


# --- B-tree


def _btree(
    candidate: Candidate, catalog: Catalog, rows: float, total: float, leaves: int, deduplicates: bool | None
) -> IndexSize:
    table = candidate.table
    keys = tuple(key_width(column, table, catalog) for column in candidate.columns)
    included = tuple(key_width(IndexColumn(column=name), table, catalog) for name in candidate.include)
    if rows < 1:
        return IndexSize(2 * leaves - 1, 0.0, 0)
    if deduplicates is None:
        deduplicates = all(_deduplicated(column, table, catalog) for column in candidate.columns)
    drawn = imagine(keys, included, rows, total)
    key_only = sum(drawn.sizes) / len(drawn.sizes)
    groups = distinct_groups(candidate.columns, keys, table, catalog, rows, total)
    usable = PAGE * _fill_factor(candidate) - _PAGE_OVERHEAD
    if deduplicates and not included:
        known = _extended_distinct(candidate.columns, table, catalog, total)
        used = _posting_lists(drawn, rows, rows / known - 1 if known else None)
        leaf_pages = used / leaves / usable
    else:
        leaf_pages = rows / leaves / max(1.0, usable / (key_only + _LINE_POINTER))
        bare = imagine(keys, (), rows, total).sizes
        key_only = sum(bare) / len(bare)
    leaf = max(1, math.ceil(leaf_pages))
    pages, height = leaf, 0
    mean_group = max(1.0, rows / max(groups, 1.0))
    # A separator carries a heap address only when it must tell duplicates apart.
    fanout = max(2.0, (PAGE - 40) * 0.7 / (align(key_only, 8) + 8 * (mean_group - 1) / mean_group + _LINE_POINTER))
    level = leaf
    while level > 1:
        level = math.ceil(level / fanout)
        pages += level
        height += 1
    return IndexSize((pages + 1) * leaves, rows, height)


def _fill_factor(candidate: Candidate) -> float:
    for option in candidate.reloptions:
        name, _, value = option.partition("=")
        if name == "fillfactor" and value.isdigit():
            return int(value) / 100
    return 0.9


def _deduplicated(key: IndexColumn, table: RelationName, catalog: Catalog) -> bool:
    if key.column is None:
        return "numeric" not in (key.expression or "").lower()
    column = catalog.columns.get(table, {}).get(key.column)
    if column is None:
        return True
    name = column.base_type.name
    return not (name.startswith("_") or name in _NOT_DEDUPLICATED or column.type_category in ("A", "R", "C"))


def distinct_count(n_distinct: float, rows: float) -> float:
    """Return pg_stats.n_distinct as a count; an unknown one as the planner's default of 200."""
    if n_distinct > 0:
        return n_distinct
    return max(1.0, -n_distinct * rows) if n_distinct < 0 else min(200.0, max(rows, 1.0))


def distinct_groups(
    columns: tuple[IndexColumn, ...],
    keys: tuple[KeyWidth, ...],
    table: RelationName,
    catalog: Catalog,
    rows: float,
    total: float,
) -> float:
    """Return the expected number of different keys among `rows` rows."""
    product = 1.0
    for key in keys:
        product *= distinct_count(key.n_distinct, max(total, rows))
    product = min(product, _extended_distinct(columns, table, catalog, total) or product)
    if product <= 0:
        return rows
    if len(keys) == 1 and rows >= total:
        return min(rows, product)
    return min(rows, max(1.0, product * -math.expm1(-rows / product)))


def _extended_distinct(
    columns: tuple[IndexColumn, ...], table: RelationName, catalog: Catalog, total: float
) -> float | None:
    """Return the distinct count of the column group from extended statistics."""
    names = {column.column for column in columns}
    if len(names) < 2 or None in names:
        return None
    known = catalog.columns.get(table, {})
    numbers = {known[name].attnum for name in names if name in known}
    for statistics in catalog.snapshot.extended_statistics:
        if statistics.table != table or not statistics.n_distinct:
            continue
        for part in statistics.n_distinct.strip("{}").split(', "'):
            group, _, value = part.replace('"', "").partition(":")
            members = {int(number) for number in group.split(",") if number.strip().lstrip("-").isdigit()}
            if members == numbers and value.strip().lstrip("-").isdigit():
                return distinct_count(float(value), total)
    return None


def _posting_lists(drawn: Imagined, rows: float, rate: float | None) -> float:
    """Return the bytes of all leaf tuples when equal keys share posting lists; `rate`: other rows per key, if known."""
    spread = 0.0
    for (size, share), times in Counter(zip(drawn.sizes, drawn.key_shares, strict=True)).items():
        others = rows * share if rate is None else max(0.0, rate)
        spread += times * _bytes_per_row(size, round(others, 2) if others < 50 else round(others))
    return spread / len(drawn.sizes) * rows


def posting_bytes(key_bytes: float, duplicates: float) -> float:
    """Return the bytes that `duplicates` rows of one key take."""
    if duplicates <= 1:
        return duplicates * (key_bytes + _LINE_POINTER)
    per_list = max(2, int((_POSTING_LIMIT - key_bytes) // _TID))
    full, rest = divmod(duplicates, per_list)
    total = full * (align(key_bytes + _TID * per_list, 8) + _LINE_POINTER)
    if rest > 1:
        total += align(key_bytes + _TID * rest, 8) + _LINE_POINTER
    elif rest > 0:
        total += key_bytes + _LINE_POINTER
    return total


@lru_cache(maxsize=4096)
def _bytes_per_row(key_bytes: float, others: float) -> float:
    """Return the bytes a row takes in the leaf pages when `others` more rows are expected to have its key."""
    if others < 1e-3:
        return key_bytes + _LINE_POINTER
    if others >= 15:
        return posting_bytes(key_bytes, others + 1) / (others + 1)
    probability = math.exp(-others)
    total = 0.0
    for more in range(60):
        total += probability * posting_bytes(key_bytes, more + 1) / (more + 1)
        probability *= others / (more + 1)
    return total


# --- the others


def _hash(rows: float, leaves: int) -> IndexSize:
    wanted = max(2.0, rows / leaves / 307)
    power = max(1, math.ceil(math.log2(wanted)))
    low = 2 ** (power - 1)
    step = low / 4 if power > 10 else low
    buckets = float(low)
    while buckets < wanted:
        buckets += step
    return IndexSize((int(buckets) + 2) * leaves, rows, -1)


def _brin(candidate: Candidate, catalog: Catalog, leaves: int) -> IndexSize:
    per_range = 128
    for option in candidate.reloptions:
        name, _, value = option.partition("=")
        if name == "pages_per_range" and value.isdigit():
            per_range = max(1, int(value))
    heap = sum(table_pages(catalog, leaf.relation) for leaf in catalog.leaves(candidate.table)) / leaves
    ranges = max(1, math.ceil(heap / per_range))
    keys = tuple(key_width(column, candidate.table, catalog) for column in candidate.columns)
    # A range's tuple holds its smallest and largest value.
    width = sum(2 * sum(key.samples) / len(key.samples) for key in keys)
    pages = 1 + math.ceil(ranges / 1360) + math.ceil(ranges * (align(8 + width, 8) + _LINE_POINTER) / 8168)
    return IndexSize(pages * leaves, float(ranges * leaves), -1)


def table_pages(catalog: Catalog, relation: RelationName) -> int:
    """Return the heap pages of a table with storage, from its file size where that is known."""
    table = catalog.tables.get(relation)
    if table is None:
        return 0
    return math.ceil(table.size_bytes / PAGE) if table.size_bytes is not None else table.relpages


def _gist_pages(keys: tuple[KeyWidth, ...], rows: float) -> int:
    width = 8 + align(sum(sum(key.samples) / len(key.samples) for key in keys), 8)
    return int(rows * (width + _LINE_POINTER) / (8152 * 0.62)) + 1
