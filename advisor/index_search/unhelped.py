"""Statements that cost much and that no index makes cheaper, with what would: said once each, the dearest first."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from advisor.index_search.facts import Facts
from advisor.index_search.oracle import Known
from advisor.index_search.planner import Plan, Planner
from advisor.index_search.search import Chosen, Problem
from advisor.model.excerpt import excerpt
from advisor.model.workload import Binding, Statement
from advisor.workload.redact import without_literals

_HARDLY = 0.8  # of its present cost: what a statement that counts as not helped costs at least
_SHARE = 0.03  # of what the workload will cost
_MOST = 5
_MUCH = 0.1  # of the table's rows
_MOST_KEPT = 0.5  # of the rows that an index found: a filter that keeps so many is not what makes a plan dear
_HIDDEN_KEY = re.compile(r"->>?\s*\$\d")
_QUERY = 90  # characters
_OFFSET = re.compile(r"\boffset\b", re.IGNORECASE)
_FEW_VALUES = 10
# A function of something; casts and now() leave a condition on the plain column what it is.
_WRAPPED = re.compile(r"[\w\"]\(")
# A hidden first argument: the field of EXTRACT, the unit of date_trunc.
_HIDDEN = re.compile(r"[\w\"]\(\s*\$\d+\s*,")
_PLAIN = re.compile(r"::[\w .\"]+(?:\(\d+(?:,\d+)?\))?|\w+\(\)")
_GROUPS = frozenset({"Aggregate", "WindowAgg", "Group"})
_SCANS = frozenset({"Seq Scan", "Index Scan", "Index Only Scan", "Bitmap Heap Scan"})


def unhelped_notes(problem: Problem, planner: Planner, chosen: Chosen) -> tuple[str, ...]:
    """Return a sentence for each of the dearest statements that stay as dear as they are, helped or not worth it."""
    known, cost = problem.oracle.known, problem.oracle.cost
    after = {key: problem.weights[key] * cost(key, chosen) for key, one in known.items() if one.failed is None}
    total = sum(after.values()) or 1.0
    found = [
        key
        for key in sorted(after, key=lambda k: -after[k])
        if after[key] >= _SHARE * total
        and cost(key, chosen) >= _HARDLY * known[key].base
        and known[key].statement.kind != "insert"
    ][:_MOST]
    notes = [*_paged(problem)]
    if not found or problem.late() or problem.cut_short:
        return tuple(notes)
    first = [(known[key].statement, _main_binding(known[key].statement)) for key in found]
    for key, answer in zip(found, planner.plan_many(first, on=chosen), strict=True):
        text = excerpt(without_literals(known[key].statement.original), _QUERY)
        which = f"'{text}' ({after[key] / total:.0%} of the cost that is left)"
        if known[key].best < _HARDLY * known[key].base:
            notes.append(f"No index is proposed for {which}: {_unpaid(problem, known[key])}")
        elif isinstance(answer, Plan):
            notes.append(f"No index helps {which}: {_why(known[key].statement, answer.tree, problem.facts)}")
    return tuple(notes)


def _unpaid(problem: Problem, known: Known) -> str:
    """Return why a statement that an index would help goes without."""
    would = f"one would make it {known.base / max(known.best, 0.01):,.1f} times cheaper"
    if problem.forbidden & known.relevant:
        return f"{would}, and was refused for what it does to writes."
    if problem.budget_bytes is not None or problem.max_indexes is not None:
        return f"{would}; the limits given are spent on what saves more."
    calls = known.statement.calls
    often = f"{calls:,.0f} call{'s' if calls != 1 else ''}"
    return f"{would}, which {often} in the window {'do' if calls != 1 else 'does'} not pay its space and upkeep with."


def _paged(problem: Problem) -> Iterator[str]:
    """Yield a note for each statement that takes much of the time and skips rows by OFFSET.

    How many it skips no plan shows: the counters have no values, and the first page is what is planned.
    """
    statements = [one.statement for one in problem.oracle.known.values()]
    total = sum(statement.total_exec_time or 0.0 for statement in statements)
    for statement in sorted(statements, key=lambda one: -(one.total_exec_time or 0.0)):
        spent = statement.total_exec_time or 0.0
        if not total or spent < _SHARE * total:
            break
        if statement.has_limit and _OFFSET.search(statement.text):
            text = excerpt(without_literals(statement.original), _QUERY)
            yield (
                f"No index helps the later pages of '{text}' ({spent / total:.0%} of the time): OFFSET reads every row "
                "it skips; ask for what follows the last row shown (WHERE (sort columns) > (last values) ... LIMIT n), "
                "which an index on the sort columns serves."
            )


def _main_binding(statement: Statement) -> Binding:
    return max(statement.bindings, key=lambda one: one.weight, default=Binding(values=(), weight=1.0))


def _why(statement: Statement, tree: dict[str, Any], facts: Facts) -> str:
    """Return what makes the plan dear and what would help."""
    limit = next((node for node in _nodes(tree) if node.get("Node Type") == "Limit"), None)
    scan = max((n for n in _nodes(tree) if n.get("Node Type") in _SCANS), key=_own_cost, default=None)
    if scan is None:
        return "its cost is not in reading tables."
    table = str(scan.get("Relation Name"))
    rows = float(scan.get("Plan Rows", 0))
    share = rows / max(1.0, facts.rows_by_name.get(table, rows))
    if share < _MUCH and ("Filter" not in scan or _kept(scan) >= _MOST_KEPT):
        return (
            f"an index of {table} already finds the rows it needs ({_count(rows)} at a time); "
            "fewer calls or fewer rows would help."
        )
    grouped = any(node.get("Node Type") in _GROUPS for node in _nodes(tree))
    if share >= _MUCH or "Filter" not in scan:
        amount = "all rows" if share > 0.99 else f"about {share:.0%} of the rows"
        if grouped:
            return (
                f"it sums up {amount} of {table}; a summary that is kept up to date (a materialized view, a table of "
                "daily totals) or fewer rows to keep (retention, partitions by time) would help."
            )
        if statement.kind == "select" and limit is None:
            return f"it asks for {amount} of {table}; a LIMIT, pages, or fewer columns would help."
        if statement.kind == "select":
            return (
                f"it looks through {amount} of {table} for the few it shows; a narrower condition, or an order that "
                "an index can follow, would help."
            )
        return f"it works on {amount} of {table}; smaller batches or partitions (dropped, not deleted) would help."
    if _WRAPPED.search(_PLAIN.sub("", str(scan.get("Filter")))):
        if _HIDDEN.search(statement.text):
            return (
                f"its condition on {table} wraps columns in functions, and pg_stat_statements hides one of their "
                "arguments, which an index on the expression must know: a log or a file of statements shows it "
                "(--log, --workload)."
            )
        return (
            f"its condition on {table} wraps columns in functions or operators that no index can serve as it is "
            "written; a condition on the plain column (a range instead of a function) could be served."
        )
    if _HIDDEN_KEY.search(statement.text) and "->" in str(scan.get("Filter")):
        return (
            f"pg_stat_statements hides which key of the documents in {table} it compares, which an index on it must "
            "know: a log or a file of statements shows it (--log, --workload)."
        )
    if _asks_for_a_state(statement, facts):
        return (
            f"pg_stat_statements hides which values it asks {table} for; if they are always the same few, a partial "
            "index could hold those rows alone: a log or a file of statements shows the values "
            "(--log, --workload)."
        )
    return f"no index on {table} makes its condition cheaper by the planner's arithmetic; EXPLAIN shows its plan."


def _kept(scan: dict[str, Any]) -> float:
    """Return which part of the rows that a bitmap of indexes found a filter keeps; 0 where no plan shows it."""
    found = [float(child.get("Plan Rows", 0)) for child in scan.get("Plans", ())]
    return float(scan.get("Plan Rows", 0)) / max(found[0], 1.0) if len(found) == 1 else 0.0


def _asks_for_a_state(statement: Statement, facts: Facts) -> bool:
    """Return whether a column of few values is compared with a value that nobody recorded."""
    recorded = {number for number, _, _ in statement.repeated}
    return any(
        use.role in ("equality", "in")
        and use.expression is None
        and use.parameter is not None
        and use.parameter not in recorded
        and facts.distinct(use.relation, use.columns) <= _FEW_VALUES
        for use in statement.uses
    )


def _count(rows: float) -> str:
    return "1 row" if rows < 1.5 else f"about {rows:,.0f} rows"


def _own_cost(node: dict[str, Any]) -> float:
    return float(node.get("Total Cost", 0)) - sum(float(child.get("Total Cost", 0)) for child in node.get("Plans", ()))


def _nodes(tree: dict[str, Any]) -> Iterator[dict[str, Any]]:
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(node.get("Plans", ()))
