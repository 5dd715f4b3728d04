"""What auto_explain saw of scans: rows expected and rows found, where the planner took columns for independent.

Plans that were measured (auto_explain.log_analyze) say both numbers at every node. A scan that compares two or more
columns for equality and finds several times the rows expected has columns that belong together.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pglast
from pglast import ast

from advisor.model.activity import ScanRows

_TIMES = 5.0  # more rows found than expected
_ROWS = 20.0  # at least
_MOST = 200  # tables and columns that are kept
_LONGEST = 1_000_000  # characters of a plan that are read
_NODE = re.compile(
    r"^\s*(?:->\s+)?(?:Parallel )?(?:Seq Scan|Index Scan[^\n]*?|Index Only Scan[^\n]*?|Bitmap Heap Scan) on"
    r" (?P<name>(?:\"(?:[^\"]|\"\")+\"|[\w$.]+)+)[^\n]*?  \(cost=[^\n]*? rows=(?P<expected>\d+) width=\d+\)"
    r" \(actual (?:time=[\d.]+ )?rows=(?P<found>[\d.]+) loops=(?P<loops>\d+)\)$",
    re.MULTILINE,
)
_CONDITION = re.compile(r"^\s+(?:Filter|Index Cond|Recheck Cond): (?P<text>.+)$", re.MULTILINE)
_NEXT_NODE = re.compile(r"^\s*->  |^\s*(?:CTE|SubPlan|InitPlan)\b", re.MULTILINE)
_CONDITIONS = ("Filter", "Index Cond", "Recheck Cond")


class Scans:
    """Keeps the worst misjudgement per table and columns, in bounded memory."""

    def __init__(self) -> None:
        self._worst: dict[tuple[str, tuple[str, ...]], ScanRows] = {}

    def take(self, plan: str) -> None:
        """Read one plan as auto_explain prints it, text or JSON; others and unmeasured ones say nothing here."""
        if len(plan) > _LONGEST:
            return
        for one in _of_json(plan) if plan.lstrip()[:1] == "{" else _of_text(plan):
            key = (one.relation, one.columns)
            known = self._worst.get(key)
            if known is None and len(self._worst) >= _MOST:
                continue
            if known is None or one.found / one.expected > known.found / known.expected:
                self._worst[key] = one

    @property
    def found(self) -> tuple[ScanRows, ...]:
        return tuple(self._worst.values())


def _of_text(plan: str) -> Iterator[ScanRows]:
    if " (actual " not in plan or " AND " not in plan:
        return
    for node in _NODE.finditer(plan):
        after = _NEXT_NODE.search(plan, node.end())
        lines = plan[node.end() : after.start() if after is not None else len(plan)]
        conditions = [match["text"] for match in _CONDITION.finditer(lines)]
        yield from _judged(node["name"], conditions, float(node["expected"]), float(node["found"]), int(node["loops"]))


def _of_json(plan: str) -> Iterator[ScanRows]:
    if '"Actual Rows"' not in plan or " AND " not in plan:
        return
    try:
        waiting: list[dict[str, Any]] = [msgspec.json.decode(plan).get("Plan") or {}]
    except (msgspec.DecodeError, AttributeError):
        return  # cut off by the log's own limits
    while waiting:
        node = waiting.pop()
        waiting += node.get("Plans", ())
        if "Relation Name" in node and "Actual Rows" in node:
            name = node["Relation Name"] if "Schema" not in node else f"{node['Schema']}.{node['Relation Name']}"
            conditions = [str(node[key]) for key in _CONDITIONS if key in node]
            yield from _judged(
                name, conditions, float(node["Plan Rows"]), float(node["Actual Rows"]), int(node["Actual Loops"])
            )


def _judged(name: str, conditions: list[str], expected: float, found: float, loops: int) -> Iterator[ScanRows]:
    expected = max(expected, 1.0)
    if not loops or found < _ROWS or found < _TIMES * expected:
        return
    columns = tuple(sorted(set(_compared(" AND ".join(conditions)))))
    if len(columns) > 1:
        yield ScanRows(relation=name.replace('"', ""), columns=columns, expected=expected, found=found)


def _compared(condition: str) -> Iterator[str]:
    """Yield the columns that a conjunction compares with `=`."""
    try:
        tree = pglast.parse_sql(f"select 1 where {condition}")[0].stmt
    except pglast.parser.ParseError:
        return  # EXPLAIN prints subplans and array scans as no SQL
    waiting: list[Any] = [tree.whereClause]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.BoolExpr) and node.boolop == pglast.enums.BoolExprType.AND_EXPR:
            waiting += node.args
        elif isinstance(node, ast.A_Expr) and node.name[-1].sval == "=":
            for side in (node.lexpr, node.rexpr):
                while isinstance(side, ast.TypeCast):
                    side = side.arg
                if isinstance(side, ast.ColumnRef):
                    yield side.fields[-1].sval
                    break
