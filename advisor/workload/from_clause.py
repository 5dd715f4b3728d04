"""FROM clauses: what each item contributes to the scope, and what its join conditions ask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import pglast
from pglast import ast
from pglast.enums import JoinType

from advisor.model.names import RelationName
from advisor.model.workload import ColumnUse
from advisor.workload.roles import Conditions, Uses
from advisor.workload.scope import Base, Item, Relations, Scope, Target, behind_barrier

_MAX_VIEW_DEPTH = 20


class Queries(Protocol):
    """The part that analyses whole queries."""

    def query(self, node: Any, scope: Scope) -> Item: ...


class FromClause:
    """Adds FROM items to a scope."""

    def __init__(self, relations: Relations, uses: Uses, conditions: Conditions, queries: Queries) -> None:
        self._relations = relations
        self._uses = uses
        self._conditions = conditions
        self._queries = queries
        self._views: list[RelationName] = []  # being expanded

    def add(self, node: Any, scope: Scope) -> list[Item]:
        """Add one FROM item and return the items it consists of."""
        if isinstance(node, ast.RangeVar):
            return [self.relation(node, scope)]
        if isinstance(node, ast.RangeSubselect):
            return [self._subselect(node, scope)]
        if isinstance(node, ast.JoinExpr):
            return self._join(node, scope)
        if isinstance(node, ast.RangeTableSample):
            self._conditions.expression(node.args, scope)
            return self.add(node.relation, scope)
        return [self._function(node, scope)]

    def relation(self, node: ast.RangeVar, scope: Scope) -> Item:
        """Add a table, view or CTE; a name the catalog lacks becomes an item of unknown columns."""
        cte = scope.cte(node.relname) if not node.schemaname else None
        if cte is not None:
            item = Item(dict(cte.columns), opaque=cte.opaque)
        else:
            found = self._relations.find(node.schemaname, node.relname)
            item = Item(opaque=True) if found is None else self._of_relation(found)
        item = _renamed(item, node.alias)
        scope.items[node.alias.aliasname if node.alias else node.relname] = item
        return item

    def _of_relation(self, relation: RelationName) -> Item:
        occurrence = self._relations.mention(relation)
        text = self._relations.view_text(relation)
        if text is not None:
            return self._view(relation, text)
        columns = self._relations.catalog.columns.get(relation, {})
        bases: dict[str, tuple[Target, ...]] = {name: (Base(relation, occurrence, name),) for name in columns}
        return Item(bases, relation, occurrence, opaque=not bases)

    def _view(self, relation: RelationName, text: str) -> Item:
        known = list(self._relations.catalog.columns.get(relation, {}))
        opaque = Item(dict.fromkeys(known, (None,)), relation, opaque=not known)
        if relation in self._views or len(self._views) >= _MAX_VIEW_DEPTH:
            return opaque
        try:
            statement = pglast.parse_sql(text)[0].stmt
        except (pglast.parser.ParseError, IndexError):
            return opaque
        body = getattr(statement, "query", statement)
        self._views.append(relation)
        try:
            item = self._queries.query(body, Scope())
        finally:
            self._views.pop()
        names = known or [alias.sval for alias in getattr(statement, "aliases", None) or ()]
        return Item(_rename(item.columns, names), relation, opaque=item.opaque)

    def _subselect(self, node: ast.RangeSubselect, scope: Scope) -> Item:
        # Only LATERAL sees the items before it; the others see the outer levels and every CTE.
        inner = Scope(up=scope) if node.lateral else Scope(up=scope.up, ctes=dict(scope.ctes))
        item = _renamed(self._queries.query(node.subquery, inner), node.alias)
        scope.items[node.alias.aliasname if node.alias else f"subquery {len(scope.items)}"] = item
        return item

    def _function(self, node: Any, scope: Scope) -> Item:
        self._conditions.expression(node, scope)
        alias = getattr(node, "alias", None)
        named = [name.sval for name in alias.colnames or ()] if alias else []
        named += [column.colname for column in getattr(node, "coldeflist", None) or ()]
        if alias and not named:
            named = [alias.aliasname]
        item = Item(dict.fromkeys(named, (None,)), opaque=not (alias and alias.colnames))
        scope.items[alias.aliasname if alias else f"function {len(scope.items)}"] = item
        return item

    def _join(self, node: ast.JoinExpr, scope: Scope) -> list[Item]:
        left = self.add(node.larg, scope)
        right = self.add(node.rarg, scope)
        kind = JoinType(node.jointype)
        if node.isNatural:
            theirs = {name for item in right for name in item.columns}
            shared = [name for item in left for name in item.columns if name in theirs]
        else:
            shared = [name.sval for name in node.usingClause or ()]
        for name in dict.fromkeys(shared):
            ours, theirs_targets = _targets(left, name, scope), _targets(right, name, scope)
            self._equal(ours, theirs_targets)
            self._equal(theirs_targets, ours)
            merged = theirs_targets if kind is JoinType.JOIN_RIGHT else ours
            scope.merged[name] = behind_barrier(merged) if kind is JoinType.JOIN_FULL else merged
        self._conditions.condition(node.quals, scope)
        if node.alias is not None:
            columns: dict[str, tuple[Target, ...]] = {}
            for item in (*left, *right):
                for name, targets in item.columns.items():
                    columns.setdefault(name, targets)
            joined = _renamed(Item(columns), node.alias)
            hidden = {id(item) for item in (*left, *right)}
            scope.items = {name: item for name, item in scope.items.items() if id(item) not in hidden}
            scope.items[node.alias.aliasname] = joined
            return [joined]
        return [*left, *right]

    def _equal(self, ours: tuple[Target, ...], theirs: tuple[Target, ...]) -> None:
        partner = next((target for target in theirs if isinstance(target, Base)), None)
        for target in ours:
            if isinstance(target, Base):
                self._uses.read(target.relation, target.occurrence, target.column)
                if not target.barrier:
                    self._uses.add(
                        ColumnUse(
                            relation=target.relation,
                            occurrence=target.occurrence,
                            columns=(target.column,),
                            expression=None,
                            role="join",
                            operator="=",
                            other=(partner.relation, partner.occurrence, partner.column) if partner else None,
                        )
                    )


def _targets(items: list[Item], name: str, scope: Scope) -> tuple[Target, ...]:
    if name in scope.merged and any(name in item.columns for item in items):
        return scope.merged[name]
    return next((item.columns[name] for item in items if name in item.columns), ())


def _rename(columns: dict[str, tuple[Target, ...]], names: Sequence[str]) -> dict[str, tuple[Target, ...]]:
    """Return the columns with the first ones renamed."""
    kept = list(columns)
    return dict(zip([*names[: len(kept)], *kept[len(names) :]], columns.values(), strict=True))


def _renamed(item: Item, alias: Any) -> Item:
    names = [name.sval for name in alias.colnames or ()] if alias is not None else []
    if not names:
        return item
    return Item(_rename(item.columns, names), item.relation, item.occurrence, item.opaque)
