"""From a parse tree to uses of the catalog's columns, one query level at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pglast import ast
from pglast.enums import CTEMaterialize, SetOperation

from advisor.model.lookup import Catalog
from advisor.model.names import RelationName
from advisor.model.workload import ColumnUse
from advisor.workload.expressions import column_names, parameters_in
from advisor.workload.from_clause import FromClause
from advisor.workload.ordering import Ordering, aggregates_in
from advisor.workload.roles import Conditions, Uses
from advisor.workload.scope import Base, Derived, Item, Relations, Scope, Target, behind_barrier, walk

_WRAPPERS = (ast.ExplainStmt, ast.CreateTableAsStmt, ast.DeclareCursorStmt, ast.PrepareStmt, ast.CopyStmt, ast.ViewStmt)
_MAX_NESTING = 100  # subqueries within subqueries


def resolve_uses(
    tree: Any, catalog: Catalog, search_path: Sequence[str]
) -> tuple[tuple[ColumnUse, ...], tuple[RelationName, ...]]:
    """Return how the statement uses columns of the catalog, and the relations it names (views and what is in them
    too), in order of appearance.

    `tree` is what pglast.parse_sql() returned, or one of its statements. Names the catalog does not know are left
    out; nothing is raised for them.
    """
    walker = _Walker(catalog, search_path)
    for statement in tree if isinstance(tree, tuple | list) else (tree,):
        walker.references = _count_names(statement)
        node = getattr(statement, "stmt", statement)
        while isinstance(node, _WRAPPERS) and node.query is not None:
            node = node.query
        walker.query(node, Scope())
    return walker.uses.result(), tuple(walker.relations.seen)


def _count_names(statement: Any) -> dict[str, int]:
    """Return how often each unqualified relation name is mentioned; a CTE mentioned twice is not inlined."""
    counts: dict[str, int] = {}
    for node in walk(statement):
        if isinstance(node, ast.RangeVar) and not node.schemaname:
            counts[node.relname] = counts.get(node.relname, 0) + 1
    return counts


class _Walker:
    def __init__(self, catalog: Catalog, search_path: Sequence[str]) -> None:
        self.uses = Uses()
        self.relations = Relations(catalog, search_path)
        self.references: dict[str, int] = {}
        self._conditions = Conditions(catalog, self.uses, self.query)
        self._from = FromClause(self.relations, self.uses, self._conditions, self)
        self._ordering = Ordering(catalog, self.uses, self._conditions)
        self._depth = 0

    def query(self, node: Any, scope: Scope) -> Item:
        """Analyse a query or data-modifying statement within its own `scope`; return its output columns."""
        if self._depth >= _MAX_NESTING:
            return Item(opaque=True)
        self._depth += 1
        try:
            self._ctes(getattr(node, "withClause", None), scope)
            if isinstance(node, ast.SelectStmt):
                return self._select(node, scope)
            if isinstance(node, ast.InsertStmt):
                return self._insert(node, scope)
            if isinstance(node, ast.UpdateStmt):
                return self._update(node, scope)
            if isinstance(node, ast.DeleteStmt):
                return self._delete(node, scope)
            if isinstance(node, ast.MergeStmt):
                return self._merge(node, scope)
            return Item(opaque=True)
        finally:
            self._depth -= 1

    def _ctes(self, clause: Any, scope: Scope) -> None:
        for cte in clause.ctes if clause is not None else ():
            names = [name.sval for name in cte.aliascolnames or ()]
            body = cte.ctequery
            recursive = clause.recursive and isinstance(body, ast.SelectStmt) and body.larg is not None
            if recursive:
                # The working table holds what the first arm returned; no condition goes through it.
                first = self.query(body.larg, Scope(up=scope))
                scope.ctes[cte.ctename] = _output(first, names, barrier=True)
                self.query(body.rarg, Scope(up=scope))
                self._ordering.of_set_operation(body, first, Scope(up=scope))
                continue
            item = self.query(body, Scope(up=scope))
            fenced = (
                CTEMaterialize(cte.ctematerialized) is CTEMaterialize.CTEMaterializeAlways
                or not isinstance(body, ast.SelectStmt)
                or (
                    self.references.get(cte.ctename, 0) > 1
                    and CTEMaterialize(cte.ctematerialized) is not CTEMaterialize.CTEMaterializeNever
                )
            )
            scope.ctes[cte.ctename] = _output(item, names, barrier=fenced)

    # --- SELECT

    def _select(self, node: ast.SelectStmt, scope: Scope) -> Item:
        if SetOperation(node.op) is not SetOperation.SETOP_NONE:
            return self._set_operation(node, scope)
        if node.valuesLists:
            self._conditions.expression(node.valuesLists, scope)
            return Item({f"column{n}": (None,) for n in range(1, len(node.valuesLists[0]) + 1)})
        for item in node.fromClause or ():
            self._from.add(item, scope)
        self._conditions.condition(node.whereClause, scope)
        outputs = self._targets(node.targetList, scope)
        self._conditions.expression(node.havingClause, scope)
        for part in (node.limitCount, node.limitOffset):
            self._conditions.expression(part, scope)
        grouped = self._ordering.of_select(node, outputs, scope)
        return self._fence(node, outputs, grouped)

    def _set_operation(self, node: ast.SelectStmt, scope: Scope) -> Item:
        left = self.query(node.larg, Scope(up=scope))
        right = self.query(node.rarg, Scope(up=scope))
        columns: dict[str, tuple[Target, ...]] = {}
        theirs = list(right.columns.values())
        for position, (name, targets) in enumerate(left.columns.items()):
            columns[name] = targets + (theirs[position] if position < len(theirs) else ())
        item = Item(columns, opaque=left.opaque or right.opaque)
        self._ordering.of_set_operation(node, item, scope)
        return _output(item, (), barrier=node.limitCount is not None or node.limitOffset is not None)

    def _targets(self, targets: Any, scope: Scope) -> dict[str, tuple[Target, ...]]:
        """Record what a target list reads; return its columns."""
        columns: dict[str, tuple[Target, ...]] = {}

        def add(name: str, found: tuple[Target, ...]) -> None:
            while name in columns:
                name += " "  # a second column of the name: unreachable by name, but keeps its place
            columns[name] = found

        for target in targets or ():
            value = getattr(target, "val", target)
            if isinstance(value, ast.ColumnRef) and column_names(value) is None:
                qualifier = [part.sval for part in value.fields[:-1]]
                for item in self._starred(qualifier, scope):
                    for name, found in item.columns.items():
                        self._conditions.read_targets(found)
                        add(name, found)
                continue
            self._conditions.expression(value, scope)
            add(target.name or _implicit_name(value), (Derived(value, scope),))
        return columns

    def _starred(self, qualifier: list[str], scope: Scope) -> list[Item]:
        if qualifier:
            item = scope.whole_row(qualifier[-1])
            return [item] if item is not None else []
        return list(scope.items.values())

    def _fence(self, node: ast.SelectStmt, columns: dict[str, tuple[Target, ...]], grouped: set[str]) -> Item:
        """Return the output columns; those a condition from outside cannot reach are behind a barrier."""
        limited = node.limitCount is not None or node.limitOffset is not None
        distinct_on = bool(node.distinctClause and node.distinctClause[0] is not None)
        windowed = any(isinstance(n, ast.FuncCall) and n.over is not None for n in walk(node.targetList))
        aggregated = bool(node.groupClause) or aggregates_in(node.targetList) or node.havingClause is not None
        if limited:
            return Item({name: behind_barrier(found) for name, found in columns.items()})
        if not (distinct_on or windowed or aggregated):
            return Item(columns)
        reachable = grouped if aggregated else set()
        if windowed and not aggregated:
            reachable = self._ordering.partitioned_by_all_windows(node, columns)
        return Item({name: found if name in reachable else behind_barrier(found) for name, found in columns.items()})

    # --- data-modifying statements

    def _target_relation(self, node: ast.RangeVar, scope: Scope) -> Item:
        return self._from.relation(node, Scope() if scope.up is None and not scope.ctes else scope)

    def _insert(self, node: ast.InsertStmt, scope: Scope) -> Item:
        own = Scope(up=scope)
        item = self._from.relation(node.relation, own)
        names = [target.name for target in node.cols or ()] or list(item.columns)
        source = node.selectStmt
        if isinstance(source, ast.SelectStmt) and source.valuesLists:
            for row in source.valuesLists:
                for name, value in zip(names, row, strict=False):
                    self._assigned(item, name, value, "insert")
            self._ctes(source.withClause, scope)
            self._conditions.expression(source.valuesLists, scope)
        elif source is not None:
            self.query(source, Scope(up=scope))
            values = [target.val for target in getattr(source, "targetList", None) or ()]
            for name, value in zip(names, values + [None] * (len(names) - len(values)), strict=False):
                self._assigned(item, name, value, "insert")
        if (conflict := node.onConflictClause) is not None:
            own.items["excluded"] = Item(dict.fromkeys(item.columns, (None,)))
            self._set(conflict.targetList, item, own)
            self._conditions.condition(conflict.whereClause, own)
        return self._returning(node, own)

    def _update(self, node: ast.UpdateStmt, scope: Scope) -> Item:
        item = self._from.relation(node.relation, scope)
        for source in node.fromClause or ():
            self._from.add(source, scope)
        self._set(node.targetList, item, scope)
        self._conditions.condition(node.whereClause, scope)
        return self._returning(node, scope)

    def _delete(self, node: ast.DeleteStmt, scope: Scope) -> Item:
        self._from.relation(node.relation, scope)
        for source in node.usingClause or ():
            self._from.add(source, scope)
        self._conditions.condition(node.whereClause, scope)
        return self._returning(node, scope)

    def _merge(self, node: ast.MergeStmt, scope: Scope) -> Item:
        item = self._from.relation(node.relation, scope)
        self._from.add(node.sourceRelation, scope)
        self._conditions.condition(node.joinCondition, scope)
        for clause in node.mergeWhenClauses or ():
            self._conditions.expression(clause.condition, scope)
            if clause.values is not None:
                names = [target.name for target in clause.targetList or ()] or list(item.columns)
                for name, value in zip(names, clause.values, strict=False):
                    self._assigned(item, name, value, "insert")
                self._conditions.expression(clause.values, scope)
            else:
                self._set(clause.targetList, item, scope)
        return self._returning(node, scope)

    def _set(self, targets: Any, item: Item, scope: Scope) -> None:
        sources: set[int] = set()
        for target in targets or ():
            value = target.val
            if isinstance(value, ast.MultiAssignRef):  # SET (a, b) = …: one source, seen once per column
                source = value.source
                single = source.args[value.colno - 1] if isinstance(source, ast.RowExpr) else source
                self._assigned(item, target.name, single, "set")
                if value.colno > 1:
                    continue
                value = source
            else:
                self._assigned(item, target.name, value, "set")
            if isinstance(value, ast.SubLink) and id(value) in sources:
                continue
            sources.add(id(value))
            self._conditions.expression(value, scope)

    def _assigned(self, item: Item, name: str | None, value: Any, role: str) -> None:
        for target in item.columns.get(name or "", ()):
            if not isinstance(target, Base):
                continue
            # Only a value that is the parameter itself (or its cast) has the column's type.
            parameters = parameters_in(value) if value is not None else ()
            for parameter in parameters or (None,):
                self.uses.add(
                    ColumnUse(
                        relation=target.relation,
                        occurrence=target.occurrence,
                        columns=(target.column,),
                        expression=None,
                        role=role,
                        parameter=parameter,
                    )
                )

    def _returning(self, node: Any, scope: Scope) -> Item:
        clause = getattr(node, "returningClause", None)
        targets = clause.exprs if clause is not None else getattr(node, "returningList", None)
        columns = self._targets(targets, scope)
        return Item({name: behind_barrier(found) for name, found in columns.items()})


def _output(item: Item, names: Sequence[str], *, barrier: bool) -> Item:
    kept = list(item.columns)
    renamed = [*names[: len(kept)], *kept[len(names) :]]
    values = [behind_barrier(found) if barrier else found for found in item.columns.values()]
    return Item(dict(zip(renamed, values, strict=True)), opaque=item.opaque)


def _implicit_name(value: Any) -> str:
    """Return the column name PostgreSQL gives an unnamed target."""
    if isinstance(value, ast.ColumnRef):
        return str(value.fields[-1].sval)
    if isinstance(value, ast.FuncCall):
        return str(value.funcname[-1].sval)
    if isinstance(value, ast.TypeCast):
        inner = _implicit_name(value.arg)
        return inner if inner != "?column?" else str(value.typeName.names[-1].sval)
    if isinstance(value, ast.CoalesceExpr):
        return "coalesce"
    if isinstance(value, ast.CaseExpr):
        return "case"
    if isinstance(value, ast.A_Indirection):
        last = value.indirection[-1]
        return str(last.sval) if isinstance(last, ast.String) else _implicit_name(value.arg)
    return "?column?"
