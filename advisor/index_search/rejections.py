"""Why not: the indexes somebody might expect and the reasons they are not proposed."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.index_search.candidates.pattern import needs_trigrams
from advisor.index_search.candidates.served import is_prefix
from advisor.index_search.ddl import short_sql
from advisor.index_search.explain import cost_text
from advisor.index_search.occurrence import occurrences
from advisor.index_search.planner import Candidate
from advisor.index_search.proposals import Outcome, least_gain
from advisor.index_search.search import Item
from advisor.model.names import RelationName, quote_ident
from advisor.model.report import IndexRejection
from advisor.units import format_count, format_size

_MOST = 40
_PER_TABLE = 4


def rejections(outcome: Outcome) -> tuple[IndexRejection, ...]:
    """Return refused candidates with reasons, those a person is most likely to ask about first."""
    found: dict[str, IndexRejection] = {}
    tables: dict[str, int] = {}
    for candidate, reason in (
        *_hot(outcome),
        *_hints(outcome),
        *_refused(outcome),
        *_weighed(outcome),
    ):
        ddl = short_sql(candidate) if isinstance(candidate, Candidate) else candidate
        table = str(candidate.table) if isinstance(candidate, Candidate) else ddl
        if ddl in found or tables.get(table, 0) >= _PER_TABLE:
            continue
        tables[table] = tables.get(table, 0) + 1
        found[ddl] = IndexRejection(ddl=ddl, reason=reason)
        if len(found) >= _MOST:
            break
    return tuple(found.values())


Why = tuple[Candidate | str, str]


def _hot(outcome: Outcome) -> Iterator[Why]:
    for handle, reason in outcome.hot_refused.items():
        if handle not in outcome.chosen:
            yield outcome.problem.items[handle].candidate, reason


def _hints(outcome: Outcome) -> Iterator[Why]:
    """Conditions no ordinary index serves, with what would."""
    problem = outcome.problem
    facts = problem.facts
    installed = facts.extensions.get("pg_trgm")
    for known in problem.oracle.known.values():
        statement = known.statement
        for use in statement.uses:
            if (
                use.role == "output"
                and use.operator == "= ANY"
                and facts.is_array(use.relation, use.columns[0])
                and facts.indexable(use.relation) is None
            ):
                column = quote_ident(use.columns[0])
                yield (
                    f"CREATE INDEX ON {use.relation} USING gin ({column})",
                    f"value = ANY({column}) cannot use an index; write {column} @> ARRAY[value] and a GIN index "
                    "serves it",
                )
        if installed:
            continue
        for one in occurrences(statement, facts):
            if facts.indexable(one.relation) is not None:
                continue
            for key in needs_trigrams(one, facts):
                column = key.use.expression or quote_ident(key.use.columns[0])
                yield (
                    f"CREATE INDEX ON {one.relation} USING gin ({column} gin_trgm_ops)",
                    "a search inside the text needs trigrams: "
                    + (
                        "run CREATE EXTENSION pg_trgm, then ask again"
                        if installed is False
                        else "the extension pg_trgm is not available on this server"
                    ),
                )


def _refused(outcome: Outcome) -> Iterator[Why]:
    """Single keys first: they are what people propose by themselves."""
    tiny: set[RelationName] = set()
    refused = sorted(outcome.pool.refused.items(), key=lambda pair: (len(pair[0].columns), bool(pair[0].include)))
    for candidate, reason in refused:
        if outcome.problem.facts.indexable(candidate.table) is not None:
            if candidate.table in tiny:
                continue  # said once per table
            tiny.add(candidate.table)
        index = outcome.pool.existing.get(candidate)
        if index is not None and index.constraint is not None:
            continue  # nobody expects a second index on a primary key
        if candidate.predicate is None and not candidate.include and len(candidate.columns) <= 2:
            yield candidate, reason


def _weighed(outcome: Outcome) -> Iterator[Why]:
    """Candidates that were planned and lost, with the numbers."""
    problem = outcome.problem
    taken = [problem.items[handle] for handle in outcome.chosen]
    least = least_gain(problem)
    for handle in outcome.too_little:
        yield (
            problem.items[handle].candidate,
            f"nobody would notice: the statements it serves would gain less than {least:.1%}, or are fast already and "
            "weigh little in the workload",
        )
    losers = [
        item
        for handle, item in problem.items.items()
        if handle not in outcome.chosen
        and handle not in outcome.hot_refused
        and handle not in outcome.too_little
        and item.candidate.predicate is None
        and not item.candidate.include
        and len(item.candidate.columns) == 1
    ]
    for item in losers:
        winner = next((one for one in taken if _serves(one, item)), None)
        if winner is not None:
            yield item.candidate, f"the proposed index on ({_keys(winner)}) serves the same searches"
            continue
        yield item.candidate, _numbers(outcome, item)


def _serves(winner: Item, loser: Item) -> bool:
    same = winner.candidate.table == loser.candidate.table and winner.candidate.predicate is None
    return same and is_prefix(loser.candidate.columns, winner.candidate.columns)


def _keys(item: Item) -> str:
    return ", ".join(column.key for column in item.candidate.columns)


def _numbers(outcome: Outcome, item: Item) -> str:
    problem = outcome.problem
    oracle = problem.oracle
    if not item.statements:
        if problem.cut_short:
            return "the time limit ended the search before it was tried"
        return "no statement of the workload would use it: the planner finds another way cheaper"
    with_it = outcome.chosen | {item.handle}
    gain = now = 0.0
    for key in item.statements:
        current = oracle.cost(key, outcome.chosen)
        now += problem.weights[key] * current
        gain += problem.weights[key] * max(0.0, current - oracle.cost(key, with_it))
    if gain <= 0.01 * now:
        return "beside the indexes chosen it changes nothing for any statement"
    relation = item.candidate.table
    writes = problem.upkeep(with_it, relation) - problem.upkeep(outcome.chosen, relation)
    if writes > gain:
        return (
            f"its upkeep costs {cost_text(writes)} in the window (planner units), more than the {cost_text(gain)} "
            "that reads would win"
        )
    if not problem.allowed(with_it):
        return f"over the limit: it would win {cost_text(gain)} and take {format_size(item.size_bytes)}"
    return (
        f"it would win {format_count(gain)} planner units in the window, {gain / now:.0%} of what its statements cost: "
        f"too little for {format_size(item.size_bytes)} and its upkeep"
    )
