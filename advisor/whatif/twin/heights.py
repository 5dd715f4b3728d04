"""The height of a B-tree from its size: how many separators fit an inner page."""

from __future__ import annotations

import math
from collections.abc import Sequence

from advisor.index_search.planner import Candidate
from advisor.index_search.size import distinct_count, estimate_index_size
from advisor.index_search.widths import KeyWidth, align, key_width
from advisor.model.catalog import Index, IndexColumn
from advisor.model.lookup import Catalog
from advisor.model.names import RelationName
from advisor.whatif.twin.files import BLOCK
from advisor.whatif.twin.pages import btree_height

_TUPLE_HEADER = 8
_AS_IF_BUILT = 0.03  # how near the estimated size of a built index counts as built
_HEAP_ADDRESS = 8  # a separator among equal keys carries one, aligned


def existing_height(index: Index, catalog: Catalog, file_bytes: int, rows: float) -> int:
    """Return the height of an existing index; 0 for other methods."""
    pages = file_bytes // BLOCK
    if index.access_method != "btree" or pages <= 2:
        return 0
    keys = [key_width(column, index.table, catalog) for column in index.columns]
    separator = separator_bytes(keys, max(rows, 1.0), unique=index.is_unique)
    built = btree_height(pages, separator)
    grown = btree_height(pages, separator, grown=True)
    if built == grown or grown == 0:
        return built
    # Both are possible: the count of pages tells, where that of leaves can be had exactly.
    leaves = _packed_leaves(index, keys, rows)
    if leaves is not None:
        inner = math.ceil(leaves / (BLOCK * 0.7 / (separator + 4)))
        # Metapage and root, with or without a level of inner pages between.
        if abs(pages - (leaves + inner + 2)) < min(2, abs(pages - (leaves + 2))):
            return built
        return grown
    # An index that grew by insertion is larger than a freshly built one would be.
    candidate = Candidate(
        table=index.table,
        access_method="btree",
        columns=index.columns,
        include=index.include,
        reloptions=index.reloptions,
    )
    fresh = estimate_index_size(candidate, catalog, rows)
    return built if abs(pages - fresh.pages) <= _AS_IF_BUILT * pages else grown


def _packed_leaves(index: Index, keys: Sequence[KeyWidth], rows: float) -> int | None:
    """Return the leaf pages of an index over fixed-width columns without duplicates, filled to 90 % as CREATE INDEX
    and ascending keys do."""
    if index.include or any(key.alignment == 1 or key.null_frac > 0 for key in keys):
        return None
    offset, distinct = 0.0, 1.0
    for key in keys:
        offset = align(offset, key.alignment) + key.samples[0]
        distinct *= distinct_count(key.n_distinct, rows)
    if not index.is_unique and distinct < 0.99 * rows:
        return None
    tuple_bytes = align(_TUPLE_HEADER + offset, 8) + 4
    return math.ceil(rows / ((BLOCK * 0.9 - 40) // tuple_bytes))


def height_of(
    columns: Sequence[IndexColumn],
    table: RelationName,
    catalog: Catalog,
    pages: int,
    rows: float,
    *,
    unique: bool = False,
) -> int:
    """Return the height of a B-tree over `columns` of `table` that has `pages` pages and `rows` entries."""
    if pages <= 2:
        return 0
    keys = [key_width(column, table, catalog) for column in columns]
    return btree_height(pages, separator_bytes(keys, max(rows, 1.0), unique=unique))


def separator_bytes(keys: Sequence[KeyWidth], rows: float, *, unique: bool) -> float:
    """Return the mean bytes of an inner tuple: PostgreSQL cuts a separator off after the first column in which the
    neighbouring leaves differ, and adds a heap address when they differ in none."""
    expected, undecided = 0.0, 1.0
    offset = 0.0
    distinct = 1.0
    for position, key in enumerate(keys):
        width = sum(key.samples) / len(key.samples)
        offset = align(offset, key.alignment) + width if key.alignment > 1 else offset + width
        distinct = min(rows, distinct * distinct_count(key.n_distinct, rows))
        if unique and position == len(keys) - 1:
            distinct = rows
        differ = min(1.0, distinct / rows)
        expected += undecided * differ * align(_TUPLE_HEADER + offset, 8)
        undecided *= 1 - differ
    return expected + undecided * (align(_TUPLE_HEADER + offset, 8) + _HEAP_ADDRESS)
