"""What the rows per call that were counted say about a plan.

How many rows a search inside a document, an array or a text finds is a guess of the planner (1 % of the table for a
jsonb containment). Where pg_stat_statements has counted far fewer, the heap pages of a bitmap scan are that much fewer.
"""

from __future__ import annotations

from typing import Any

from advisor.index_search.planner import Plan
from advisor.model.workload import Statement

_FAR_FEWER = 5.0
_ENOUGH_CALLS = 5


def surplus(plan: Plan, statement: Statement) -> float:
    """Return the part of the plan's cost that the rows the statement really returns do not take."""
    node = plan.tree
    if statement.rows is None or statement.calls < _ENOUGH_CALLS or not _whole_bitmap_scan(node):
        return 0.0
    seen = max(1.0, statement.rows / statement.calls)
    expected = float(node.get("Plan Rows", 0))
    if expected < _FAR_FEWER * seen:
        return 0.0
    # The index has been read when the heap scan starts.
    heap = float(node.get("Total Cost", 0)) - float(node.get("Startup Cost", 0))
    return heap * (1 - seen / expected)


def _whole_bitmap_scan(node: dict[str, Any]) -> bool:
    """Return whether every row the index finds is returned: nothing else filters, joins or sums up."""
    return node.get("Node Type") == "Bitmap Heap Scan" and "Filter" not in node
