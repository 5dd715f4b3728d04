"""What a snapshot does not hold and only the server can tell: index metapages, and ends of histograms.

Metapages need the extension pageinspect and a superuser; without them heights are estimated from sizes. End points
are values of rows, so they are read only when the user asked for it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import psycopg
from psycopg import pq

from advisor.model.arrays import format_array, parse_array
from advisor.model.catalog import Index
from advisor.model.names import RelationName, quote_ident
from advisor.model.snapshot import Snapshot
from advisor.model.statistics import ColumnStatistics
from advisor.whatif.twin.pages import GinCounters

# One page each, read through the buffer cache: 0.1 ms. Beyond this many, sizes must do.
_MOST_METAPAGES = 2000
_SECONDS = "2s"  # for one end point; an index probe takes well under a millisecond


@dataclass(frozen=True, slots=True)
class LiveFacts:
    """Facts by index, and smallest and largest values by (relation, column)."""

    heights: dict[RelationName, int] = field(default_factory=dict)
    gin: dict[RelationName, GinCounters] = field(default_factory=dict)
    end_points: dict[tuple[RelationName, str], tuple[str, str]] = field(default_factory=dict)

    def with_end_points(self, row: ColumnStatistics) -> ColumnStatistics:
        """Return the row with its histogram reaching to the real smallest and largest value.

        For a constant in the outermost bins PostgreSQL looks into the index; the twin's index is empty.
        """
        ends = self.end_points.get((row.relation, row.column))
        if ends is None or row.inherited or row.histogram_bounds is None:
            return row
        bounds = list(parse_array(row.histogram_bounds))
        if len(bounds) < 2:
            return row
        return replace(row, histogram_bounds=format_array([ends[0], *bounds[1:-1], ends[1]]))


def read_live_facts(
    connection: psycopg.Connection[Any] | None,
    snapshot: Snapshot,
    touched: Collection[RelationName] | None,
    *,
    end_points: bool,
) -> LiveFacts:
    """Return what can be read; nothing without a connection."""
    facts = LiveFacts()
    if connection is None or connection.closed or connection.info.transaction_status != pq.TransactionStatus.IDLE:
        return facts
    indexes = [i for i in snapshot.indexes if i.is_valid and not i.is_partitioned]
    if touched is not None:
        indexes = [i for i in indexes if i.table in touched]
    _read_metapages(connection, snapshot, indexes, facts)
    if end_points:
        _read_end_points(connection, snapshot, indexes, facts)
    return facts


def _read_metapages(
    connection: psycopg.Connection[Any], snapshot: Snapshot, indexes: list[Index], facts: LiveFacts
) -> None:
    inspect = next((e for e in snapshot.extensions if e.name == "pageinspect" and e.version is not None), None)
    if inspect is None or inspect.schema is None or not snapshot.server.is_superuser:
        return
    schema = quote_ident(inspect.schema)
    for index in [i for i in indexes if i.access_method in ("btree", "gin")][:_MOST_METAPAGES]:
        name = str(index.relation)
        if index.access_method == "btree":
            row = _ask(connection, f"select fastlevel from {schema}.bt_metap(%s)", (name,))  # noqa: S608
            if row is not None:
                facts.heights[index.relation] = int(row[0])
            continue
        row = _ask(
            connection,
            "select n_pending_pages, n_total_pages, n_entry_pages, n_data_pages, n_entries"  # noqa: S608
            f" from {schema}.gin_metapage_info({schema}.get_raw_page(%s, 0))",
            (name,),
        )
        if row is not None:
            facts.gin[index.relation] = GinCounters(*map(int, row))


def _read_end_points(
    connection: psycopg.Connection[Any], snapshot: Snapshot, indexes: list[Index], facts: LiveFacts
) -> None:
    wanted = {(s.relation, s.column) for s in snapshot.statistics if s.histogram_bounds is not None and not s.inherited}
    for table, column in _leading_columns(indexes):
        if (table, column) in wanted and (table, column) not in facts.end_points:
            name = quote_ident(column)
            # ORDER BY … LIMIT 1 walks the index; min() does not exist for every type.
            ends = [
                # Qualified in ORDER BY: the bare name would be the text of the select list.
                f"(select t.{name}::text from only {table} as t where t.{name} is not null"  # noqa: S608
                f" order by t.{name} {order} limit 1)"
                for order in ("asc", "desc")
            ]
            row = _ask(connection, f"select {ends[0]}, {ends[1]}", ())
            if row is not None and row[0] is not None and row[1] is not None:
                facts.end_points[table, column] = (row[0], row[1])


def _leading_columns(indexes: list[Index]) -> Iterator[tuple[RelationName, str]]:
    """Yield the columns whose range the planner would look up: leading in a whole B-tree, default order of its type."""
    for index in indexes:
        first = index.columns[0] if index.columns else None
        if (
            index.access_method == "btree"
            and index.predicate is None
            and first is not None
            and first.column is not None
            and first.opclass_is_default
            and first.collation_is_default
        ):
            yield index.table, first.column


def _ask(connection: psycopg.Connection[Any], query: str, parameters: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """Return the one row of a small query, None when the server refuses it."""
    try:
        with connection.transaction():
            connection.execute("select pg_catalog.set_config('statement_timeout', %s, true)", (_SECONDS,))
            return connection.execute(query.encode(), parameters or None).fetchone()
    except psycopg.Error:
        return None
