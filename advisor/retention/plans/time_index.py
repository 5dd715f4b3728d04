"""B-tree or BRIN on the time column: what the purge needs, and what each costs.

Measured on 2 million rows in order of time: B-tree 45 MB, BRIN (32 pages per range) 41 kB; both find 5,000 expired
rows in milliseconds. A BRIN gives neither the oldest row nor an order, and loses its point when freed pages are filled
again.
"""

from __future__ import annotations

from dataclasses import dataclass

from advisor.model.catalog import Table
from advisor.model.lookup import Catalog
from advisor.retention.fill import Ident, fill
from advisor.retention.plans.plan import free_name, index_statements, shorten
from advisor.retention.probes import time_index
from advisor.retention.sqltext import Token, tokens
from advisor.retention.targets import Target
from advisor.units import format_size

# Bytes of a B-tree entry of eight bytes, pages filled to nine tenths.
_BTREE_ENTRY = 22.5
# Below this a B-tree costs too little to give anything up for.
_SMALL = 1 << 30
_CORRELATED = 0.9
_FEW_CHANGES = 0.05
_PAGES_PER_RANGE = 32


@dataclass(frozen=True, slots=True)
class TimeIndex:
    """An index for the purge, with the reason for its method."""

    method: str  # btree, brin
    create: str
    drop: str
    reason: str


def choose_time_index(target: Target, table: Table, catalog: Catalog) -> TimeIndex:
    """Return the index on the time column that `table` should get."""
    if target.column is None:
        raise ValueError(f"{table.relation} has no time column")
    against = _against_brin(target, table, catalog)
    rows = max(table.reltuples, 0.0)
    btree = format_size(rows * _BTREE_ENTRY)
    if against is not None:
        create, drop = index_statements(table.relation, (target.column.name,), catalog)
        size = f" (about {btree})" if rows else ""
        reason = f"A B-tree{size}, not BRIN: {against}."
        candidate = target.choice.candidate
        if candidate is not None and candidate.basis == "updated":
            reason += (
                f" {target.column.name} changes with every use of a row, and each change then writes this index too (no"
                " HOT updates any more): where rows change all the time and the table is small, a purge that reads the"
                " table costs less."
            )
        return TimeIndex("btree", create, drop, reason)
    name = free_name(table.schema, shorten(f"{table.name}_{target.column.name}", 54), "_brin", catalog)
    create = fill(
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS {i} ON {t} USING brin ({c}) WITH (pages_per_range = {n},"
        " autosummarize = on)",
        i=Ident(name), t=table.relation, c=Ident(target.column.name), n=_PAGES_PER_RANGE,
    )  # fmt: skip
    drop = fill("DROP INDEX CONCURRENTLY {s}.{i}", s=Ident(table.schema), i=Ident(name))
    return TimeIndex(
        "brin",
        create,
        drop,
        f"BRIN, a thousandth of the {btree} of a B-tree: rows lie in order of time, are never changed, and no statement"
        " seen asks for the oldest or newest row. It finds expired rows, not the order of rows; when most of the table"
        " has been deleted and filled again, build it anew.",
    )


def finds_in_order(target: Target, table: Table, catalog: Catalog) -> bool:
    """Return whether batches may ask for the oldest rows first: not where a BRIN index finds them."""
    if target.column is None or time_index(table.relation, target.column, catalog) is not None:
        return True
    return not has_brin(target, table, catalog) and choose_time_index(target, table, catalog).method == "btree"


def has_brin(target: Target, table: Table, catalog: Catalog) -> bool:
    """Return whether a BRIN index of the whole table covers the time column."""
    return target.column is not None and any(
        index.access_method == "brin"
        and index.predicate is None
        and index.is_valid
        and target.column.name in [c.column for c in index.columns]
        for index in catalog.indexes_by_table.get(table.relation, ())
    )


def _against_brin(target: Target, table: Table, catalog: Catalog) -> str | None:
    """Return why a BRIN index will not do, None when it will."""
    if target.column is None:
        return "there is no time column"
    size = table.size_bytes if table.size_bytes is not None else table.relpages * 8192
    if size < _SMALL:
        return f"below {format_size(_SMALL)} its size does not matter, and it also tells the oldest row at once"
    statistics = catalog.statistics(table.relation, target.column.name)
    if statistics is None or statistics.correlation is None:
        return "how the rows lie on disk is not known (no statistics)"
    if abs(statistics.correlation) < _CORRELATED:
        return f"the rows do not lie in order of time (correlation {statistics.correlation:.2f})"
    counters = table.counters
    if counters is None or not counters.n_tup_ins:
        return "whether rows are changed after they were written is not known"
    changed = counters.n_tup_upd + counters.n_tup_del
    if changed > _FEW_CHANGES * counters.n_tup_ins:
        return "updates and deletes leave room that new rows fill, and then no range of pages holds one time only"
    asks = next((row.query for row in catalog.snapshot.statements if _asks_for_order(row.query, target)), None)
    if asks is not None:
        return f"a statement asks for rows in order of time, which BRIN cannot give ({' '.join(asks.split())[:80]})"
    return None


def _asks_for_order(query: str | None, target: Target) -> bool:
    """Return whether a statement on the table orders by the time or takes its smallest or largest."""
    if query is None or target.column is None or target.relation.name.lower() not in query.lower():
        return False
    stream = tokens(query)
    if not any(t.is_name and t.text == target.relation.name for t in stream):
        return False
    column = target.column.name
    for place, token in enumerate(stream):
        if token.kind != "word":
            continue
        if token.text in ("min", "max") and any(_is(t, column) for t in stream[place + 1 : place + 5]):
            return True
        if token.text == "order" and any(_is(t, column) for t in stream[place + 1 : place + 6]):
            return True
    return False


def _is(token: Token, column: str) -> bool:
    return token.is_name and token.text == column
