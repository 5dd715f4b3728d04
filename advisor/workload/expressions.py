"""Expressions over one relation's columns, as the SQL text of an index key or predicate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pglast import ast
from pglast.enums import BoolExprType, BoolTestType
from pglast.stream import RawStream

from advisor.model.names import RelationName
from advisor.workload.scope import Base, Derived, Scope

_MAX_NODES = 200  # of an expression worth an index; longer ones are not even written out
_DEPTH = 40  # nested views and subqueries behind one name


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a condition.

    `kind`: column, expression (both over one relation occurrence), value (no column of any relation in it) or
    other (columns of several relations, aggregates, subqueries).
    """

    kind: str
    relation: RelationName | None = None
    occurrence: int = 0
    columns: tuple[str, ...] = ()
    text: str | None = None  # an expression's text, unqualified; a value's text when it is constant
    parameters: tuple[int, ...] = ()
    barrier: bool = False
    collation: str | None = None


class _NotOneRelation(Exception):
    """The expression cannot be written over the columns of a single relation."""


def column_names(node: ast.ColumnRef) -> list[str] | None:
    """Return the parts of a column reference, or None when it ends in a star."""
    if any(isinstance(part, ast.A_Star) for part in node.fields):
        return None
    return [part.sval for part in node.fields]


def copy_node(node: Any, change: Callable[[Any], Any]) -> Any:
    """Return a deep copy in which `change` replaced nodes (it returns None to keep one and go deeper)."""
    if isinstance(node, tuple):
        return tuple(copy_node(item, change) for item in node)
    if not isinstance(node, ast.Node):
        return node
    changed = change(node)
    if changed is not None:
        return changed
    return type(node)(**{name: copy_node(getattr(node, name), change) for name in node})


def sql_of(node: Any) -> str:
    """Return the SQL text of an expression node."""
    return str(RawStream()(node))


def strip_relabel(node: Any, type_of: Callable[[ast.ColumnRef], str | None]) -> Any:
    """Return the column under a cast that changes nothing: varchar to text and the like."""
    while isinstance(node, ast.TypeCast) and isinstance(node.arg, ast.ColumnRef):
        target = node.typeName.names[-1].sval if node.typeName.names else ""
        plain = not node.typeName.typmods and not node.typeName.arrayBounds
        source = type_of(node.arg)
        if not (plain and source is not None and (source == target or {source, target} <= {"text", "varchar"})):
            break
        node = node.arg
    return node


def parameters_in(node: Any) -> tuple[int, ...]:
    """Return the parameters of an expression, subqueries left out."""
    found: list[int] = []
    pending = [node]
    while pending:
        current = pending.pop()
        if isinstance(current, tuple | list):
            pending.extend(reversed(current))
        elif isinstance(current, ast.ParamRef):
            found.append(current.number)
        elif isinstance(current, ast.Node) and not isinstance(current, ast.SubLink):
            pending.extend(getattr(current, name) for name in reversed(list(current)))
    return tuple(dict.fromkeys(found))


def is_constant(node: Any) -> bool:
    """Return whether the node is a literal, maybe cast or signed, or a list of literals."""
    if isinstance(node, tuple):
        return all(is_constant(item) for item in node)
    if isinstance(node, ast.A_Const):
        return True
    if isinstance(node, ast.TypeCast):
        return is_constant(node.arg)
    if isinstance(node, ast.A_ArrayExpr):
        return all(is_constant(item) for item in node.elements or ())
    if isinstance(node, ast.A_Expr):
        return node.lexpr is None and node.name[-1].sval in ("-", "+") and is_constant(node.rexpr)
    return False


def boolean_condition(node: Any) -> tuple[Any, str, str] | None:
    """Return (argument, operator, constant) when the node tests a boolean: `x`, `NOT x`, `x IS [NOT] TRUE`."""
    if isinstance(node, ast.BooleanTest):
        names = {
            BoolTestType.IS_TRUE: ("IS TRUE", "true"),
            BoolTestType.IS_NOT_TRUE: ("IS NOT TRUE", "true"),
            BoolTestType.IS_FALSE: ("IS FALSE", "false"),
            BoolTestType.IS_NOT_FALSE: ("IS NOT FALSE", "false"),
        }
        named = names.get(BoolTestType(node.booltesttype))
        return None if named is None else (node.arg, *named)
    if isinstance(node, ast.BoolExpr) and BoolExprType(node.boolop) is BoolExprType.NOT_EXPR:
        inner = node.args[0]
        return (inner, "=", "false") if isinstance(inner, ast.ColumnRef) else None
    return (node, "=", "true") if isinstance(node, ast.ColumnRef) else None


