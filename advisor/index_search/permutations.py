"""Candidates for a storage budget: every order of the columns a statement reads of a table.

Without a budget the candidates follow the conditions of a statement. Within one, two columns that a statement merely
reads may be worth an index too (it is smaller than the table and can be read instead), and which order serves most
statements is the planner's to say. The candidates come in families that are planned one after the other, because one
that covers everything hides the small ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import permutations

from advisor.index_search.candidates import Pool
from advisor.index_search.candidates.btree import sortable
from advisor.index_search.candidates.served import served_by, unique_within
from advisor.index_search.facts import Facts
from advisor.index_search.occurrence import Occurrence, occurrences
from advisor.index_search.planner import Candidate
from advisor.model.catalog import IndexColumn
from advisor.model.workload import Statement

Family = dict[Candidate, None]
_READ = 10  # columns of one table whose pairs are tried
_SEARCHED = 6  # of them leading keys of covering indexes
_INCLUDED = (8, 160)  # columns, bytes
_PARTIAL_AT_ONCE = 16  # the planner's time for conditions with OR explodes with their number


def families(statement: Statement, pool: Pool, facts: Facts) -> list[Family]:
    """Return the groups of candidates to plan one after the other: narrow, wider, partial and others, covering."""
    narrow: list[Family] = [{}, {}]
    wide: Family = {}
    other: Family = {}
    covering: Family = {}
    for one in occurrences(statement, facts):
        if facts.indexable(one.relation) is not None:
            continue
        for candidate in _of_occurrence(one, facts):
            if not _served(candidate, facts):
                (covering if candidate.include else narrow[len(candidate.columns) - 1]).setdefault(candidate)
    for candidate in pool.by_statement.get(statement.key, ()):
        if candidate.include:
            covering.setdefault(candidate)
        elif candidate.access_method != "btree" or candidate.predicate is not None:
            other.setdefault(candidate)
        elif len(candidate.columns) > 2:
            wide.setdefault(candidate)
        else:
            narrow[len(candidate.columns) - 1].setdefault(candidate)
    pairs = narrow[0] | narrow[1]
    special = list(other)
    found = [narrow[0], pairs]
    if wide:
        found.append(pairs | wide)
    found += [dict.fromkeys(special[i : i + _PARTIAL_AT_ONCE]) for i in range(0, len(special), _PARTIAL_AT_ONCE)]
    if covering and facts.options.covering:
        found.append(covering)
    return [family for family in found if family]


def _of_occurrence(one: Occurrence, facts: Facts) -> Iterator[Candidate]:
    searched = [name for name in _searched(one) if sortable(IndexColumn(column=name), one, facts)]
    read = [name for name in one.output if sortable(IndexColumn(column=name), one, facts)]
    columns = list(dict.fromkeys((*searched, *read)))[:_READ]
    for width in range(1, min(2, facts.options.max_width) + 1):
        for keys in permutations(columns, width):
            yield _btree(one, keys)
    most, room = _INCLUDED
    if not facts.options.covering or facts.visible_share(one.relation) < 0.5:
        return
    for width in range(1, min(2, facts.options.max_width) + 1):
        for keys in permutations(searched[:_SEARCHED], width):
            include = tuple(name for name in one.output if name not in keys)
            if include and len(include) <= most and sum(facts.width(one.relation, n) for n in include) <= room:
                yield _btree(one, keys, include)


def _searched(one: Occurrence) -> list[str]:
    """Return the columns that conditions, joins, sorts and groups name, in that order."""
    keys = [*one.equal, *one.lists, *one.ranges, *one.joins]
    keys += [key for order in (*one.orders, *one.groups) for key in order]
    return list(dict.fromkeys(key.use.columns[0] for key in keys if key.use.expression is None and key.use.columns))


def _btree(one: Occurrence, keys: Sequence[str], include: tuple[str, ...] = ()) -> Candidate:
    columns = tuple(IndexColumn(column=name) for name in keys)
    return Candidate(table=one.relation, access_method="btree", columns=columns, include=include)


def _served(candidate: Candidate, facts: Facts) -> bool:
    existing = facts.indexes(candidate.table)
    return served_by(candidate, existing) is not None or unique_within(candidate, existing) is not None
