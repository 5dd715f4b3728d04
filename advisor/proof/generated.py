"""A private server with production's schema and rows made from its statistics, for proofs without a copy of it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import psycopg

from advisor.collect import collect
from advisor.connect import open_connection
from advisor.model.catalog import Table
from advisor.model.names import RelationName, quote_ident, quote_literal
from advisor.model.snapshot import Snapshot
from advisor.progress import Progress
from advisor.proof.values import Maker
from advisor.whatif.twin.create import execute_items
from advisor.whatif.twin.database import apply_settings, planner_settings
from advisor.whatif.twin.empty import EmptyDatabase, connect, empty_database
from advisor.whatif.twin.schema import foreign_key_items
from advisor.whatif.twin.servers import choose_binaries, local_server

_SMALL = 10_000  # rows: such a table is made whole
_UNKNOWN = 1_000  # rows of a table that was never analysed
_MOST_SECONDS = 900  # for one statement that makes rows


@dataclass(frozen=True, slots=True)
class Generated:
    """`connection` may change everything; `snapshot` is production's with sizes and statistics of these rows."""

    connection: psycopg.Connection[Any]
    snapshot: Snapshot
    notes: tuple[str, ...]


@contextmanager
def open_generated(
    snapshot: Snapshot, used: Collection[RelationName], most_rows: int, statement_seconds: float, progress: Progress
) -> Iterator[Generated]:
    """Yield a private server with rows for the relations in `used`, about `most_rows` in all; gone afterwards.

    Raises TwinFailed when no server can be had, or the schema not be rebuilt.
    """
    with ExitStack() as stack:
        server = stack.enter_context(local_server(choose_binaries(snapshot.server.major)))
        with progress.step("building the schema") as step:
            empty = stack.enter_context(empty_database(snapshot, server, used, step, for_rows=True))
        counts = rows_to_make(snapshot, empty.wanted & set(empty.relations), most_rows)
        failed = _fill(empty, counts, progress)
        _set_sequences(empty)
        with progress.step("analysing the rows"):
            lost = execute_items(
                empty.owner, list(foreign_key_items(snapshot, empty.catalog, empty.wanted)), superuser=empty.admin
            )
            empty.owner.execute("set statement_timeout = 0")
            empty.owner.execute("vacuum analyze")
            with open_connection(empty.owner_dsn) as reading:
                facts = _with_facts(snapshot, collect(reading))
        connection = stack.enter_context(connect(empty.owner_dsn))
        apply_settings(connection, planner_settings(snapshot))
        connection.execute("set lock_timeout = '5s'")
        connection.execute("select pg_catalog.set_config('statement_timeout', %s, false)", (f"{statement_seconds}s",))
        notes = (_scale(snapshot, counts), *failed, *(f"missing on the private server: {line}" for line in lost))
        yield Generated(connection, facts, notes)


def rows_to_make(snapshot: Snapshot, wanted: Collection[RelationName], most_rows: int) -> dict[RelationName, int]:
    """Return how many rows each table gets: small ones all, the others the same share of theirs."""
    tables = {
        table.relation: _rows(table) for table in snapshot.tables if table.relation in wanted and table.kind in "rm"
    }
    small = sum(rows for rows in tables.values() if rows <= _SMALL)
    large = sum(rows for rows in tables.values() if rows > _SMALL)
    share = min(1.0, max(0, most_rows - small) / large) if large else 1.0
    return {name: rows if rows <= _SMALL else max(_SMALL, int(rows * share)) for name, rows in tables.items()}


def _rows(table: Table) -> int:
    if table.reltuples >= 0:
        return int(table.reltuples)
    return table.counters.n_live_tup if table.counters is not None else _UNKNOWN


def _fill(empty: EmptyDatabase, counts: dict[RelationName, int], progress: Progress) -> list[str]:
    """Make the rows; return a note for each table that got none."""
    maker = Maker(empty.catalog, counts)
    failed = []
    empty.owner.execute(f"set statement_timeout = '{_MOST_SECONDS}s'")
    with progress.step("making rows from the statistics", sum(counts.values())) as step:
        for name, rows in counts.items():
            if rows:
                try:
                    empty.owner.execute(maker.insert_sql(name).encode())
                except psycopg.Error as error:
                    reason = (error.diag.message_primary or str(error)).strip().splitlines()[0]
                    failed.append(f"{name.display()} is empty: its rows cannot be made from statistics ({reason})")
            step.advance(rows)
    return failed


def _set_sequences(empty: EmptyDatabase) -> None:
    """Let the sequences of columns go on after the rows that were made."""
    owned = {(s.owned_by, s.owned_by_column): s for s in empty.catalog.snapshot.sequences if s.owned_by is not None}
    for name in empty.wanted & set(empty.relations):
        for column in empty.catalog.columns.get(name, {}).values():
            sequence = owned.get((name, column.name))
            if column.identity:
                which = f"pg_catalog.pg_get_serial_sequence({quote_literal(str(name))}, {quote_literal(column.name)})"
            elif sequence is not None:
                which = quote_literal(str(RelationName(sequence.schema, sequence.name)))
            else:
                continue
            highest = f"(select pg_catalog.max({quote_ident(column.name)})::bigint from {name})"  # noqa: S608
            empty.owner.execute(f"select pg_catalog.setval({which}, {highest}) where {highest} is not null".encode())


def _with_facts(snapshot: Snapshot, made: Snapshot) -> Snapshot:
    """Return the snapshot with sizes and statistics of the rows that were made, so that values are drawn from them."""
    sizes = {table.relation: table for table in made.tables}
    tables = tuple(
        replace(table, relpages=here.relpages, reltuples=here.reltuples, size_bytes=here.size_bytes)
        if (here := sizes.get(table.relation)) is not None
        else table
        for table in snapshot.tables
    )
    return replace(snapshot, tables=tables, statistics=made.statistics)


def _scale(snapshot: Snapshot, counts: dict[RelationName, int]) -> str:
    made = sum(counts.values())
    real = sum(_rows(table) for table in snapshot.tables if table.relation in counts)
    size = f"{made:,} rows" if made >= real else f"{made:,} rows for production's {real:,}"
    return (
        f"the rows were made from the statistics ({size}): frequent values, ranges and foreign keys are production's,"
        " what ties columns to each other and the words in texts are not, so take the times as a direction"
    )
