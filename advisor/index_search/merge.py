"""Merged forms of chosen indexes: two siblings on one prefix become one, INCLUDE lists are united."""

from __future__ import annotations

from collections.abc import Sequence

from advisor.index_search.planner import Candidate
from advisor.index_search.search import Item
from advisor.model.catalog import IndexColumn


def merged_candidates(
    chosen: Sequence[Item], max_width: int, max_included: int = 4
) -> dict[Candidate, tuple[str, ...]]:
    """Return merged candidates with the handles of the indexes they were made of."""
    found: dict[Candidate, tuple[str, ...]] = {}
    for first in chosen:
        for second in chosen:
            one, two = first.candidate, second.candidate
            if (
                first is second
                or one.table != two.table
                or one.predicate != two.predicate
                or not one.access_method == two.access_method == "btree"
                or one.columns[0] != two.columns[0]
            ):
                continue
            keys = {column.key for column in one.columns}
            columns: tuple[IndexColumn, ...] = (*one.columns, *(c for c in two.columns if c.key not in keys))
            plain = {column.column for column in columns}
            include = tuple(dict.fromkeys(name for name in (*one.include, *two.include) if name not in plain))
            if len(columns) <= max_width and len(include) <= max_included:
                merged = Candidate(
                    table=one.table,
                    access_method="btree",
                    columns=columns,
                    include=include,
                    predicate=one.predicate,
                )
                found.setdefault(merged, (first.handle, second.handle))
    return found
