"""The last touches to a chosen set, as an administrator would make them; none may cost a statement anything visible.

The search goes by the planner's averages. People also refuse an INCLUDE list or a trailing column that saves next to
nothing, a BRIN index beside a B-tree on the same column, and they add the sort column of "the latest 20 of a user":
the average user has few rows to sort, but some have a hundred thousand.
"""

from __future__ import annotations

from dataclasses import replace

from advisor.index_search.candidates import Pool
from advisor.index_search.candidates.btree import sort_columns
from advisor.index_search.candidates.served import same_key
from advisor.index_search.occurrence import occurrences
from advisor.index_search.planner import Candidate, Planner
from advisor.index_search.prepare import offer
from advisor.index_search.search import Chosen, Item, Problem
from advisor.index_search.write_cost import breaks_hot
from advisor.model.catalog import IndexColumn
from advisor.model.workload import Statement

_BOLD_COLUMNS = 2  # more included columns than these,
_BOLD_SIZE = 2.0  # or an index this many times larger than without its last ones, must win
_BOLD_GAIN = 0.1  # this share of what its statements cost without any new index
_MODEST_GAIN = 0.02  # and any INCLUDE list this
_TRAILING_GAIN = 0.01  # and a last key column that nobody searches by, or only sorts all he found by, this
_EACH = 0.5  # of its present cost: more no single statement may lose
_TWICE = 2.0
_MANY_ROWS = 50  # of one value: worth not sorting for a LIMIT
_SORTED_SIZE = 0.7  # of the table: as large may an index with its sort columns become, or twice what it was
_NO_DEARER = 1.1
_HARDLY_DEARER = 0.02  # of the present cost: one page more to go down
_OBVIOUS = 0.05  # of its cost a statement keeps with an index nobody would argue about,
_OBVIOUS_SHARE = 0.001  # where it wins at least this share of the workload,
_OBVIOUS_SIZE = 0.5  # is at most this share of the table's size,
_OBVIOUS_CALLS = 10  # is asked at least this often,
_OBVIOUS_WRITES = 0.1  # and pays for its writes ten times over


def refined(problem: Problem, planner: Planner, pool: Pool, chosen: Chosen) -> Chosen:
    """Return the set without what hardly shows, and with the sort columns that skewed values need."""
    chosen = _obvious(problem, _one_per_column(problem, chosen))
    for handle in sorted(chosen):
        if problem.late():
            break
        handle_now, chosen = _modest(problem, planner, pool, chosen, handle)
        chosen = _sorted_too(problem, planner, pool, chosen, handle_now)
    return chosen


def _obvious(problem: Problem, chosen: Chosen) -> Chosen:
    """Add plain B-trees that make a lookup twenty times cheaper, however much the reports beside it cost.

    The search's price of an index is a share of all that its table's statements cost; a lookup by e-mail address never
    pays that beside a yearly report.
    """
    known, cost = problem.oracle.known, problem.oracle.cost
    total = sum(problem.weights[key] * one.base for key, one in known.items())
    table_bytes = {relation: problem.facts.pages(relation) * 8192 for relation in problem.by_table()}
    for handle, item in sorted(problem.items.items(), key=lambda pair: (len(pair[1].candidate.columns), pair[0])):
        candidate = item.candidate
        plain = candidate.access_method == "btree" and not candidate.include and candidate.predicate is None
        if not plain or handle in chosen or handle in problem.forbidden or problem.late():
            continue
        if item.beside_existing or item.size_bytes > _OBVIOUS_SIZE * table_bytes[candidate.table]:
            continue
        if _by_brin(problem, chosen, candidate):
            continue
        more = chosen | {handle}
        gain = sum(
            problem.weights[key] * (cost(key, chosen) - cost(key, more))
            for key in item.statements
            if problem.weights[key] >= _OBVIOUS_CALLS and cost(key, more) <= _OBVIOUS * cost(key, chosen)
        )
        # An index in the order of a LIMIT is taken for statements whose few rows lie at the far end of it, too.
        gain -= sum(problem.weights[key] * max(0.0, cost(key, more) - cost(key, chosen)) for key in item.statements)
        writes = problem.upkeep(more, candidate.table) - problem.upkeep(chosen, candidate.table)
        if gain >= _OBVIOUS_SHARE * total and writes <= _OBVIOUS_WRITES * gain and problem.allowed(more):
            chosen = more
    return chosen


