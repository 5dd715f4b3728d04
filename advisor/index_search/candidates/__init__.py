"""Candidates: from the uses of every statement to the indexes worth asking the planner about."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from advisor.index_search.candidates.brin import PAGES_PER_RANGE, brin_keys
from advisor.index_search.candidates.btree import FEW_VALUES, Columns, covering, key_lists
from advisor.index_search.candidates.gin import gin_keys
from advisor.index_search.candidates.gist import gist_keys
from advisor.index_search.candidates.partial import Predicate, predicates
from advisor.index_search.candidates.pattern import prefix_keys, trigram_keys
from advisor.index_search.candidates.served import served_by, unique_within
from advisor.index_search.facts import Facts
from advisor.index_search.occurrence import Occurrence, occurrences
from advisor.index_search.planner import Candidate
from advisor.model.catalog import Index, IndexColumn
from advisor.model.names import RelationName
from advisor.model.workload import Statement

_RARE = 0.1  # a column of few values is a key on its own only when rarer values than this are asked for
_FEW_TOGETHER = 25  # combinations of values of several such columns
_TELLING = 100  # different values of a column that is searched beside them
_MAX_PER_STATEMENT = 120
_MAX_IN_BUDGET = 240  # covering forms come last


@dataclass(slots=True)
class Pool:
    """All candidates with the statements they may serve, and what was refused on the way."""

    by_statement: dict[str, list[Candidate]] = field(default_factory=dict)  # statement key -> candidates
    shares: dict[Candidate, float] = field(default_factory=dict)  # of the rows that a partial one keeps
    literal: set[Candidate] = field(default_factory=set)  # predicate from recovered literals
    refused: dict[Candidate, str] = field(default_factory=dict)
    existing: dict[Candidate, Index] = field(default_factory=dict)  # refused because this index serves it
    conditions: dict[str, str] = field(default_factory=dict)  # of partial indexes, by their handles or names

    @property
    def all(self) -> list[Candidate]:
        return list(dict.fromkeys(candidate for found in self.by_statement.values() for candidate in found))


def collect_candidates(statements: Iterable[Statement], facts: Facts) -> Pool:
    """Return the candidates of all statements."""
    pool = Pool()
    statements = list(statements)
    updated = _updates_per_table(statements)
    most = _MAX_PER_STATEMENT if facts.options.budget_bytes is None else _MAX_IN_BUDGET
    for statement in statements:
        found: dict[Candidate, None] = {}
        for one in occurrences(statement, facts):
            why_not = facts.indexable(one.relation)
            for candidate in _of_occurrence(one, facts, pool):
                if why_not is not None:
                    pool.refused.setdefault(candidate, why_not)
                elif _acceptable(candidate, one, facts, pool, updated):
                    found.setdefault(candidate)
                if len(found) >= most:
                    break
        if found:
            pool.by_statement[statement.key] = list(found)
    return pool


def _of_occurrence(one: Occurrence, facts: Facts, pool: Pool) -> Iterator[Candidate]:
    relation = one.relation
    keys = list(dict.fromkeys(key_lists(one, facts)))
    for columns in keys:
        yield Candidate(table=relation, access_method="btree", columns=columns)
    for columns in prefix_keys(one, facts):
        yield Candidate(table=relation, access_method="btree", columns=columns)
    conditions = list(predicates(one, facts))
    for condition in conditions:
        for columns in _partial_keys(one, condition, facts):
            candidate = Candidate(table=relation, access_method="btree", columns=columns, predicate=condition.text)
            pool.shares.setdefault(candidate, condition.share)
            if condition.literal:
                pool.literal.add(candidate)
            yield candidate
    for columns in (*gin_keys(one, facts), *trigram_keys(one, facts)):
        yield Candidate(table=relation, access_method="gin", columns=columns)
    for columns in gist_keys(one, facts):
        yield Candidate(table=relation, access_method="gist", columns=columns)
    for columns in brin_keys(one, facts):
        yield Candidate(
            table=relation, access_method="brin", columns=columns, reloptions=(f"pages_per_range={PAGES_PER_RANGE}",)
        )
    for columns in keys:
        include = covering(columns, one, facts)
        if include:
            yield Candidate(table=relation, access_method="btree", columns=columns, include=include)


def _partial_keys(one: Occurrence, condition: Predicate, facts: Facts) -> list[Columns]:
    found = list(dict.fromkeys(key_lists(one, facts, without=condition.replaces)))[:25]
    if not found and condition.replaces:
        # Nothing else to sort by: the primary key makes the entries useful and keeps them narrow.
        primary = next((index for index in facts.indexes(one.relation) if index.is_primary), None)
        if primary is not None and primary.columns[0].column is not None:
            found = [(IndexColumn(column=primary.columns[0].column),)]
        else:
            held = [key.column() for key in one.equal if key.name in condition.replaces]
            found = [tuple(held[:1])] if held else []
    return found


def _updates_per_table(statements: Iterable[Statement]) -> Mapping[RelationName, float]:
    """Return the calls of UPDATE statements by table."""
    found: dict[RelationName, float] = defaultdict(float)
    for statement in statements:
        for relation in {use.relation for use in statement.uses if use.role == "set"}:
            found[relation] += statement.calls
    return found


def _acceptable(
    candidate: Candidate, one: Occurrence, facts: Facts, pool: Pool, updated: Mapping[RelationName, float]
) -> bool:
    """Return whether the candidate is worth a plan; say why not otherwise."""
    if candidate in pool.refused:
        return False
    index = served_by(candidate, facts.indexes(candidate.table))
    if index is not None:
        pool.refused[candidate] = f"the existing index {index.relation.display()} already serves it"
        pool.existing[candidate] = index
        return False
    unique = unique_within(candidate, facts.indexes(candidate.table))
    if unique is not None:
        pool.refused[candidate] = f"the unique index {unique.relation.display()} already finds the one row"
        pool.existing[candidate] = unique
        return False
    reason = _flag(candidate, one, facts, updated) or _few_together(candidate, one, facts)
    if reason is not None:
        pool.refused.setdefault(candidate, reason)
        return False
    return True


def _few_together(candidate: Candidate, one: Occurrence, facts: Facts) -> str | None:
    """Return why several columns of few values are no key without a column that tells more."""
    names = tuple(key.column for key in candidate.columns if key.column is not None)
    if candidate.access_method != "btree" or candidate.predicate is not None or len(names) < 2:
        return None
    points = {key.name for key in (*one.equal, *one.lists)}
    if len(names) < len(candidate.columns) or not points.issuperset(names):
        return None
    together = facts.distinct(candidate.table, names)
    if together > _FEW_TOGETHER:
        return None
    return (
        f"{' and '.join(names)} have only about {together:.0f} combinations of values: each of them stands for so many "
        "rows that most of the table's pages would be read"
    )


def _flag(candidate: Candidate, one: Occurrence, facts: Facts, updated: Mapping[RelationName, float]) -> str | None:
    """Return why a lone column with few values is no index key."""
    if candidate.access_method != "btree" or len(candidate.columns) > 1 or candidate.predicate is not None:
        return None
    name = candidate.columns[0].column
    if name is None or (candidate.include and facts.options.budget_bytes is not None):
        return None
    statistics = facts.statistics(candidate.table, name)
    column = facts.column(candidate.table, name)
    if statistics is None or column is None:
        return None
    distinct = facts.distinct(candidate.table, (name,))
    is_flag = column.base_type.name == "bool"
    if distinct > FEW_VALUES and not is_flag:
        return None
    asked = [
        share
        for key in (*one.equal, *one.lists)
        if key.use.columns == (name,) and (share := facts.asked_share(one.statement, one.relation, key.use)) is not None
    ]
    more_telling = any(
        use.relation == candidate.table
        and use.role in ("equality", "in", "join")
        and use.expression is None
        and facts.distinct(candidate.table, use.columns) >= _TELLING
        for use in one.statement.uses
    )
    heartbeat = updated.get(candidate.table, 0.0) > one.statement.calls
    if not is_flag and asked and max(asked) <= _RARE and not more_telling and not heartbeat:
        return None
    most = max(statistics.most_common_freqs or (0.0,))
    if statistics.null_frac > max(most, 0.5):
        known = f"{name} is NULL in {statistics.null_frac:.0%} of the rows"
    elif distinct <= 1:
        known = f"{name} has the same value in every row"
    else:
        values = "true or false" if is_flag else f"one of only {distinct:.0f} values"
        known = f"{name} is {values}, and the most common one is in {most:.0%} of the rows"
    return (
        f"{known}: an index on it alone would read much of the table for the common value; "
        "only a partial index on a rare one could pay"
    )
