"""Which column does a parameter meet? The planner's own conditions of a generic plan say it best.

They see through CTEs, subqueries, views, join equivalence and row comparisons. What the planner does not print
(SET, INSERT, LIMIT) comes from the parse tree.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pglast import ast
from pglast.enums import A_Expr_Kind

from advisor.model.names import RelationName
from advisor.model.workload import ColumnUse
from advisor.workload.parse import (
    NotParsed,
    apply_edits,
    find,
    function_name,
    operator_name,
    parameter_number,
    parse_tree,
    tokens,
)
from advisor.workload.session import ParseError, ParseSession

_CONDITIONS = (
    "Index Cond",
    "Recheck Cond",
    "TID Cond",
    "Filter",
    "Hash Cond",
    "Merge Cond",
    "Join Filter",
    "One-Time Filter",
    "Conflict Filter",
    "Order By",
)
# Up to 16 the results of InitPlans are printed as $0, $1, …: ours are moved out of their way.
_SHIFT = 200
_FIRST_MAJOR_WITH_NAMED_INITPLANS = 17
_COMMUTED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "@>": "<@", "<@": "@>", "<<": ">>", ">>": "<<"}
# These compare nothing. Generated texts nest them a thousand deep.
_COMPUTING = frozenset(["+", "-", "*", "/", "^", "||", "->", "->>", "#>", "#>>"])
_SUBPLAN = re.compile(
    r"\((?:alternatives: )?(?:hashed )?(?:SubPlan|InitPlan) \d+(?: \(returns [^)]*\))?"
    r"(?: or (?:hashed )?SubPlan \d+)*\)(?:\.col\d+)?"
)
_REPLACEMENTS = (
    (re.compile(r"EXISTS\((?:hashed )?SubPlan \d+\)"), "true"),
    (_SUBPLAN, "(NULL)"),
    (re.compile(r"\((ANY|ALL) \("), "(("),
    (re.compile(r"OVER \(\?\)|OVER w\d+"), "OVER ()"),
)


@dataclass(frozen=True, slots=True)
class Meeting:
    """A parameter compared with a column: `column operator parameter`.

    `through`: functions and operators between the parameter and the comparison ('now', '-', 'tstzrange', '||');
    `around`: functions around the column ('lower'); `many`: the parameter is an array of such values;
    `source`: 'plan' or 'text'.
    """

    parameter: int
    relation: RelationName
    column: str
    operator: str
    through: tuple[str, ...] = ()
    around: tuple[str, ...] = ()
    many: bool = False
    source: str = "plan"
    alias: str = ""
    argument: int = 0  # position among the arguments of the innermost function around the parameter


def meetings_of_plan(
    session: ParseSession, text: str, types: Sequence[str], search_path: Sequence[str]
) -> tuple[tuple[Meeting, ...], dict[str, Any] | ParseError]:
    """Return what the generic plan's conditions say, and that plan (or why there is none)."""
    shift = _SHIFT if session.major < _FIRST_MAJOR_WITH_NAMED_INITPLANS else 0
    if shift:
        edits = [
            (token.start, token.end, f"${parameter_number(text, token) + shift}")
            for token in tokens(text)
            if token.name == "PARAM"
        ]
        text, types = apply_edits(text, edits), ["pg_catalog.int4"] * shift + list(types)
    plan = session.explain_generic(text, types, search_path)
    if isinstance(plan, ParseError):
        return (), plan
    aliases = {
        node["Alias"]: RelationName(node["Schema"], node["Relation Name"])
        for node in plan_nodes(plan)
        if "Alias" in node and "Relation Name" in node and "Schema" in node
    }
    found: dict[Meeting, None] = {}
    for node in plan_nodes(plan):
        for key in _CONDITIONS:
            for condition in _texts(node.get(key)):
                for meeting in _meetings_in(condition, node.get("Alias", ""), aliases, shift):
                    found[meeting] = None
    return tuple(found), plan


def meetings_of_uses(uses: Sequence[ColumnUse], known: set[int]) -> tuple[Meeting, ...]:
    """Return what the parse tree says of the parameters that are not `known` yet."""
    operators = {"in": "=", "equality": "=", "join": "=", "set": "set", "insert": "insert", "inequality": "<>"}
    return tuple(
        Meeting(
            use.parameter,
            use.relation,
            use.columns[0],
            use.operator or operators.get(use.role, "="),
            around=(use.expression.split("(")[0].strip(),) if use.expression else (),
            many=use.role == "in" and use.operator is not None and "ANY" in use.operator.upper(),
            source="text",
            alias=str(use.occurrence),
        )
        for use in uses
        if use.parameter is not None and use.parameter not in known and use.columns
    )


def plan_nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a plan's nodes, the outermost first."""
    waiting = [plan]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(node.get("Plans", ())))


def _texts(value: Any) -> Sequence[str]:
    if value is None:
        return ()
    return [value] if isinstance(value, str) else [item for item in value if isinstance(item, str)]