def _by_brin(problem: Problem, chosen: Chosen, candidate: Candidate) -> bool:
    """Return whether a BRIN index was chosen for the column a B-tree begins with: better than its costs say."""
    return any(
        theirs.table == candidate.table
        and theirs.access_method == "brin"
        and same_key(theirs.columns[0], candidate.columns[0])
        for theirs in (problem.items[handle].candidate for handle in chosen & problem.by_table()[candidate.table])
    )


def _one_per_column(problem: Problem, chosen: Chosen) -> Chosen:
    """Drop BRIN indexes on a column that a chosen B-tree begins with."""
    costs = problem.oracle.cost
    btrees = [
        problem.items[handle].candidate for handle in chosen if problem.items[handle].candidate.access_method == "btree"
    ]
    for handle in sorted(chosen):
        mine = problem.items[handle].candidate
        beside = any(
            theirs.table == mine.table and theirs.predicate is None and same_key(theirs.columns[0], mine.columns[0])
            for theirs in btrees
        )
        if mine.access_method != "brin" or not beside:
            continue
        without = chosen - {handle}
        if all(costs(key, without) <= _TWICE * costs(key, chosen) for key in problem.items[handle].statements):
            chosen -= {handle}
    return chosen


def _modest(problem: Problem, planner: Planner, pool: Pool, chosen: Chosen, handle: str) -> tuple[str, Chosen]:
    """Return the index (and the set) without included columns and last key columns that save next to nothing."""
    item = problem.items[handle]
    if item.candidate.access_method != "btree":
        return handle, chosen
    plain = replace(item.candidate, include=())
    if item.candidate.include:
        for smaller in (plain, *(_without(item.candidate, name) for name in item.candidate.include)):
            handle, chosen = _exchanged(problem, planner, pool, chosen, handle, smaller)
            if problem.items[handle].candidate.include == ():
                break
    while len((candidate := problem.items[handle].candidate).columns) > 1:
        last = candidate.columns[-1]
        if candidate.include or any(_asked(problem, key, candidate, last) for key in problem.items[handle].statements):
            break
        shorter = replace(candidate, columns=candidate.columns[:-1])
        if shorter in pool.refused:  # a flag alone
            break
        before = handle
        handle, chosen = _exchanged(problem, planner, pool, chosen, handle, shorter)
        if handle == before:
            break
    return handle, chosen


def _without(candidate: Candidate, name: str) -> Candidate:
    return replace(candidate, include=tuple(other for other in candidate.include if other != name))


def _exchanged(
    problem: Problem, planner: Planner, pool: Pool, chosen: Chosen, handle: str, smaller: Candidate
) -> tuple[str, Chosen]:
    """Return the smaller index in place of the larger where every statement bears it."""
    larger = problem.items[handle]
    other = offer(problem, planner, pool, {smaller: (handle,)}).get(smaller)
    if other is None or other in chosen or other in problem.forbidden:
        return handle, chosen
    bold = larger.size_bytes > _BOLD_SIZE * problem.items[other].size_bytes
    if (
        bold
        or len(larger.candidate.include) > _BOLD_COLUMNS
        or (larger.candidate.include and _more_hot_lost(problem, larger.candidate, smaller))
    ):
        tolerance = _BOLD_GAIN
    else:
        tolerance = _MODEST_GAIN if larger.candidate.include else _TRAILING_GAIN
    exchanged = (chosen - {handle}) | {other}
    if _bearable(problem, chosen, exchanged, (handle, other), tolerance):
        return other, exchanged
    return handle, chosen


def _bearable(problem: Problem, chosen: Chosen, other: Chosen, handles: tuple[str, str], tolerance: float) -> bool:
    """Return whether the statements lose at most a share of their present cost, and each less than half of its own."""
    lost = present = 0.0
    for key in dict.fromkeys(key for handle in handles for key in problem.items[handle].statements):
        now, then = problem.oracle.cost(key, chosen), problem.oracle.cost(key, other)
        base = problem.oracle.known[key].base
        if then - now > _EACH * base:
            return False
        if now < base or then != now:
            lost += problem.weights[key] * (then - now)
            present += problem.weights[key] * base
    return lost <= tolerance * present


