"""A second opinion on LIMIT over an ordered scan with a filter.

The planner assumes that the rows a filter keeps are spread evenly, so that a LIMIT stops the scan early. Where the
matching rows are clustered at the far end, such a plan reads most of the table. An index is not proposed on that hope:
the part of the scan the LIMIT is expected to need counts up to five times.

What a search inside texts or an equality on a function's result keeps is a guess without statistics of it (0.5 % of
the rows, however many there are): there the scan counts in full, as it is for every word that does not occur.
It counts in full as well where the filter throws nearly everything away: "the oldest that is not shipped yet" lies at
the far end of the orders, not evenly among them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from advisor.index_search.planner import Plan
from advisor.index_search.widths import normalised

_FACTOR = 5.0
_RARE = 0.05  # share of the rows scanned that a filter keeps, below which nothing is left to luck
_VISITED_ROW = 0.0175  # least cost of one row of an index scan: two tuples of CPU time and an operator
_UNFILTERED_ROW = 2.0  # cost of a row no filter threw away: between a cached neighbour (0.02) and a random page (4)
_PAGE_EACH = 4.5  # cost of a row that lies on a page of its own
_PASS_THROUGH = frozenset({"Subquery Scan", "Result", "ProjectSet", "LockRows", "Append", "Merge Append", "Nested Loop",
                           "Gather Merge", "Gather", "Memoize", "Unique", "Group"})  # fmt: skip
# title ~~* '%word%', (lower(email)) = 'x'; a pattern with a fixed beginning is narrowed by >= in the index condition.
_GUESSED = re.compile(r" !?~~?\*? | @@ |\((?:\w+\.)?\w+\([^<>=]*\) = ")
_NARROWED = re.compile(r" ~?>=~? ")
_CAST = re.compile(r'::(?:character varying|[\w."]+)(?:\[\])?')
_SCANS = frozenset({"Index Scan", "Index Only Scan", "Seq Scan"})


def guarded_cost(
    plan: Plan, table_rows: Mapping[str, float] | None = None, conditions: Mapping[str, str] | None = None
) -> float:
    """Return the plan's total cost with the share of scans cut short by LIMIT counted five times.

    `table_rows` has the rows of tables by their name without schema, to tell how rare a filter's rows are;
    `conditions` the predicates of partial indexes, by what `plan.used` calls them.
    """
    limits = _limits(plan.tree)
    if not limits:
        return plan.total_cost
    met = frozenset(_uncast(conditions[index]) for index in plan.used if conditions and index in conditions)
    return plan.total_cost + sum(_extra(_without_met(node, met), table_rows or {}) for node in limits)


def _without_met(node: dict[str, Any], met: frozenset[str]) -> dict[str, Any]:
    """Return a plan without the filters that only say what a partial index holds anyway.

    A statement that locks rows looks at them once more, as they may have changed since they were found; nothing is
    thrown away there.
    """
    if not met:
        return node
    kept = {key: value for key, value in node.items() if key != "Filter" or _uncast(str(value)) not in met}
    if "Plans" in kept:
        kept["Plans"] = [_without_met(child, met) for child in kept["Plans"]]
    return kept


def _uncast(condition: str) -> str:
    return normalised(_CAST.sub("", condition))


def _limits(tree: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    pending = [tree]
    while pending:
        node = pending.pop()
        if node.get("Node Type") == "Limit":
            found.append(node)
        pending.extend(node.get("Plans", ()))
    return found


def _extra(limit: dict[str, Any], table_rows: Mapping[str, float]) -> float:
    """Return what to add for one Limit node."""
    children = limit.get("Plans") or ()
    if not children:
        return 0.0
    child = children[0]
    if not _filtered_stream(child):
        return 0.0
    rows = float(child.get("Plan Rows", 0) or 0)
    wanted = float(limit.get("Plan Rows", 0) or 0)
    run = float(child.get("Total Cost", 0)) - float(child.get("Startup Cost", 0))
    if rows <= wanted or rows <= 0:
        return 0.0
    fraction = wanted / rows
    # A filter that keeps nearly every row holds no surprise: then a returned row costs about one page at most.
    factor = max(1.0, min(_FACTOR, run / rows / _UNFILTERED_ROW))
    if _guessed(child) or _rare(child, table_rows):
        factor = 1 / fraction
    return (min(1.0, factor * fraction) - fraction) * run


def _rare(node: dict[str, Any], table_rows: Mapping[str, float], depth: int = 0) -> bool:
    """Return whether a filter of the stream keeps very few of the rows its scan visits."""
    if node.get("Node Type") in _SCANS:
        table = table_rows.get(str(node.get("Relation Name")))
        if "Filter" not in node or table is None:
            return False
        run = float(node.get("Total Cost", 0)) - float(node.get("Startup Cost", 0))
        if " = " in str(node.get("Index Cond", "")) and run <= _PAGE_EACH * float(node.get("Plan Rows", 0)):
            return False  # the index finds them by a value; they lie far apart, but few are thrown away
        visited = min(table, run / _VISITED_ROW)
        return float(node.get("Plan Rows", 0)) < _RARE * visited
    return depth <= 20 and any(
        _rare(child, table_rows, depth + 1)
        for child in node.get("Plans", ())
        if child.get("Parent Relationship") in (None, "Outer", "Member", "Subquery")
    )


def _guessed(node: dict[str, Any], depth: int = 0) -> bool:
    """Return whether a filter of the stream keeps nobody knows how many rows."""
    if _GUESSED.search(str(node.get("Filter", ""))) and not _NARROWED.search(str(node.get("Index Cond", ""))):
        return True
    return depth <= 20 and any(
        _guessed(child, depth + 1)
        for child in node.get("Plans", ())
        if child.get("Parent Relationship") in (None, "Outer", "Member", "Subquery")
    )


def _filtered_stream(node: dict[str, Any], depth: int = 0) -> bool:
    """Return whether rows stream from a filtered scan to the LIMIT without being sorted or gathered first."""
    kind = node.get("Node Type")
    if kind in _SCANS:
        return "Filter" in node
    if kind not in _PASS_THROUGH or depth > 20:
        return False
    if kind == "Nested Loop" and ("Join Filter" in node or "Filter" in node):
        return True
    return any(
        _filtered_stream(child, depth + 1)
        for child in node.get("Plans", ())
        if child.get("Parent Relationship") in (None, "Outer", "Member", "Subquery")
    )