class _Unqualifier:
    """Rewrites an expression over the columns of one relation occurrence, expanding derived columns."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self.place: tuple[RelationName, int] | None = None
        self.columns: dict[str, None] = {}
        self.barrier = False
        self._depth = 0

    def rewrite(self, node: Any) -> Any:
        return copy_node(node, self._change)

    def _change(self, node: Any) -> Any:
        if isinstance(node, ast.SubLink | ast.ParamRef | ast.SetToDefault | ast.CurrentOfExpr):
            raise _NotOneRelation
        if isinstance(node, ast.FuncCall) and (
            node.agg_star or node.agg_filter or node.agg_order or node.over or node.agg_distinct
        ):
            raise _NotOneRelation
        if not isinstance(node, ast.ColumnRef):
            return None
        names = column_names(node)
        targets = self._scope.column(names) if names else ()
        if len(targets) != 1:
            raise _NotOneRelation
        target = targets[0]
        if isinstance(target, Base):
            place = (target.relation, target.occurrence)
            if self.place not in (None, place):
                raise _NotOneRelation
            self.place = place
            self.columns.setdefault(target.column)
            self.barrier |= target.barrier
            return ast.ColumnRef(fields=(ast.String(sval=target.column),))
        if isinstance(target, Derived) and self._depth < _DEPTH:
            self.barrier |= target.barrier
            outer, self._scope = self._scope, target.scope
            self._depth += 1
            try:
                return self.rewrite(target.node)
            finally:
                self._scope = outer
                self._depth -= 1
        raise _NotOneRelation


def _has_columns(node: Any) -> bool:
    return any(isinstance(inner, ast.ColumnRef | ast.SubLink) for inner in _walk_shallow(node))


def _walk_shallow(node: Any) -> list[Any]:
    found: list[Any] = []
    pending = [node]
    while pending:
        current = pending.pop()
        if isinstance(current, tuple | list):
            pending.extend(current)
        elif isinstance(current, ast.Node):
            found.append(current)
            if not isinstance(current, ast.SubLink):
                pending.extend(getattr(current, name) for name in current)
    return found


def side_of(node: Any, scope: Scope, type_of: Callable[[ast.ColumnRef], str | None]) -> tuple[Side, ...]:
    """Return what one side of a condition is; several for a column that comes from a union."""
    collation = None
    if isinstance(node, ast.CollateClause):
        collation = ".".join(part.sval for part in node.collname)
        node = node.arg
    node = strip_relabel(node, type_of)
    if not _has_columns(node):
        short = is_constant(node) and len(_walk_shallow(node)) <= _MAX_NODES
        return (Side("value", text=sql_of(node) if short else None, parameters=parameters_in(node)),)
    if isinstance(node, ast.ColumnRef):
        names = column_names(node)
        sides: list[Side] = []
        for target in scope.column(names) if names else ():
            if isinstance(target, Base):
                sides.append(
                    Side("column", target.relation, target.occurrence, (target.column,), None, (), target.barrier,
                         collation)
                )  # fmt: skip
            elif isinstance(target, Derived) and target.scope is not scope:
                for side in side_of(target.node, target.scope, type_of):
                    sides.append(
                        Side(side.kind, side.relation, side.occurrence, side.columns, side.text, side.parameters,
                             side.barrier or target.barrier, collation or side.collation)
                    )  # fmt: skip
        return tuple(sides) or (Side("other"),)
    if len(_walk_shallow(node)) > _MAX_NODES:
        return (Side("other", parameters=parameters_in(node)),)
    worker = _Unqualifier(scope)
    try:
        rewritten = worker.rewrite(node)
    except _NotOneRelation:
        return (Side("other", parameters=parameters_in(node)),)
    if worker.place is None:
        return (Side("other", parameters=parameters_in(node)),)
    relation, occurrence = worker.place
    if isinstance(rewritten, ast.ColumnRef):
        return (Side("column", relation, occurrence, tuple(worker.columns), None, (), worker.barrier, collation),)
    return (
        Side("expression", relation, occurrence, tuple(worker.columns), sql_of(rewritten), (), worker.barrier,
             collation),
    )  # fmt: skip
