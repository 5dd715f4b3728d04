"""What the search knows of tables and columns: sizes, distinct values, frequencies of single values."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from functools import cached_property

from advisor.index_search.options import SearchOptions
from advisor.index_search.size import distinct_count, table_pages
from advisor.index_search.widths import expression_columns, expression_statistics
from advisor.model.arrays import parse_array
from advisor.model.catalog import Column, Index, Table
from advisor.model.lookup import Catalog
from advisor.model.names import RelationName
from advisor.model.snapshot import Snapshot
from advisor.model.statistics import ColumnStatistics
from advisor.model.workload import ColumnUse, Statement

_NOW_AND_THEN = 0.05  # of a statement's calls


class Facts:
    """Answers of the snapshot that candidates, write costs and rejections share."""

    def __init__(self, snapshot: Snapshot, catalog: Catalog, options: SearchOptions) -> None:
        self.snapshot = snapshot
        self.catalog = catalog
        self.options = options
        self.major = snapshot.server.major

    @cached_property
    def extensions(self) -> dict[str, bool]:
        """Extensions by name: installed, or only available."""
        return {extension.name: extension.version is not None for extension in self.snapshot.extensions}

    def extension_schema(self, name: str) -> str | None:
        return next((e.schema for e in self.snapshot.extensions if e.name == name and e.version is not None), None)

    def table(self, relation: RelationName) -> Table | None:
        return self.catalog.tables.get(relation)

    def column(self, relation: RelationName, name: str) -> Column | None:
        return self.catalog.columns.get(relation, {}).get(name)

    def statistics(self, relation: RelationName, name: str) -> ColumnStatistics | None:
        return self.catalog.statistics(relation, name)

    def rows(self, relation: RelationName) -> float:
        return self.catalog.rows(relation)

    @cached_property
    def rows_by_name(self) -> dict[str, float]:
        """Return the rows of tables and partitions by name without schema, as plans name them: of several the most."""
        found: dict[str, float] = {}
        for table in self.snapshot.tables:
            if table.kind in "rm":
                found[table.name] = max(found.get(table.name, 0.0), self.catalog.rows(table.relation))
        return found

    def is_array(self, relation: RelationName, name: str) -> bool:
        """Return whether a column holds arrays."""
        column = self.column(relation, name)
        return column is not None and column.type_category == "A"

    def pages(self, relation: RelationName) -> int:
        return sum(table_pages(self.catalog, leaf.relation) for leaf in self.catalog.leaves(relation))

    def indexable(self, relation: RelationName) -> str | None:
        """Return why no index is proposed on a relation; None when one may be."""
        table = self.table(relation)
        if table is None or table.kind not in "rpm":
            return "it is not a table with storage here"
        if table.extension is not None:
            return f"it belongs to the extension {table.extension}"
        if table.persistence == "t":
            return "it is a temporary table"
        pages, rows = self.pages(relation), self.rows(relation)
        if pages < self.options.min_pages:
            return f"the table has {pages} pages: reading it whole is as fast as an index"
        if rows < self.options.min_rows:
            return f"the table has about {rows:.0f} rows: reading it whole is as fast as an index"
        return None

    def distinct(self, relation: RelationName, columns: Iterable[str]) -> float:
        """Return the expected number of different values of a column, or of an expression over it."""
        rows = self.rows(relation)
        found = 1.0
        for name in columns:
            statistics = self.statistics(relation, name)
            found *= distinct_count(statistics.n_distinct if statistics else 0.0, rows)
        return min(found, max(rows, 1.0))

    def frequency(self, relation: RelationName, column: str, value: str) -> float | None:
        """Return the share of rows whose column has `value` (text form); None when statistics cannot tell."""
        statistics = self.statistics(relation, column)
        if statistics is None:
            return None
        values = parse_array(statistics.most_common_vals)
        frequencies = statistics.most_common_freqs or ()
        wanted = _canonical(value)
        for known, share in zip(values, frequencies, strict=False):
            if known is not None and _canonical(known) == wanted:
                return share
        rest = max(0.0, 1.0 - sum(frequencies) - statistics.null_frac)
        others = max(1.0, distinct_count(statistics.n_distinct, self.rows(relation)) - len(frequencies))
        return rest / others

    def range_share(self, relation: RelationName, column: str, operator: str, value: str) -> float | None:
        """Return the share of rows beyond a number (`operator` is < <= > >=); None when statistics cannot tell."""
        statistics = self.statistics(relation, column)
        bound, common = _number(value), [] if statistics is None else parse_array(statistics.most_common_vals)
        if statistics is None or bound is None:
            return None
        below = equal = 0.0
        frequencies = statistics.most_common_freqs or ()
        for text, share in zip(common, frequencies, strict=False):
            number = _number(text)
            below += share if number is not None and number < bound else 0.0
            equal += share if number == bound else 0.0
        bounds = [number for text in parse_array(statistics.histogram_bounds) if (number := _number(text)) is not None]
        rest = max(0.0, 1.0 - sum(frequencies) - statistics.null_frac)
        below += rest * _part_below(bounds, bound)
        return max(0.0, {
            "<": below, "<=": below + equal, ">=": 1 - statistics.null_frac - below,
        }.get(operator, 1 - statistics.null_frac - below - equal))  # fmt: skip

    def asked_share(self, statement: Statement, relation: RelationName, use: ColumnUse) -> float | None:
        """Return the share of rows that have the value an equality asks for, the mean over the bindings; None when
        neither the text nor the bindings tell."""
        name = use.columns[0]
        if use.operator == "IS NULL":
            return self.null_share(relation, name)
        if use.constant is not None and use.role == "equality":
            body = use.constant[1:-1].replace("''", "'") if use.constant.startswith("'") else use.constant
            return self.frequency(relation, name, body)
        shares = self._shares_asked(statement, relation, use)
        weight = sum(one for one, _ in shares)
        return sum(one * share for one, share in shares) / weight if weight else None

    def rarest_share(self, statement: Statement, relation: RelationName, use: ColumnUse) -> float | None:
        """Return the share of rows of the rarest value that an equality asks for more than now and then."""
        shares = self._shares_asked(statement, relation, use)
        often = [share for weight, share in shares if weight >= _NOW_AND_THEN]
        return min(often) if often else self.asked_share(statement, relation, use)

    def _shares_asked(self, statement: Statement, relation: RelationName, use: ColumnUse) -> list[tuple[float, float]]:
        """Return (weight, share of rows) of the values a parameter is bound to."""
        found: list[tuple[float, float]] = []
        number = use.parameter
        if number is None:
            return found
        for binding in statement.bindings:
            value = binding.values[number - 1] if number <= len(binding.values) else None
            if value is not None and (share := self.frequency(relation, use.columns[0], value)) is not None:
                found.append((binding.weight, share))
        return found

    def null_share(self, relation: RelationName, column: str) -> float | None:
        statistics = self.statistics(relation, column)
        return None if statistics is None else statistics.null_frac

    def width(self, relation: RelationName, name: str) -> float:
        """Return the mean bytes of a column's value."""
        column = self.column(relation, name)
        if column is not None and column.typlen > 0:
            return float(column.typlen)
        statistics = self.statistics(relation, name)
        return float(statistics.avg_width) if statistics else 32.0

    def visible_share(self, relation: RelationName) -> float:
        """Return the share of heap pages an index-only scan need not visit."""
        leaves = self.catalog.leaves(relation)
        pages = sum(leaf.relpages for leaf in leaves)
        return sum(leaf.relallvisible for leaf in leaves) / pages if pages else 0.0

    def correlation(self, relation: RelationName, name: str) -> float:
        """Return |correlation| of the column's order with the heap's; for a partitioned table the leaves' mean."""
        found = [
            abs(row.correlation)
            for leaf in self.catalog.leaves(relation)
            if (row := self._own_statistics(leaf.relation, name)) is not None and row.correlation is not None
        ]
        return sum(found) / len(found) if found else 0.0

    def _own_statistics(self, relation: RelationName, name: str) -> ColumnStatistics | None:
        return self._by_relation.get((relation, name))

    @cached_property
    def _by_relation(self) -> dict[tuple[RelationName, str], ColumnStatistics]:
        return {(row.relation, row.column): row for row in self.snapshot.statistics if not row.inherited}

    def expression_known(self, relation: RelationName, expression: str) -> bool:
        return expression_statistics(expression, relation, self.catalog) is not None

    def indexes(self, relation: RelationName) -> tuple[Index, ...]:
        return self.catalog.indexes_by_table.get(relation, ())

    def columns_of(self, relation: RelationName, index: Index) -> set[str]:
        """Return every column an index depends on: keys, INCLUDE, expressions, predicate."""
        columns = self.catalog.columns.get(relation, {})
        found = {key.column for key in index.columns if key.column is not None} | set(index.include)
        for text in (*(key.expression for key in index.columns), index.predicate):
            if text:
                found.update(expression_columns(text, columns))
        return found

    def is_c_collated(self, column: Column) -> bool:
        """Return whether the column's order is byte order, so that a plain B-tree serves prefixes."""
        collation = column.collation
        if collation is None:
            return True
        if collation.name in ("C", "POSIX", "ucs_basic", "pg_c_utf8"):
            return True
        server = self.snapshot.server
        if collation.name != "default":
            return False
        # The builtin provider (17 on) sorts by code point; libc's C.UTF-8 counts as any other locale to the planner.
        return server.locale_provider == "b" or (server.locale_provider == "c" and server.lc_collate in ("C", "POSIX"))


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None


def _part_below(bounds: Sequence[float], value: float) -> float:
    """Return the part of a histogram below a value.

    >>> _part_below([0, 10, 20], 15), _part_below([0, 10, 20], -1), _part_below([], 3)
    (0.75, 0.0, 0.5)
    """
    if len(bounds) < 2:
        return 0.5
    place = bisect_left(bounds, value)
    if place in (0, len(bounds)):
        return 0.0 if place == 0 else 1.0
    low, high = bounds[place - 1], bounds[place]
    return (place - 1 + (value - low) / (high - low)) / (len(bounds) - 1)


def _canonical(value: str) -> str:
    """Return booleans in one spelling; other values as they are."""
    return {"true": "t", "false": "f"}.get(value.lower(), value)
