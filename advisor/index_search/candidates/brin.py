"""BRIN: ranges over columns whose values follow the order of the heap, on large tables."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.index_search.candidates.btree import Columns
from advisor.index_search.facts import Facts
from advisor.index_search.occurrence import Occurrence

_MIN_PAGES = 2000
_MIN_CORRELATION = 0.95
PAGES_PER_RANGE = 32  # a tenth of a per mille of a B-tree, and four times finer than the default


def brin_keys(one: Occurrence, facts: Facts) -> Iterator[Columns]:
    """Yield BRIN keys for the occurrence's range conditions."""
    if facts.pages(one.relation) < _MIN_PAGES:
        return
    for key in one.ranges:
        if key.use.expression is not None:
            continue
        column = facts.column(one.relation, key.use.columns[0])
        if column is None or column.type_category not in ("N", "D"):
            continue
        if facts.correlation(one.relation, key.use.columns[0]) >= _MIN_CORRELATION:
            yield (key.column(),)
