"""Columns that belong together, and the extended statistics that tell the planner so.

The planner multiplies the shares of conditions: of the rows of one city, it expects only a few with that city's postal
code. The counters know better: where a statement returns several times more rows a call than the planner expects for
any of its values, and compares two or more columns of one table for equality, those columns are correlated. Measured
plans in a log (auto_explain) say the same of single scans, also below joins and sums.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from advisor.index_search.occurrence import occurrences
from advisor.index_search.planner import Plan, Planner
from advisor.index_search.search import Problem
from advisor.model.excerpt import excerpt
from advisor.model.names import RelationName, quote_ident
from advisor.model.workload import Statement
from advisor.workload.redact import without_literals

_TIMES = 5.0  # more rows than expected
_ROWS = 20.0  # a call, at least: a few rows more change no plan
_CALLS = 5
_DISTINCT = 0.5  # of the rows: a column with more values than that identifies a row by itself
_MOST_COLUMNS = 4
_MOST = 5
_QUERY = 90
_MAX_NAME = 63
_STATISTICS_TARGET = 100  # combinations a list holds, by default
_HIDDEN = frozenset({"Aggregate", "Group", "Limit", "WindowAgg", "Unique"})


@dataclass(frozen=True, slots=True)
class Correlated:
    """Columns of one table that statements compare together, and how far the planner is off."""

    relation: RelationName
    columns: tuple[str, ...]
    statement: Statement | None  # None: a scan that a log shows
    kinds: str  # of statistics
    expected: float  # rows a call, or a scan
    observed: float


def statistics_notes(problem: Problem, planner: Planner) -> tuple[str, ...]:
    """Return a sentence with DDL and undo for each group of columns, the furthest off first."""
    found: dict[tuple[RelationName, frozenset[str]], Correlated] = {}
    for one in (*_suspects(problem, planner), *_seen_in_logs(problem)):
        key = (one.relation, frozenset(one.columns))
        if key not in found or one.observed / one.expected > found[key].observed / found[key].expected:
            found[key] = one
    worst = sorted(found.values(), key=lambda one: -one.observed / one.expected)[:_MOST]
    return tuple(_sentence(one) for one in worst)


def _suspects(problem: Problem, planner: Planner) -> Iterator[Correlated]:
    asked: list[tuple[Statement, RelationName, tuple[str, ...]]] = []
    for known in problem.oracle.known.values():
        statement = known.statement
        if known.failed is not None or statement.rows is None or statement.calls < _CALLS:
            continue
        if statement.rows < _ROWS * statement.calls or statement.kind == "insert" or len(statement.relations) != 1:
            continue
        for one in occurrences(statement, problem.facts):
            columns = tuple(
                sorted({key.use.columns[0] for key in one.equal if key.use.expression is None})[:_MOST_COLUMNS]
            )
            if len(columns) > 1 and _worth(problem, one.relation, columns):
                asked.append((statement, one.relation, columns))
                break
    requests = [(statement, binding) for statement, _, _ in asked for binding in statement.bindings]
    answers = iter(planner.plan_many(requests)) if requests else iter(())
    for statement, relation, columns in asked:
        plans = [next(answers) for _ in statement.bindings]
        expected = max((_rows(plan) for plan in plans if isinstance(plan, Plan)), default=0.0)
        observed = (statement.rows or 0.0) / statement.calls
        if expected > 0 and observed >= _TIMES * expected:
            yield Correlated(relation, columns, statement, _kinds(problem, relation, columns), expected, observed)


def _seen_in_logs(problem: Problem) -> Iterator[Correlated]:
    """Yield what measured plans of auto_explain show, where the table is known by its name alone."""
    by_name: dict[str, list[RelationName]] = defaultdict(list)
    for table in problem.facts.catalog.tables:
        by_name[table.name].append(table)
        by_name[f"{table.schema}.{table.name}"].append(table)
    for scan in problem.facts.snapshot.scan_rows:
        relations = by_name.get(scan.relation, ())
        if len(relations) != 1 or not set(scan.columns) <= problem.facts.catalog.columns.get(relations[0], {}).keys():
            continue
        columns = scan.columns[:_MOST_COLUMNS]
        if _worth(problem, relations[0], columns):
            kinds = _kinds(problem, relations[0], columns)
            yield Correlated(relations[0], columns, None, kinds, scan.expected, scan.found)


def _worth(problem: Problem, relation: RelationName, columns: Sequence[str]) -> bool:
    """Return whether statistics on the columns could say something new."""
    facts = problem.facts
    if any(row.table == relation and set(columns) <= set(row.columns) for row in facts.snapshot.extended_statistics):
        return False
    rows = facts.rows(relation)
    return rows > 0 and all(facts.distinct(relation, (name,)) <= _DISTINCT * rows for name in columns)


def _kinds(problem: Problem, relation: RelationName, columns: Sequence[str]) -> str:
    """Return the kinds of statistics to create.

    A list of the most common combinations that does not hold all of them answers for the others too, as if they were
    independent; dependencies do not help them then.
    """
    few = all(problem.facts.distinct(relation, (name,)) <= _STATISTICS_TARGET for name in columns)
    return "dependencies, mcv" if few else "dependencies"


def _rows(plan: Plan) -> float:
    """Return the rows a call is expected to return; 0 where an aggregate or LIMIT hides what is found."""
    node = plan.tree
    if node.get("Node Type") == "ModifyTable":
        node = (node.get("Plans") or [{}])[0]
    waiting = [node]
    while waiting:
        each = waiting.pop()
        if each.get("Node Type") in _HIDDEN:
            return 0.0
        waiting.extend(each.get("Plans", ()))
    return float(node.get("Plan Rows", 0))


def _sentence(one: Correlated) -> str:
    name = f"{one.relation.name}_{'_'.join(one.columns)}_stat"[:_MAX_NAME]
    target = RelationName(one.relation.schema, name)
    columns = ", ".join(map(quote_ident, one.columns))
    if one.statement is None:
        seen = (
            f"A scan of {one.relation.display()} in the log found {one.observed:,.0f} rows where the planner expected"
        )
        seen += f" {one.expected:,.0f}"
    else:
        seen = f"'{excerpt(without_literals(one.statement.original), _QUERY)}' returns {one.observed:,.0f} rows a call"
        seen += f" where the planner expects {one.expected:,.0f} at most"
    return (
        f"{seen}: {' and '.join(one.columns)} belong together. Tell it: "
        f"CREATE STATISTICS {target} ({one.kinds}) ON {columns} FROM {one.relation}; ANALYZE {one.relation}; "
        f"(undo: DROP STATISTICS {target}). It costs part of a second of each ANALYZE."
    )
