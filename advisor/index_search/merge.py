"""Other forms of chosen indexes: siblings on one prefix become one, INCLUDE lists are united, extended and cut."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from advisor.index_search.facts import Facts
from advisor.index_search.occurrence import Occurrence, occurrences
from advisor.index_search.planner import Candidate
from advisor.index_search.search import Item
from advisor.model.catalog import IndexColumn
from advisor.model.workload import Statement

_MOST_BYTES = 160  # of the columns included


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


def reshaped_candidates(
    chosen: Sequence[Item], statements: Iterable[Statement], facts: Facts, max_included: int
) -> dict[Candidate, tuple[tuple[str, ...], tuple[str, ...]]]:
    """Return chosen B-trees with the columns included that one statement more would read, or that only one needs.

    Each with the handle it was made of and the key of that statement.
    """
    found: dict[Candidate, tuple[tuple[str, ...], tuple[str, ...]]] = {}
    places = [one for statement in statements for one in occurrences(statement, facts) if one.branch == 0]
    for item in chosen:
        candidate = item.candidate
        if candidate.access_method != "btree" or candidate.predicate is not None:
            continue
        for one in places:
            if one.relation != candidate.table or candidate.columns[0].key not in _searched(one):
                continue
            keys = {column.key for column in candidate.columns}
            needed = tuple(name for name in one.output if name not in keys)
            for include in (needed, tuple(dict.fromkeys((*candidate.include, *needed)))):
                wide = sum(facts.width(candidate.table, name) for name in include) > _MOST_BYTES
                if include != candidate.include and len(include) <= max_included and not wide:
                    found.setdefault(replace(candidate, include=include), ((item.handle,), (one.statement.key,)))
    return found


def _searched(one: Occurrence) -> set[str]:
    keys = [*one.equal, *one.lists, *one.ranges, *one.joins]
    keys += [key for order in (*one.orders, *one.groups) for key in order]
    return {key.name for key in keys}
