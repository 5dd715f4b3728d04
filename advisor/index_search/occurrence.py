"""The uses of one mention of a relation in one statement, sorted by what an index could do for them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from advisor.index_search.facts import Facts
from advisor.model.catalog import IndexColumn
from advisor.model.names import RelationName
from advisor.model.workload import ColumnUse, Statement


@dataclass(frozen=True, slots=True)
class Key:
    """A column or expression as an index key, with the use that asks for it."""

    use: ColumnUse

    @property
    def name(self) -> str:
        return self.use.expression or self.use.columns[0]

    def column(self) -> IndexColumn:
        if self.use.expression is not None:
            return IndexColumn(column=None, expression=self.use.expression)
        return IndexColumn(column=self.use.columns[0])


@dataclass(slots=True)
class Occurrence:
    """One mention of a relation and one AND-ed set of conditions on it (the ANDed ones and one OR arm's)."""

    statement: Statement
    relation: RelationName
    branch: int
    equal: list[Key] = field(default_factory=list)  # =, IS NULL, booleans: most distinct values first
    lists: list[Key] = field(default_factory=list)  # IN, = ANY
    ranges: list[Key] = field(default_factory=list)
    row_tail: list[Key] = field(default_factory=list)  # (a, b) < (x, y): b
    patterns: list[Key] = field(default_factory=list)  # LIKE and the like
    contains: list[Key] = field(default_factory=list)
    unequal: list[Key] = field(default_factory=list)  # <>, NOT IN, IS NOT NULL: for predicates only
    joins: list[Key] = field(default_factory=list)
    orders: list[list[Key]] = field(default_factory=list)  # alternatives, each a list of sort keys
    groups: list[list[Key]] = field(default_factory=list)  # GROUP BY, DISTINCT
    output: tuple[str, ...] = ()  # every column of it the statement reads


_ROLES = {"equality": "equal", "in": "lists", "contains": "contains", "join": "joins", "inequality": "unequal"}
_PATTERNS = ("like", "ilike", "regex", "similar")


def occurrences(statement: Statement, facts: Facts) -> list[Occurrence]:
    """Return the statement's occurrences, one per OR arm where it has some."""
    places: dict[tuple[RelationName, int], list[ColumnUse]] = defaultdict(list)
    for use in statement.uses:
        places[use.relation, use.occurrence].append(use)
    found = []
    for (relation, _), uses in places.items():
        branches = sorted({use.branch for use in uses if use.branch})
        for branch in (0, *branches):
            found.append(_occurrence(statement, relation, uses, branch, facts))
    return found


def _occurrence(
    statement: Statement, relation: RelationName, uses: list[ColumnUse], branch: int, facts: Facts
) -> Occurrence:
    one = Occurrence(statement, relation, branch)
    seen: set[tuple[str, str]] = set()
    for use in uses:
        if use.branch not in (0, branch):
            continue
        key = Key(use)
        if use.role == "range":
            name = "row_tail" if use.position > 1 else "ranges"
        elif use.role in _PATTERNS:
            name = "patterns"
        elif use.role == "not_null":
            name = "unequal"
        else:
            name = _ROLES.get(use.role, "")
        if not name:
            continue
        # Patterns, containment and predicates depend on the operator and the constant, keys only on the column.
        distinguish = f"{use.operator}{use.constant}" if name in ("patterns", "contains", "unequal") else ""
        if (name, key.name + distinguish) in seen:
            continue
        seen.add((name, key.name + distinguish))
        getattr(one, name).append(key)
    equal = {key.name for key in one.equal}
    one.lists = [key for key in one.lists if key.name not in equal]
    one.joins = [key for key in one.joins if key.name not in equal]
    one.equal.sort(key=lambda key: -facts.distinct(relation, key.use.columns))
    one.lists.sort(key=lambda key: -facts.distinct(relation, key.use.columns))
    one.orders = _orders(uses)
    one.groups = [_in_order(uses, "group"), _in_order(uses, "distinct")]
    one.groups = [group for group in one.groups if group]
    read: dict[str, None] = {}
    for use in uses:
        if use.role not in ("set", "insert"):
            for name in use.columns:
                read.setdefault(name)
    one.output = tuple(read)
    return one


def _in_order(uses: Iterable[ColumnUse], role: str) -> list[Key]:
    by_position: dict[int, Key] = {}
    for use in uses:
        if use.role == role:
            by_position.setdefault(use.position, Key(use))
    # A position that belongs to another relation ends the usable prefix.
    keys: list[Key] = []
    for position in range(1, len(by_position) + 1):
        if position not in by_position:
            break
        keys.append(by_position[position])
    return keys


def _orders(uses: list[ColumnUse]) -> list[list[Key]]:
    extremes = [[Key(use)] for use in uses if use.role == "order" and use.operator in ("min", "max")]
    rest = [use for use in uses if use.role == "order" and use.operator is None]
    main = _in_order(rest, "order")
    return ([main] if main else []) + extremes
