"""Names in scope: which relation's column a name means, through aliases, CTEs, subqueries and views.

A column name resolves to one or more `Target`s: a column of a relation of the catalog (`Base`), an expression
of a subquery's target list with the scope it is to be read in (`Derived`), or nothing known (`None`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pglast import ast

from advisor.model.lookup import Catalog
from advisor.model.names import RelationName


@dataclass(frozen=True, slots=True)
class Base:
    """A column of the `occurrence`-th mention of a relation. `barrier`: behind LIMIT, aggregation, DISTINCT ON or
    a materialized CTE, so that a condition on it is not pushed down to the relation."""

    relation: RelationName
    occurrence: int
    column: str
    barrier: bool = False


@dataclass(frozen=True, slots=True)
class Derived:
    """An expression of a subquery's target list, to be read in that subquery's scope."""

    node: Any
    scope: Scope
    barrier: bool = False


Target = Base | Derived | None


@dataclass(slots=True)
class Item:
    """One entry of a FROM clause: its columns in order, each with what it may mean (several through a union)."""

    columns: dict[str, tuple[Target, ...]] = field(default_factory=dict)
    relation: RelationName | None = None
    occurrence: int = 0
    opaque: bool = False  # its columns are not known (function, unknown relation): any name may be one of them


@dataclass(slots=True)
class Scope:
    """The names one query level sees; `up` is the level outside it."""

    up: Scope | None = None
    items: dict[str, Item] = field(default_factory=dict)
    ctes: dict[str, Item] = field(default_factory=dict)
    # Columns merged by USING or NATURAL: an unqualified name means all of them.
    merged: dict[str, tuple[Target, ...]] = field(default_factory=dict)

    def cte(self, name: str) -> Item | None:
        scope: Scope | None = self
        while scope is not None:
            if name in scope.ctes:
                return scope.ctes[name]
            scope = scope.up
        return None

    def column(self, names: Sequence[str]) -> tuple[Target, ...]:
        """Return what a column reference means: `names` are its parts, without a trailing star."""
        scope: Scope | None = self
        while scope is not None:
            found = scope._own_column(names)
            if found is not None:
                return found
            scope = scope.up
        return ()

    def _own_column(self, names: Sequence[str]) -> tuple[Target, ...] | None:
        column = names[-1]
        if len(names) > 1:
            item = self.items.get(names[-2])
            if item is None or (len(names) > 2 and item.relation is not None and item.relation.schema != names[-3]):
                return None
            return item.columns.get(column, ())
        if column in self.merged:
            return self.merged[column]
        for item in self.items.values():
            if column in item.columns:
                return item.columns[column]
        if any(item.opaque for item in self.items.values()):
            return ()
        return None

    def whole_row(self, name: str) -> Item | None:
        scope: Scope | None = self
        while scope is not None:
            if name in scope.items:
                return scope.items[name]
            scope = scope.up
        return None


def behind_barrier(targets: tuple[Target, ...]) -> tuple[Target, ...]:
    """Return the targets with their barrier set."""
    behind: list[Target] = []
    for target in targets:
        if isinstance(target, Base):
            behind.append(Base(target.relation, target.occurrence, target.column, True))
        elif isinstance(target, Derived):
            behind.append(Derived(target.node, target.scope, True))
        else:
            behind.append(None)
    return tuple(behind)


def walk(node: Any) -> Iterator[ast.Node]:
    """Yield every AST node under `node`, itself first; iterative, so that deep trees do no harm."""
    pending: list[Any] = [node]
    while pending:
        current = pending.pop()
        if isinstance(current, tuple | list):
            pending.extend(reversed(current))
        elif isinstance(current, ast.Node):
            yield current
            pending.extend(getattr(current, name) for name in reversed(list(current)))


class Relations:
    """Finds relations by name under a search_path and numbers their occurrences within one statement."""

    def __init__(self, catalog: Catalog, search_path: Sequence[str]) -> None:
        self.catalog = catalog
        path = [name for name in search_path if name not in ("$user", '"$user"')]
        # pg_catalog is searched first unless the path names it.
        self._path = path if "pg_catalog" in path else ["pg_catalog", *path]
        self._counts: Counter[RelationName] = Counter()
        self.seen: dict[RelationName, None] = {}  # in order of appearance

    @cached_property
    def _views(self) -> dict[RelationName, str]:
        return views_of(self.catalog)

    def view_text(self, relation: RelationName) -> str | None:
        return self._views.get(relation)

    def find(self, schema: str | None, name: str) -> RelationName | None:
        for candidate in [schema] if schema else self._path:
            relation = RelationName(candidate, name)
            if relation in self.catalog.tables or relation in self.catalog.columns or relation in self._views:
                return relation
        return None

    def mention(self, relation: RelationName) -> int:
        """Count one more occurrence of the relation and return its number, from 0."""
        number = self._counts[relation]
        self._counts[relation] += 1
        self.seen.setdefault(relation)
        return number


_VIEWS: dict[int, tuple[Catalog, dict[RelationName, str]]] = {}


def views_of(catalog: Catalog) -> dict[RelationName, str]:
    """Return the definitions of the catalog's views; remembered for the catalog last asked about."""
    known = _VIEWS.get(id(catalog))
    if known is None or known[0] is not catalog:
        _VIEWS.clear()
        texts = {RelationName(o.schema, o.name): o.ddl for o in catalog.snapshot.schema_objects if o.kind == "view"}
        known = _VIEWS[id(catalog)] = (catalog, texts)
    return known[1]