def _meetings_in(condition: str, own_alias: str, aliases: dict[str, RelationName], shift: int) -> Iterator[Meeting]:
    for pattern, replacement in _REPLACEMENTS:
        condition = pattern.sub(replacement, condition)
    try:
        tree = parse_tree("SELECT " + condition)
    except NotParsed:
        return  # a form EXPLAIN prints that is no SQL; the parse tree of the statement still speaks
    for expression in find(tree, ast.A_Expr):
        operator = operator_name(expression)
        if operator in _COMPUTING:
            continue
        for mine, other, name in _sides(expression, operator):
            columns = _columns(other)
            if not columns or _columns(mine):
                continue
            for number, through, argument in _parameters(mine):
                for alias, column, around in columns:
                    relation = aliases.get(alias or own_alias)
                    if relation is not None and number > shift:
                        many = expression.kind == A_Expr_Kind.AEXPR_OP_ANY and mine is expression.rexpr
                        yield Meeting(
                            number - shift,
                            relation,
                            column,
                            name,
                            through,
                            around,
                            many and "ARRAY" not in through,
                            alias=alias or own_alias,
                            argument=argument,
                        )


def _sides(expression: Any, operator: str) -> Iterator[tuple[Any, Any, str]]:
    """Yield (side with the parameter, side with the column, operator with the column on its left)."""
    left, right = expression.lexpr, expression.rexpr
    if left is None or right is None:
        return
    if isinstance(left, ast.RowExpr) and isinstance(right, ast.RowExpr) and left.args and right.args:
        pairs = list(zip(left.args, right.args, strict=False))
    else:
        pairs = [(left, right)]
    kind = expression.kind
    for a, b in pairs:
        yield b, a, operator
        if kind in (A_Expr_Kind.AEXPR_OP_ANY, A_Expr_Kind.AEXPR_OP_ALL):
            yield a, b, "element"  # value = ANY (array column)
        else:
            yield a, b, _COMMUTED.get(operator, operator)


def _parameters(root: Any) -> Iterator[tuple[int, tuple[str, ...], int]]:
    """Yield (number, enclosing functions and operators outermost first, argument position) of the parameters."""
    waiting: list[tuple[Any, tuple[str, ...], int]] = [(root, (), 0)]
    while waiting:
        node, through, argument = waiting.pop()
        if isinstance(node, ast.ParamRef):
            yield int(node.number or 0), through, argument
        elif isinstance(node, tuple):
            waiting.extend((item, through, argument) for item in node)
        elif isinstance(node, ast.TypeCast):
            waiting.append((node.arg, through, argument))
        elif isinstance(node, ast.A_ArrayExpr):
            waiting.append((node.elements, (*through, "ARRAY"), argument))
        elif isinstance(node, ast.FuncCall):
            name = (*through, function_name(node))
            waiting.extend((item, name, position) for position, item in enumerate(node.args or ()))
        elif isinstance(node, ast.A_Expr):
            name = (*through, *(("now",) if _mentions_now(node) else ()), operator_name(node))
            waiting.extend(((node.lexpr, name, 0), (node.rexpr, name, 1)))
        elif isinstance(node, (ast.CollateClause, ast.CoalesceExpr, ast.RowExpr, ast.MinMaxExpr)):
            waiting.append((getattr(node, "arg", None) or getattr(node, "args", ()), through, argument))


def _mentions_now(expression: Any) -> bool:
    return any(
        isinstance(side, ast.SQLValueFunction)
        or (
            isinstance(side, ast.FuncCall)
            and function_name(side) in ("now", "clock_timestamp", "timezone", "date_trunc")
        )
        or (isinstance(side, ast.TypeCast) and isinstance(side.arg, (ast.SQLValueFunction, ast.FuncCall)))
        for side in (expression.lexpr, expression.rexpr)
    )


def _columns(root: Any) -> list[tuple[str, str, tuple[str, ...]]]:
    """Return (alias or '', column, functions around it) of every column under `root`."""
    found = []
    waiting: list[tuple[Any, tuple[str, ...]]] = [(root, ())]
    while waiting:
        node, around = waiting.pop()
        if isinstance(node, ast.ColumnRef):
            names = [field.sval for field in node.fields or () if isinstance(field, ast.String) and field.sval]
            if names:
                found.append((names[-2] if len(names) > 1 else "", names[-1], around))
        elif isinstance(node, tuple):
            waiting.extend((item, around) for item in node)
        elif isinstance(node, ast.FuncCall):
            waiting.append((node.args or (), (*around, function_name(node))))
        elif isinstance(node, ast.A_Expr):
            name = (*around, operator_name(node))
            waiting.extend(((node.lexpr, name), (node.rexpr, name)))
        elif isinstance(node, (ast.TypeCast, ast.CollateClause)):
            waiting.append((node.arg, around))
        elif isinstance(node, ast.CoalesceExpr):
            waiting.append((node.args or (), (*around, "coalesce")))
        elif isinstance(node, (ast.RowExpr, ast.MinMaxExpr, ast.BoolExpr)):
            waiting.append((node.args or (), (*around, "expression")))
        elif isinstance(node, (ast.A_Indirection, ast.NullTest, ast.CaseExpr, ast.A_ArrayExpr)):
            inner = getattr(node, "arg", None) or getattr(node, "elements", None) or ()
            waiting.append((inner, (*around, "expression")))
    return found
