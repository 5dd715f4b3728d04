"""Reads EXPLAIN's JSON: indexes used, and the shape two plans must share to be called the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from advisor.index_search.planner import Plan
from advisor.model.names import RelationName

_SHAPE_KEYS = (
    "Node Type", "Strategy", "Partial Mode", "Join Type", "Scan Direction", "Relation Name", "Alias", "Index Name",
    "Operation", "Parent Relationship", "Subplans Removed", "Parallel Aware",
)  # fmt: skip


def nodes(tree: dict[str, Any], relation: str | None = None) -> Iterator[tuple[dict[str, Any], str | None]]:
    """Yield every node with the relation it scans; a Bitmap Index Scan has its heap scan's."""
    relation = tree.get("Relation Name", relation)
    yield tree, relation
    for child in tree.get("Plans", ()):
        yield from nodes(child, relation)


def shape(tree: dict[str, Any]) -> tuple[Any, ...]:
    """Return what makes two plans the same plan, costs and row counts aside."""
    own = tuple(tree.get(key) for key in _SHAPE_KEYS)
    return (own, tuple(shape(child) for child in tree.get("Plans", ())))


def outline(tree: dict[str, Any], depth: int = 0) -> tuple[str, ...]:
    """Return a plan as indented lines, one per node: 'Index Scan using orders_pkey on orders'."""
    text = tree["Node Type"]
    if "Index Name" in tree:
        text += f" using {tree['Index Name']}"
    if "Relation Name" in tree:
        text += f" on {tree['Relation Name']}"
    lines = ["  " * depth + text]
    for child in tree.get("Plans", ()):
        lines += outline(child, depth + 1)
    return tuple(lines)


class IndexNames:
    """Finds out which index a plan's unqualified `Index Name` is."""

    def __init__(self, indexes: Mapping[RelationName, tuple[RelationName, RelationName]]) -> None:
        """`indexes`: existing index -> (its table, the index to report: the topmost partitioned parent or itself)."""
        self._by_name: dict[str, list[tuple[RelationName, RelationName]]] = {}
        for index, (table, reported) in indexes.items():
            self._by_name.setdefault(index.name, []).append((table, reported))

    def used(self, tree: dict[str, Any], handles: Mapping[str, str], search_path: tuple[str, ...]) -> frozenset[str]:
        """Return handles of candidates and names of existing indexes in the plan."""
        found: set[str] = set()
        for node, relation in nodes(tree):
            name = node.get("Index Name")
            if name is None:
                continue
            handle = handles.get(name)
            if handle is not None:
                found.add(handle)
                continue
            found.update(str(index) for index in self._resolve(name, relation, search_path))
        return frozenset(found)

    def _resolve(self, name: str, relation: str | None, search_path: tuple[str, ...]) -> list[RelationName]:
        known = self._by_name.get(name, [])
        same_table = [pair for pair in known if relation is None or pair[0].name == relation] or known
        if len(same_table) > 1:
            # The same names in several schemas: the statement means the first of its search_path.
            visible = [pair for schema in search_path for pair in same_table if pair[0].schema == schema]
            same_table = visible[:1] or same_table
        return [reported for _, reported in same_table]


def plan_of(tree: dict[str, Any], used: frozenset[str]) -> Plan:
    """Return EXPLAIN's "Plan" object as the port's Plan."""
    return Plan(
        total_cost=float(tree["Total Cost"]),
        startup_cost=float(tree["Startup Cost"]),
        rows=float(tree["Plan Rows"]),
        used=used,
        tree=tree,
    )
