"""ORDER BY, GROUP BY, DISTINCT, window order and min()/max(): what an ordered scan could serve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pglast import ast
from pglast.enums import SortByDir, SortByNulls

from advisor.model.lookup import Catalog
from advisor.model.workload import ColumnUse
from advisor.workload.expressions import Side, column_names, side_of
from advisor.workload.roles import Conditions, Uses
from advisor.workload.scope import Derived, Item, Scope, Target

_AGGREGATES = frozenset(
    """any_value array_agg avg bit_and bit_or bit_xor bool_and bool_or corr count covar_pop covar_samp cume_dist
    dense_rank every json_agg json_agg_strict json_object_agg jsonb_agg jsonb_agg_strict jsonb_object_agg max min mode
    percent_rank percentile_cont percentile_disc range_agg range_intersect_agg rank regr_avgx regr_avgy regr_count
    regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy stddev stddev_pop stddev_samp string_agg sum var_pop
    var_samp variance xmlagg""".split()  # noqa: SIM905 (a list of one string per line would be 40 lines)
)


def _aggregate_calls(node: Any) -> list[ast.FuncCall]:
    found: list[ast.FuncCall] = []
    pending = [node]
    while pending:
        current = pending.pop()
        if isinstance(current, tuple | list):
            pending.extend(current)
        elif isinstance(current, ast.SubLink):
            continue
        elif isinstance(current, ast.Node):
            if isinstance(current, ast.FuncCall) and current.over is None:
                marked = current.agg_star or current.agg_filter or current.agg_order or current.agg_distinct
                if marked or current.funcname[-1].sval in _AGGREGATES:
                    found.append(current)
            pending.extend(getattr(current, name) for name in current)
    return found


def aggregates_in(node: Any) -> bool:
    """Return whether aggregates of this query level are called in `node` (user-defined ones are not known)."""
    return bool(_aggregate_calls(node))


class Ordering:
    """Records order, group and distinct uses of one query level."""

    def __init__(self, catalog: Catalog, uses: Uses, conditions: Conditions) -> None:
        self._catalog = catalog
        self._uses = uses
        self._conditions = conditions

    def of_select(self, node: ast.SelectStmt, outputs: dict[str, tuple[Target, ...]], scope: Scope) -> set[str]:
        """Record the uses of one SELECT; return the names of the output columns that are grouped by."""
        group_nodes = [self._meaning(item, outputs, scope, input_first=True) for item in node.groupClause or ()]
        for position, (item, at) in enumerate(group_nodes, start=1):
            self._record(item, at, "group", position)
            self._conditions.expression(item, at)
        aggregated = bool(node.groupClause) or aggregates_in(node.targetList)
        grouped_keys = {_same(item) for item, _ in group_nodes}
        for position, sort in enumerate(node.sortClause or (), start=1):
            item, at = self._meaning(sort.node, outputs, scope, input_first=False)
            if aggregated and _same(item) not in grouped_keys:
                self._conditions.expression(item, at)
                break  # sorts by an aggregate: no index gives that order, nor what follows it
            self._record_sort(item, at, sort, position)
            self._conditions.expression(item, at)
        self._distinct(node, outputs, scope)
        self._windows(node, scope)
        if aggregated and not node.groupClause:
            self._extremes(node, scope)
        return {
            name
            for name, found in outputs.items()
            if len(found) == 1 and isinstance(found[0], Derived) and _same(found[0].node) in grouped_keys
        }

    def of_set_operation(self, node: ast.SelectStmt, item: Item, scope: Scope) -> None:
        """Record the ORDER BY of a UNION (an append can be merged in order)."""
        for position, sort in enumerate(node.sortClause or (), start=1):
            meaning, at = self._meaning(sort.node, item.columns, scope, input_first=False)
            self._record_sort(meaning, at, sort, position)
        for part in (node.limitCount, node.limitOffset):
            self._conditions.expression(part, scope)

    def partitioned_by_all_windows(self, node: ast.SelectStmt, outputs: dict[str, tuple[Target, ...]]) -> set[str]:
        """Return the outputs that every window partitions by: only conditions on those pass below the window."""
        named = {window.name: window for window in node.windowClause or ()}
        windows = [
            named.get(call.over.name, call.over) for target in node.targetList or () for call in _window_calls(target)
        ]
        partitions = [{_same(item) for item in window.partitionClause or ()} for window in windows]
        if not partitions:
            return set()
        shared = set.intersection(*partitions)
        return {
            name
            for name, found in outputs.items()
            if len(found) == 1 and isinstance(found[0], Derived) and _same(found[0].node) in shared
        }

    def _distinct(self, node: ast.SelectStmt, outputs: dict[str, tuple[Target, ...]], scope: Scope) -> None:
        if not node.distinctClause:
            return
        if node.distinctClause[0] is not None:
            items: Sequence[Any] = node.distinctClause
        else:
            items = [target.val for target in node.targetList or ()]
        for position, item in enumerate(items, start=1):
            meaning, at = self._meaning(item, outputs, scope, input_first=False)
            self._record(meaning, at, "distinct", position)
            self._conditions.expression(meaning, at)

    def _windows(self, node: ast.SelectStmt, scope: Scope) -> None:
        windows = [call.over for target in node.targetList or () for call in _window_calls(target)]
        windows += list(node.windowClause or ())
        windows = [w for w in windows if w.partitionClause or w.orderClause]
        for window in windows:
            for item in (*(window.partitionClause or ()), *(sort.node for sort in window.orderClause or ())):
                self._conditions.expression(item, scope)
        if len(windows) != 1 or node.sortClause or node.groupClause:
            return
        partitions = windows[0].partitionClause or ()
        for position, item in enumerate(partitions, start=1):
            self._record(item, scope, "order", position)
        for position, sort in enumerate(windows[0].orderClause or (), start=len(partitions) + 1):
            self._record_sort(sort.node, scope, sort, position)

    def _extremes(self, node: ast.SelectStmt, scope: Scope) -> None:
        """max(x) without GROUP BY is ORDER BY x DESC LIMIT 1 to the planner, if every aggregate is min or max."""
        calls = _aggregate_calls(node.targetList)
        names = {call.funcname[-1].sval for call in calls}
        if not names <= {"min", "max"}:
            return
        for call in calls:
            if call.args and len(call.args) == 1:
                name = call.funcname[-1].sval
                self._record(call.args[0], scope, "order", 1, descending=name == "max", operator=name)

    # --- one item

    def _meaning(
        self, node: Any, outputs: dict[str, tuple[Target, ...]], scope: Scope, *, input_first: bool
    ) -> tuple[Any, Scope]:
        """Return the expression an ORDER BY or GROUP BY item stands for: itself, or an output by number or name."""
        if isinstance(node, ast.A_Const) and isinstance(getattr(node, "val", None), ast.Integer):
            chosen = list(outputs.values())
            place = node.val.ival - 1
            if 0 <= place < len(chosen):
                return _as_node(chosen[place], node, scope)
        if isinstance(node, ast.ColumnRef) and (names := column_names(node)) and len(names) == 1:
            name = names[0]
            if name in outputs and not (input_first and scope.column(names)):
                return _as_node(outputs[name], node, scope)
        return node, scope

    def _record_sort(self, node: Any, scope: Scope, sort: ast.SortBy, position: int) -> None:
        direction = SortByDir(sort.sortby_dir)
        descending = direction is SortByDir.SORTBY_DESC
        operator = None
        if direction is SortByDir.SORTBY_USING and sort.useOp:
            operator = sort.useOp[-1].sval
            descending = operator in (">", ">=")
        placed = SortByNulls(sort.sortby_nulls)
        nulls_first = None if placed is SortByNulls.SORTBY_NULLS_DEFAULT else placed is SortByNulls.SORTBY_NULLS_FIRST
        if isinstance(node, ast.A_Expr) and node.name[-1].sval in ("<->", "<=>", "<#>", "<~>", "<+>"):
            operator = node.name[-1].sval  # nearest neighbours: an ordering operator of GiST and others
            node = node.lexpr
        self._record(node, scope, "order", position, descending=descending, nulls_first=nulls_first, operator=operator)

    def _record(
        self,
        node: Any,
        scope: Scope,
        role: str,
        position: int,
        *,
        descending: bool = False,
        nulls_first: bool | None = None,
        operator: str | None = None,
    ) -> None:
        if node is None or isinstance(node, ast.GroupingSet):
            return
        for side in self._sides(node, scope):
            if side.kind in ("column", "expression") and side.relation is not None and not side.barrier:
                self._uses.add(
                    ColumnUse(
                        relation=side.relation,
                        occurrence=side.occurrence,
                        columns=side.columns,
                        expression=side.text,
                        role=role,
                        operator=operator,
                        position=position,
                        descending=descending,
                        nulls_first=nulls_first,
                        collation=side.collation,
                    )
                )

    def _sides(self, node: Any, scope: Scope) -> tuple[Side, ...]:
        return side_of(node, scope, lambda reference: None)


def _window_calls(node: Any) -> list[ast.FuncCall]:
    found: list[ast.FuncCall] = []
    pending = [node]
    while pending:
        current = pending.pop()
        if isinstance(current, tuple | list):
            pending.extend(current)
        elif isinstance(current, ast.Node) and not isinstance(current, ast.SubLink):
            if isinstance(current, ast.FuncCall) and current.over is not None:
                found.append(current)
            pending.extend(getattr(current, name) for name in current)
    return found


def _as_node(targets: tuple[Target, ...], node: Any, scope: Scope) -> tuple[Any, Scope]:
    """Return an expression and scope that mean `targets`."""
    if len(targets) == 1 and isinstance(targets[0], Derived):
        return targets[0].node, targets[0].scope
    reference = ast.ColumnRef(fields=(ast.String(sval="output"),))
    return reference, Scope(items={"": Item({"output": targets})})


def _same(node: Any) -> str:
    """Return a text equal for equal expressions, whatever their place in the statement."""
    return repr(node)