def _asked(problem: Problem, key: str, candidate: Candidate, column: IndexColumn) -> bool:
    """Return whether a statement searches the table by a column, or stops early in its order.

    Sorting all that was found costs what the planner says, for frequent values too.
    """
    statement = problem.oracle.known[key].statement
    roles = ["equality", "in", "range", "group", "distinct", "like"]
    roles += ["order"] if statement.has_limit else []
    return any(
        use.relation == candidate.table
        and use.role in roles
        and (use.expression or (use.columns and use.columns[0])) == column.key
        for use in statement.uses
    )


def _sorted_too(problem: Problem, planner: Planner, pool: Pool, chosen: Chosen, handle: str) -> Chosen:
    """Return the set with the index extended by the sort columns of the weightiest statement that stops early."""
    item = problem.items[handle]
    candidate = item.candidate
    if candidate.access_method != "btree":
        return chosen
    known = problem.oracle.known
    users = [
        key
        for key in item.statements
        if known[key].statement.has_limit
        and problem.oracle.cost(key, chosen) < problem.oracle.cost(key, chosen - {handle})
    ]
    for key in sorted(users, key=lambda k: -problem.weights[k] * known[k].base):
        columns = _with_order(problem, known[key].statement, candidate)
        if columns is None:
            continue
        held = {column.column for column in columns}
        longer = replace(
            candidate, columns=columns, include=tuple(name for name in candidate.include if name not in held)
        )
        other = offer(problem, planner, pool, {longer: (handle,)}).get(longer)
        if other is None or other in chosen or other in problem.forbidden:
            continue
        exchanged = (chosen - {handle}) | {other}
        if _affordable(problem, item, problem.items[other]) and problem.allowed(exchanged):
            cost = problem.oracle.cost
            if all(
                cost(k, exchanged)
                <= max(_NO_DEARER * cost(k, chosen), cost(k, chosen) + _HARDLY_DEARER * known[k].base)
                for k in item.statements
            ):
                return exchanged
    return chosen


def _with_order(problem: Problem, statement: Statement, candidate: Candidate) -> tuple[IndexColumn, ...] | None:
    """Return the index's columns and the statement's sort columns; None where equality does not hold the former.

    Only for values that many rows have: the few rows of others are sorted in no time.
    """
    facts = problem.facts
    for one in occurrences(statement, facts):
        if one.relation != candidate.table or not one.orders or not any(k.use.position for k in one.orders[0]):
            continue
        equal = {key.name for key in one.equal}
        if not all(column.key in equal for column in candidate.columns):
            continue
        held = {column.key for column in candidate.columns}
        order = [column for column in sort_columns(one.orders[0]) if column.key not in equal | held]
        columns = (*candidate.columns, *order)
        if order and len(columns) <= facts.options.max_width and _most_rows(problem, candidate) >= _MANY_ROWS:
            return columns
    return None


def _most_rows(problem: Problem, candidate: Candidate) -> float:
    """Return how many rows the most frequent combination of the key's values may have."""
    facts = problem.facts
    rows = facts.rows(candidate.table)
    share = 1.0
    for column in candidate.columns:
        statistics = facts.statistics(candidate.table, column.column) if column.column is not None else None
        if statistics is None:
            continue
        distinct = facts.distinct(candidate.table, (statistics.column,))
        share = min(share, max((*(statistics.most_common_freqs or ()), 1 / max(1.0, distinct))))
    return share * rows


def _affordable(problem: Problem, item: Item, longer: Item) -> bool:
    """Return whether the longer index stays small and ends no HOT updates that the shorter one lets be."""
    table_bytes = problem.facts.pages(item.candidate.table) * 8192
    small = longer.size_bytes <= max(_TWICE * item.size_bytes, _SORTED_SIZE * table_bytes)
    return small and not _more_hot_lost(problem, longer.candidate, item.candidate)


def _more_hot_lost(problem: Problem, larger: Candidate, smaller: Candidate) -> bool:
    """Return whether updates that keep HOT beside the smaller index lose it by the larger."""
    updates = problem.writes.updates.get(larger.table, ())
    return any(
        update.calls > 0
        and breaks_hot(larger, update, problem.facts)
        and not breaks_hot(smaller, update, problem.facts)
        for update in updates
    )
