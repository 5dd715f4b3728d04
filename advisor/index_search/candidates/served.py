"""When one index does the work of another: leading keys, operator classes, directions, predicates."""

from __future__ import annotations

from collections.abc import Iterable

from advisor.index_search.planner import Candidate
from advisor.index_search.widths import normalised
from advisor.model.catalog import Index, IndexColumn


def same_key(one: IndexColumn, other: IndexColumn) -> bool:
    """Return whether two key columns index the same values in the same way, direction apart."""
    if (one.column is None) != (other.column is None):
        return False
    if one.column is not None and one.column != other.column:
        return False
    if one.column is None and normalised(one.expression or "") != normalised(other.expression or ""):
        return False
    if one.opclass_is_default != other.opclass_is_default:
        return False
    if not one.opclass_is_default and one.opclass != other.opclass:
        return False
    return (one.collation if not one.collation_is_default else None) == (
        other.collation if not other.collation_is_default else None
    )


def is_prefix(short: tuple[IndexColumn, ...], long: tuple[IndexColumn, ...]) -> bool:
    """Return whether `long` begins with `short`, in the same order or in exactly the reverse one."""
    if len(short) > len(long) or not all(same_key(a, b) for a, b in zip(short, long, strict=False)):
        return False
    pairs = list(zip(short, long, strict=False))
    same = all(a.descending == b.descending and a.nulls_first == b.nulls_first for a, b in pairs)
    reverse = all(a.descending != b.descending and a.nulls_first != b.nulls_first for a, b in pairs)
    return same or reverse


def served_by(candidate: Candidate, indexes: Iterable[Index]) -> Index | None:
    """Return the existing, usable index whose leading keys are the candidate's."""
    for index in sorted(indexes, key=lambda one: one.oid):  # of duplicates the oldest: it is the one that stays
        if index.access_method != candidate.access_method or not (index.is_valid and index.is_live):
            continue
        if index.predicate is not None and (
            candidate.predicate is None or normalised(index.predicate) != normalised(candidate.predicate)
        ):
            continue
        if candidate.predicate is not None and index.predicate is None:
            continue  # a partial index is smaller than the whole one: the planner shall judge
        if _holds(index, candidate):
            return index
    return None


def _holds(index: Index, candidate: Candidate) -> bool:
    if index.access_method == "btree":
        held = {key.column for key in index.columns} | set(index.include)
        return is_prefix(candidate.columns, index.columns) and set(candidate.include) <= held
    if index.access_method in ("gin", "brin"):  # any of their columns can be searched alone
        return all(any(same_key(key, other) for other in index.columns) for key in candidate.columns)
    return len(candidate.columns) == len(index.columns) and is_prefix(candidate.columns, index.columns)


def unique_within(candidate: Candidate, indexes: Iterable[Index]) -> Index | None:
    """Return the existing unique index whose columns the candidate begins with: it would only cover more columns.

    A partial candidate is another matter: the condition selects its rows, whatever its key (the queue that is read in
    the order of its primary key).
    """
    if candidate.predicate is not None:
        return None
    for index in indexes:
        width = len(index.columns)
        if (
            index.is_unique
            and index.is_valid
            and index.predicate is None
            and candidate.access_method == "btree"
            and 0 < width <= len(candidate.columns)
            and all(key.column is not None for key in index.columns)
            and {key.column for key in index.columns} == {key.column for key in candidate.columns[:width]}
            # A prefix search needs pattern operators, which the unique index may not have.
            and all(any(same_key(key, other) for other in index.columns) for key in candidate.columns[:width])
        ):
            return index
    return None
