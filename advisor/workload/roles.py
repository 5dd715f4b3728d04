"""What a condition asks of the columns in it: equality, range, pattern, containment, join."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pglast import ast
from pglast.enums import A_Expr_Kind, BoolExprType, NullTestType, SubLinkType

from advisor.model.lookup import Catalog
from advisor.model.names import RelationName
from advisor.model.workload import ColumnUse
from advisor.workload.expressions import (
    Side,
    boolean_condition,
    column_names,
    is_constant,
    parameters_in,
    side_of,
    sql_of,
)
from advisor.workload.scope import Base, Derived, Item, Scope, walk

RANGE_OPERATORS = frozenset({"<", "<=", ">", ">="})
_COMMUTED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "@>": "<@", "<@": "@>", "<<": ">>", ">>": "<<"}
_SAME_BOTH_WAYS = frozenset({"=", "<>", "!=", "&&", "~=", "-|-", "%", "@@", "<->"})
_CONTAINS = frozenset(
    {"@>", "<@", "&&", "?", "?|", "?&", "@@", "@@@", "@?", "<<", ">>", "&<", "&>", "-|-", "~=", "<<|", "|>>", "&<|",
     "|&>", "%", "<%", "%>", "<<%", "%>>", "<^", ">^"}
)  # fmt: skip
_PATTERNS = {"~~": "like", "~~*": "ilike", "~": "regex", "~*": "regex", "^@": "like"}
_MAX_LISTED = 20  # longer IN lists are no partial predicate
_MAX_DEPTH = 200  # of nested AND/OR/NOT; deeper conditions only count as reading their columns

Query = Callable[[Any, Scope], Item]


class Uses:
    """Collects the uses of one statement; plain reads are gathered to one use per relation occurrence."""

    def __init__(self) -> None:
        self._uses: dict[ColumnUse, None] = {}
        self._read: dict[tuple[RelationName, int], dict[str, None]] = {}

    def add(self, use: ColumnUse) -> None:
        self._uses.setdefault(use)

    def read(self, relation: RelationName, occurrence: int, column: str) -> None:
        self._read.setdefault((relation, occurrence), {}).setdefault(column)

    def result(self) -> tuple[ColumnUse, ...]:
        reads = (
            ColumnUse(relation=place[0], occurrence=place[1], columns=tuple(columns), expression=None, role="output")
            for place, columns in self._read.items()
        )
        return (*self._uses, *reads)


class Conditions:
    """Turns WHERE and ON trees into uses. `query` analyses a subquery and returns its output columns."""

    def __init__(self, catalog: Catalog, uses: Uses, query: Query) -> None:
        self._catalog = catalog
        self._uses = uses
        self._query = query
        self._branches = 0

    # --- whole conditions

    def condition(self, node: Any, scope: Scope, branch: int = 0, depth: int = 0) -> None:
        """Record what a boolean expression asks; `branch` is the OR arm it stands in."""
        if node is None:
            return
        if depth > _MAX_DEPTH:
            self.expression(node, scope)
        elif isinstance(node, ast.BoolExpr):
            self._boolean(node, scope, branch, depth)
        elif isinstance(node, ast.SubLink):
            self._sublink(node, scope, branch)
        elif isinstance(node, ast.NullTest):
            self._null_test(node, scope, branch)
        elif (tested := boolean_condition(node)) is not None:
            self._boolean_test(tested, scope, branch)
        elif isinstance(node, ast.A_Expr):
            self._operator(node, scope, branch)
        elif isinstance(node, ast.FuncCall) and node.funcname[-1].sval == "starts_with" and len(node.args or ()) == 2:
            self._compare("^@", node.args[0], node.args[1], scope, branch)
        else:
            self.expression(node, scope)

    def _boolean(self, node: ast.BoolExpr, scope: Scope, branch: int, depth: int) -> None:
        kind = BoolExprType(node.boolop)
        if kind is BoolExprType.AND_EXPR:
            for part in node.args:
                self.condition(part, scope, branch, depth + 1)
        elif kind is BoolExprType.OR_EXPR:
            for arm in node.args:
                self._branches += 1
                self.condition(arm, scope, self._branches, depth + 1)
        else:
            inner = node.args[0]
            tested = boolean_condition(node)
            if tested is not None:
                self._boolean_test(tested, scope, branch)
            elif isinstance(inner, ast.SubLink) and SubLinkType(inner.subLinkType) is SubLinkType.EXISTS_SUBLINK:
                self._query(inner.subselect, Scope(up=scope))
            else:
                self.expression(inner, scope)

    def _sublink(self, node: ast.SubLink, scope: Scope, branch: int) -> None:
        output = self._query(node.subselect, Scope(up=scope))
        if node.testexpr is None:
            return
        operator = node.operName[-1].sval if node.operName else "="
        tests = node.testexpr.args if isinstance(node.testexpr, ast.RowExpr) else (node.testexpr,)
        is_any = SubLinkType(node.subLinkType) is SubLinkType.ANY_SUBLINK and operator == "="
        for test, targets in zip(tests, output.columns.values(), strict=False):
            self.expression(test, scope)
            if not is_any:
                continue
            inner = tuple(self._sides_of_targets(targets))
            for left in self._sides(test, scope):
                for right in inner or (Side("other"),):
                    self._pair("=", left, right, branch)

    def _sides_of_targets(self, targets: tuple[Any, ...]) -> list[Side]:
        found: list[Side] = []
        for target in targets:
            if isinstance(target, Base):
                found.append(
                    Side("column", target.relation, target.occurrence, (target.column,), barrier=target.barrier)
                )
            elif isinstance(target, Derived):
                found.extend(side_of(target.node, target.scope, self._type_of(target.scope)))
        return found

    def _null_test(self, node: ast.NullTest, scope: Scope, branch: int) -> None:
        is_null = NullTestType(node.nulltesttype) is NullTestType.IS_NULL
        for side in self._sides(node.arg, scope):
            role, operator = ("equality", "IS NULL") if is_null else ("not_null", "IS NOT NULL")
            self._predicate(side, role, operator, branch, constant="NULL")
        self.expression(node.arg, scope)

    def _boolean_test(self, tested: tuple[Any, str, str], scope: Scope, branch: int) -> None:
        argument, operator, constant = tested
        for side in self._sides(argument, scope):
            role = "inequality" if operator.startswith("IS NOT") else "equality"
            self._predicate(side, role, operator, branch, constant=constant)
        self.expression(argument, scope)

    # --- operators

    def _operator(self, node: ast.A_Expr, scope: Scope, branch: int) -> None:
        kind = A_Expr_Kind(node.kind)
        operator = node.name[-1].sval
        self.expression(node.lexpr, scope)
        self.expression(node.rexpr, scope)
        if isinstance(node.lexpr, ast.RowExpr):
            self._row(kind, operator, node, scope, branch)
        elif kind is A_Expr_Kind.AEXPR_IN:
            self._in_list(operator, node.lexpr, node.rexpr, scope, branch)
        elif kind in (A_Expr_Kind.AEXPR_OP_ANY, A_Expr_Kind.AEXPR_OP_ALL):
            self._array(kind, operator, node, scope, branch)
        elif kind is A_Expr_Kind.AEXPR_BETWEEN:
            low, high = node.rexpr
            self._compare(">=", node.lexpr, low, scope, branch)
            self._compare("<=", node.lexpr, high, scope, branch)
        elif kind in (A_Expr_Kind.AEXPR_OP, A_Expr_Kind.AEXPR_LIKE, A_Expr_Kind.AEXPR_ILIKE):
            if node.lexpr is not None:
                self._compare(operator, node.lexpr, node.rexpr, scope, branch)
        elif kind is A_Expr_Kind.AEXPR_SIMILAR:
            self._compare("~", node.lexpr, node.rexpr, scope, branch)
        else:  # NOT BETWEEN, IS DISTINCT FROM, NULLIF: no index serves them, but parameters meet a column there
            for side in self._sides(node.lexpr, scope):
                self._facts(side, operator, parameters_in(node.rexpr))

    def _row(self, kind: A_Expr_Kind, operator: str, node: ast.A_Expr, scope: Scope, branch: int) -> None:
        lefts = node.lexpr.args
        if kind is A_Expr_Kind.AEXPR_IN and operator == "=":
            rows = [row.args for row in node.rexpr if isinstance(row, ast.RowExpr)]
            for position, left in enumerate(lefts):
                values = tuple(row[position] for row in rows if position < len(row))
                self._in_list("=", left, values, scope, branch)
        elif isinstance(node.rexpr, ast.RowExpr):
            for position, (left, right) in enumerate(zip(lefts, node.rexpr.args, strict=False), start=1):
                # (a, b) < (x, y): a is bounded, b only breaks ties, but one index (a, b) serves the whole row.
                self._compare(operator, left, right, scope, branch, position if operator in RANGE_OPERATORS else 0)

    def _in_list(self, operator: str, left: Any, items: Any, scope: Scope, branch: int) -> None:
        values = items if isinstance(items, tuple) else (items,)
        if len(values) == 1:
            self._compare(operator, left, values[0], scope, branch)
            return
        short = len(values) <= _MAX_LISTED and is_constant(values)
        constant = "(" + ", ".join(sql_of(v) for v in values) + ")" if short else None
        parameters = parameters_in(values)
        role, name = ("in", "=") if operator == "=" else ("inequality", "NOT IN")
        other = any(isinstance(inner, ast.ColumnRef) for inner in _shallow(values))
        for side in self._sides(left, scope):
            if side.kind in ("column", "expression") and not other:
                self._predicate(side, role, name, branch, constant, parameters)
            elif side.kind == "value":  # $1 IN (a, b): as good as a = $1 OR b = $1
                for value in values:
                    self._branches += 1
                    self._compare("=", value, left, scope, self._branches)

    def _array(self, kind: A_Expr_Kind, operator: str, node: ast.A_Expr, scope: Scope, branch: int) -> None:
        short = is_constant(node.rexpr) and len(_shallow(node.rexpr)) <= 3 * _MAX_LISTED
        constant = sql_of(node.rexpr) if short else None
        parameters = parameters_in(node.rexpr)
        is_any = kind is A_Expr_Kind.AEXPR_OP_ANY
        for right in self._sides(node.rexpr, scope):
            if right.kind in ("column", "expression"):
                # value = ANY(column): no index serves it; column @> ARRAY[value] would.
                self._facts(right, f"{operator} {'ANY' if is_any else 'ALL'}", parameters_in(node.lexpr))
                return
        for side in self._sides(node.lexpr, scope):
            if is_any and operator == "=":
                self._predicate(side, "in", "= ANY", branch, constant, parameters)
            elif not is_any and operator in ("<>", "!="):
                self._predicate(side, "inequality", "<> ALL", branch, constant, parameters)
            else:
                self._facts(side, f"{operator} {'ANY' if is_any else 'ALL'}", parameters)

    def _compare(self, operator: str, left: Any, right: Any, scope: Scope, branch: int, position: int = 0) -> None:
        rights = self._sides(right, scope)
        for one in self._sides(left, scope):
            for two in rights:
                self._pair(operator, one, two, branch, position)

    def _pair(self, operator: str, left: Side, right: Side, branch: int, position: int = 0) -> None:
        """Record `left operator right` for the columns on both sides."""
        flipped = operator if operator in _SAME_BOTH_WAYS else _COMMUTED.get(operator)
        for side, partner, named in ((left, right, operator), (right, left, flipped)):
            if side.kind not in ("column", "expression"):
                continue
            if named is None:  # 'abc' LIKE column
                self._facts(side, operator, partner.parameters)
            elif partner.kind == "value":
                self._predicate(
                    side, _role_of(named), named, branch, partner.text, partner.parameters, position=position
                )
            elif (side.relation, side.occurrence) != (partner.relation, partner.occurrence):
                self._join(side, partner, named, branch)

    def _join(self, side: Side, partner: Side, operator: str, branch: int) -> None:
        other = None
        if partner.relation is not None and partner.kind == "column":
            other = (partner.relation, partner.occurrence, partner.columns[0])
        role = "join" if operator == "=" else _role_of(operator)
        if role not in ("inequality", "output"):
            self._predicate(side, role, operator, branch, other=other)

    # --- recording

    def _predicate(
        self,
        side: Side,
        role: str,
        operator: str,
        branch: int,
        constant: str | None = None,
        parameters: tuple[int, ...] = (),
        other: tuple[RelationName, int, str] | None = None,
        position: int = 0,
    ) -> None:
        if side.kind not in ("column", "expression") or side.relation is None:
            return
        if side.barrier:
            self._facts(side, operator, parameters)
            return
        for parameter in parameters or (None,):
            self._uses.add(
                ColumnUse(
                    relation=side.relation,
                    occurrence=side.occurrence,
                    columns=side.columns,
                    expression=side.text,
                    role=role,
                    operator=operator,
                    parameter=parameter,
                    constant=constant,
                    other=other,
                    position=position,
                    branch=branch,
                    collation=side.collation,
                )
            )

    def _facts(self, side: Side, operator: str, parameters: tuple[int, ...]) -> None:
        """Record that parameters meet a column where no index can help."""
        if side.kind in ("column", "expression") and side.relation is not None:
            for parameter in parameters or ((None,) if operator.endswith(("ANY", "ALL")) else ()):
                self._uses.add(
                    ColumnUse(
                        relation=side.relation,
                        occurrence=side.occurrence,
                        columns=side.columns,
                        expression=side.text,
                        role="output",
                        operator=operator,
                        parameter=parameter,
                    )
                )

    def expression(self, node: Any, scope: Scope) -> None:
        """Record every column an expression reads, and what its subqueries and inner comparisons ask."""
        for inner in _shallow(node):
            if isinstance(inner, ast.ColumnRef):
                self._read(inner, scope)
            elif isinstance(inner, ast.SubLink):
                self._query(inner.subselect, Scope(up=scope))
            elif isinstance(inner, ast.CaseExpr | ast.FuncCall):
                for part in walk(inner):
                    if isinstance(part, ast.A_Expr) and parameters_in(part.rexpr) and part.lexpr is not None:
                        for side in self._sides(part.lexpr, scope):
                            self._facts(side, part.name[-1].sval, parameters_in(part.rexpr))

    def _read(self, node: ast.ColumnRef, scope: Scope) -> None:
        names = column_names(node)
        if names is None:
            return
        targets = scope.column(names)
        if not targets and len(names) == 1 and (item := scope.whole_row(names[0])) is not None:
            targets = tuple(target for column in item.columns.values() for target in column)
        self.read_targets(targets)

    def read_targets(self, targets: tuple[Any, ...], depth: int = 0) -> None:
        """Record the base columns behind targets as read."""
        for target in targets:
            if isinstance(target, Base):
                self._uses.read(target.relation, target.occurrence, target.column)
            elif isinstance(target, Derived) and depth < 20:
                for inner in _shallow(target.node):
                    if isinstance(inner, ast.ColumnRef) and (names := column_names(inner)):
                        self.read_targets(target.scope.column(names), depth + 1)

    def _sides(self, node: Any, scope: Scope) -> tuple[Side, ...]:
        if isinstance(node, ast.SubLink):  # its value is known before the scan starts, or per outer row
            return (Side("value"),)
        return side_of(node, scope, self._type_of(scope))

    def _type_of(self, scope: Scope) -> Callable[[ast.ColumnRef], str | None]:
        def type_of(node: ast.ColumnRef) -> str | None:
            names = column_names(node)
            for target in scope.column(names) if names else ():
                if isinstance(target, Base):
                    column = self._catalog.columns.get(target.relation, {}).get(target.column)
                    return None if column is None else column.base_type.name
            return None

        return type_of


def _role_of(operator: str) -> str:
    if operator == "=":
        return "equality"
    if operator in RANGE_OPERATORS:
        return "range"
    if operator in _PATTERNS:
        return _PATTERNS[operator]
    if operator in _CONTAINS:
        return "contains"
    return "inequality" if operator in ("<>", "!=", "!~~", "!~~*", "!~", "!~*") else "output"


def _shallow(node: Any) -> list[Any]:
    """Return the AST nodes of an expression, subqueries as single nodes."""
    found: list[Any] = []
    pending = [node]
    while pending:
        current = pending.pop()
        if isinstance(current, tuple | list):
            pending.extend(reversed(current))
        elif isinstance(current, ast.Node):
            found.append(current)
            if isinstance(current, ast.SubLink):
                pending.append(current.testexpr)
            else:
                pending.extend(getattr(current, name) for name in reversed(list(current)))
    return found
