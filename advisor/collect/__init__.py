"""Reads one database into a Snapshot: short transactions, few locks, and a gap for whatever is refused.

Order matters. Settings come first, in a transaction of their own without our limits. The catalog is read in one
repeatable-read transaction, so that tables, columns, indexes and statistics agree with each other. Sizes, counters
of statements and sessions follow in separate transactions: they are not transactional anyway, and a long-held
snapshot would keep vacuum from its work.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import psycopg

from advisor import __version__
from advisor.collect import catalog
from advisor.collect.activity import collect_sessions
from advisor.collect.facts import collect_facts
from advisor.collect.host import find_host_facts
from advisor.collect.privileges import statistics_gaps
from advisor.collect.probes import run_probes
from advisor.collect.providers import detect_provider
from advisor.collect.reader import Reader
from advisor.collect.replicas import collect_standbys
from advisor.collect.schema import collect_schema_objects
from advisor.collect.server import (
    collect_cluster_counters,
    collect_database_counters,
    collect_extensions,
    collect_role_settings,
    collect_roles,
    collect_server,
    collect_settings,
)
from advisor.collect.statistics import collect_statistics
from advisor.collect.workload_views import collect_statements
from advisor.connect import Session
from advisor.errors import ServerLost
from advisor.model.activity import WorkloadText
from advisor.model.lookup import Catalog
from advisor.model.server import HostFacts, Setting
from advisor.model.snapshot import Snapshot
from advisor.progress import Progress, Silent
from advisor.retention import Policy, plan_probes
from advisor.rulebook import Rule

_CATALOG_ATTEMPTS = 3


def collect(
    connection: psycopg.Connection[Any],
    *,
    rules: Sequence[Rule] = (),
    policy: Policy | None = None,
    host: HostFacts | None = None,
    sample_seconds: float = 0.0,
    workload_texts: tuple[WorkloadText, ...] = (),
    provider: str | None = None,
    progress: Progress | None = None,
) -> Snapshot:
    """Return everything that could be read of the connection's database; `gaps` names the rest.

    `host` replaces what is found out about the machine, `provider` what is recognised. `sample_seconds` > 0 polls
    pg_stat_activity for that long. Raises ServerLost.
    """
    progress = progress or Silent()
    reader = Reader(connection)
    if isinstance(connection, Session):
        reader.gaps += connection.notices
    started = time.perf_counter()
    with _loss_told(connection):
        with _without_cycle_search():
            snapshot = _read(reader, progress)
        snapshot = replace(snapshot, sessions=collect_sessions(reader, sample_seconds, progress))
        with progress.step("asking the rules' questions"):
            facts = collect_facts(reader, rules)
        with progress.step("looking at retention"):
            facts |= run_probes(reader, plan_probes(snapshot, Catalog(snapshot), policy))
        name, signals = detect_provider(
            reader, snapshot.settings, snapshot.roles, snapshot.extensions, connection.info.host
        )
        if host is None:
            host = find_host_facts(reader, snapshot.settings)
    timings = dict(reader.timings)
    timings["other"] = max(0.0, time.perf_counter() - started - sum(timings.values()))
    return replace(
        snapshot,
        server=replace(snapshot.server, provider=provider or name, provider_signals=signals),
        host=host,
        facts=facts,
        workload_texts=workload_texts,
        gaps=tuple(reader.gaps),
        timings=timings,
    )


def _read(reader: Reader, progress: Progress) -> Snapshot:
    """Return the snapshot without sessions, facts and host."""
    with progress.step("reading the catalog"):
        settings = collect_settings(reader)
        snapshot = _read_catalog(reader, settings)
    with progress.step("reading sizes and sequences"):
        tables, indexes = catalog.with_sizes(reader, snapshot.tables, snapshot.indexes)
        sequences = catalog.collect_sequences(reader)
    with progress.step("reading statements"):
        view, statements = collect_statements(reader, snapshot.extensions, settings)
    return replace(
        snapshot, tables=tables, indexes=indexes, sequences=sequences, statements_view=view, statements=statements
    )


def _read_catalog(reader: Reader, settings: tuple[Setting, ...]) -> Snapshot:
    """Return what one transaction sees. When something is dropped meanwhile, so that a query fails, all is read
    again: a few seconds against the loss of all constraints or indexes."""
    gaps = len(reader.gaps)
    for attempt in range(1, _CATALOG_ATTEMPTS + 1):
        reader.disturbed = False
        with _one_moment(reader.connection):
            snapshot = _read_moment(reader, settings)
        if not reader.disturbed or attempt == _CATALOG_ATTEMPTS:
            break
        del reader.gaps[gaps:]
    return snapshot


def _read_moment(reader: Reader, settings: tuple[Setting, ...]) -> Snapshot:
    server = collect_server(reader)
    statistics, extended = collect_statistics(reader)
    snapshot = Snapshot(
        tool_version=__version__,
        server=server,
        settings=settings,
        role_settings=collect_role_settings(reader),
        roles=collect_roles(reader),
        extensions=collect_extensions(reader),
        schemas=catalog.collect_schemas(reader),
        tables=catalog.collect_tables(reader),
        columns=catalog.collect_columns(reader),
        indexes=catalog.collect_indexes(reader),
        constraints=catalog.collect_constraints(reader),
        statistics=statistics,
        extended_statistics=extended,
        schema_objects=collect_schema_objects(reader),
        database_counters=collect_database_counters(reader),
        cluster_counters=collect_cluster_counters(reader),
        standbys=collect_standbys(reader),
    )
    reader.gaps += statistics_gaps(reader)
    return snapshot


@contextmanager
def _one_moment(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """A repeatable-read transaction: every query in it sees the catalog of the same moment."""
    before = connection.isolation_level
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    try:
        with connection.transaction():
            yield
    finally:
        if not connection.closed:
            connection.isolation_level = before


@contextmanager
def _without_cycle_search() -> Iterator[None]:
    """Rest Python's cycle collector: rows hold no cycles, and walking over millions of them again and again doubles
    the time (4,000 tables: 4.7 s with it, 2.3 s without)."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@contextmanager
def _loss_told(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Turn a connection that is gone between two queries into ServerLost."""
    try:
        yield
    except psycopg.Error as error:
        if connection.closed:
            raise ServerLost("The server closed the connection while it was being read.", "Try again.") from error
        raise
