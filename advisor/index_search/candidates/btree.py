"""B-tree keys: equality, then one range or the sort order; joins; grouping."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from advisor.index_search.facts import Facts
from advisor.index_search.occurrence import Key, Occurrence
from advisor.model.catalog import IndexColumn

Columns = tuple[IndexColumn, ...]
_MAX_EQUAL = 4
_HALF = 0.5
_COVERING = (3, 48)  # columns, bytes
_COVERING_IN_BUDGET = (8, 160)
FEW_VALUES = 10  # a column with so few values is no key on its own
_UNSORTED = frozenset(
    ("json", "jsonb", "xml", "point", "box", "polygon", "circle", "path", "lseg", "line", "tsvector", "tsquery",
     "hstore", "geometry", "geography", "vector")
)  # fmt: skip


def key_lists(one: Occurrence, facts: Facts, without: frozenset[str] = frozenset()) -> Iterator[Columns]:
    """Yield the key lists worth trying for one occurrence; columns named in `without` are held by a predicate."""
    width = facts.options.max_width
    held = without | dead_weight(one, facts)
    for keys in _keys(one, held):
        columns = _unique(keys)[:width]
        if not columns or _flag_first(columns, one, facts):
            continue
        if all(sortable(column, one, facts) for column in columns):
            yield columns


def dead_weight(one: Occurrence, facts: Facts) -> frozenset[str]:
    """Return the equality columns that do not belong in a key: what is asked is in half of the rows or more, or a flag
    or IS NULL, which a predicate holds better (a flag that is a parameter here is mostly a constant in the text).

    A flag whose value nobody knows stays where nothing else is compared for equality and rows come in an order or a
    range: (flag, time) serves both of its values, and time alone only the frequent one.
    """
    found = set()
    points = (*one.equal, *one.lists)
    alone = len(points) == 1 and bool(one.orders or one.ranges)
    for key in (*one.equal, *one.lists):
        use = key.use
        column = facts.column(one.relation, use.columns[0])
        if use.expression is not None or column is None:
            continue
        flag = column.base_type.name == "bool" and not (alone and use.constant is None)
        share = facts.rarest_share(one.statement, one.relation, use)
        if use.operator == "IS NULL" or flag or (share is not None and share >= _HALF):
            found.add(key.name)
    return frozenset(found)


def _flag_first(columns: Columns, one: Occurrence, facts: Facts) -> bool:
    """Return whether a column of few values stands before a more telling one that is searched by equality too."""
    if len(columns) < 2 or columns[0].column is None:
        return False
    few = facts.distinct(one.relation, (columns[0].column,))
    if few > FEW_VALUES:
        return False
    points = {key.name for key in (*one.equal, *one.lists, *one.joins)}
    return any(
        column.key in points and (column.column is None or facts.distinct(one.relation, (column.column,)) > FEW_VALUES)
        for column in columns[1:]
    )


def _keys(one: Occurrence, without: frozenset[str]) -> Iterator[list[IndexColumn]]:
    equal = [key.column() for key in one.equal if key.name not in without][:_MAX_EQUAL]
    lists = [key.column() for key in one.lists if key.name not in without][:2]
    ranges = [key.column() for key in one.ranges if key.name not in without]
    tails = [key.column() for key in one.row_tail]
    joins = [key.column() for key in one.joins if key.name not in without]
    orders = [sort_columns(order) for order in one.orders]
    groups = [[key.column() for key in group] for group in one.groups]
    points = [*equal, *lists]

    yield points
    for head in points:
        yield [head]
        yield [head, *(other for other in points if other != head)]
    for first in points[:3]:
        for second in points[:3]:
            if first != second:
                yield [first, second]
    for bound in ranges[:4]:
        yield [*points, bound]
        yield [*equal, bound]
        yield [bound]
        for head in points[:3]:
            yield [head, bound]
    if len(ranges) > 1 and not equal:  # a box on the map, two dates
        yield [ranges[0], ranges[1]]
        yield [ranges[1], ranges[0]]
    if tails and ranges:
        yield [*equal, ranges[0], *tails]
        yield [*points, ranges[0], *tails]
    for order in orders:
        yield order
        yield [*equal, *order]
        yield [*points, *order]
        for head in equal[:3]:
            yield [head, *order]
        for bound in ranges[:2]:
            yield [*equal, *order, bound]
    for join in joins[:4]:
        yield [join]
        yield [join, *points]
        yield [*points, join]
        for head in points[:3]:
            yield [join, head]
            yield [head, join]
        for bound in ranges[:2]:
            yield [join, bound]
            yield [join, *points, bound]
        for order in orders:
            yield [join, *order]
            yield [join, *equal, *order]
        for other in joins[:3]:
            if other != join:
                yield [join, other]
    for group in groups:
        yield group
        yield [*equal, *group]


def sort_columns(order: Sequence[Key]) -> list[IndexColumn]:
    """Return sort keys as index columns; a uniform default order is written ascending (scanned backward if need be)."""
    uses = [key.use for key in order]
    plain = all(use.nulls_first is None or use.nulls_first == use.descending for use in uses)
    uniform = plain and len({use.descending for use in uses}) == 1
    columns = []
    for key in order:
        column = key.column()
        descending = key.use.descending and not uniform
        nulls_first = descending if uniform or key.use.nulls_first is None else key.use.nulls_first
        columns.append(
            IndexColumn(
                column=column.column, expression=column.expression, descending=descending, nulls_first=nulls_first
            )
        )
    return columns


def sortable(column: IndexColumn, one: Occurrence, facts: Facts) -> bool:
    """Return whether a B-tree on the column is sensible: the type sorts and is not long."""
    if column.column is None:
        return "tsvector" not in (column.expression or "")
    known = facts.column(one.relation, column.column)
    if known is None:
        return False
    name = known.base_type.name
    if name in _UNSORTED:
        return False
    return known.type_category not in ("A", "R") and facts.width(one.relation, column.column) < 500


def _unique(columns: Sequence[IndexColumn]) -> Columns:
    seen: dict[str, IndexColumn] = {}
    for column in columns:
        seen.setdefault(column.key, column)
    return tuple(seen.values())


def covering(columns: Columns, one: Occurrence, facts: Facts) -> tuple[str, ...] | None:
    """Return the INCLUDE list that makes the index cover the occurrence; None when that is not cheap.

    At most three more columns of together 48 bytes (more where a storage budget says what indexes may take), on a
    table whose pages are mostly all-visible.
    """
    if any(column.column is None for column in columns) or facts.visible_share(one.relation) < 0.5:
        return None
    missing = [name for name in one.output if name not in {column.column for column in columns}]
    most, width = _COVERING if facts.options.budget_bytes is None else _COVERING_IN_BUDGET
    if not missing or len(missing) > most or sum(facts.width(one.relation, name) for name in missing) > width:
        return None
    return tuple(missing)
