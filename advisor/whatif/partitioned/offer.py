"""The twin for partition trials: opened only when a table is about to be proposed for partitioning."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import psycopg

from advisor.errors import TwinFailed
from advisor.model.lookup import Catalog
from advisor.model.snapshot import Gap, Snapshot
from advisor.progress import Progress
from advisor.retention import Policy, partition_shapes
from advisor.retention.trials import PartitionTrial
from advisor.whatif import WhatIfOptions, open_whatif
from advisor.whatif.partitioned import try_partitions
from advisor.workload.read import read_workload
from advisor.workload.touched import relations_touched

_COSTS = "how statements would do with partitions is judged by their text"


def partition_trials(
    snapshot: Snapshot,
    catalog: Catalog,
    policy: Policy | None,
    options: WhatIfOptions,
    connection: psycopg.Connection[Any] | None,
    progress: Progress,
) -> tuple[tuple[PartitionTrial, ...], tuple[Gap, ...]]:
    """Return what the planner says of the tables that ask for partitions, and what could not be tried.

    Raises TwinFailed when a twin that was asked for by name cannot be had.
    """
    if options.mode not in ("auto", "twin"):
        return (), ()
    shapes = partition_shapes(snapshot, catalog, policy)
    tables = {shape.table for shape in shapes}
    names = {table.name for table in tables} | {
        item.name for item in snapshot.schema_objects if item.kind == "view" and tables & set(item.relations)
    }
    narrowed = replace(
        snapshot,
        statements=tuple(s for s in snapshot.statements if s.query is not None and _names(s.query, names)),
        workload_texts=tuple(t for t in snapshot.workload_texts if _names(t.query, names)),
    )
    if not shapes or not (narrowed.statements or narrowed.workload_texts):
        return (), ()
    touched = relations_touched(narrowed, catalog)
    if touched is not None:
        touched = touched | tables
    try:
        with open_whatif(narrowed, replace(options, mode="twin", touched=touched), connection, progress) as engine:
            if engine is None or engine.twin is None:
                return (), ()
            workload = read_workload(narrowed, catalog, engine.session, progress)
            trials, failed = try_partitions(engine.twin, workload.statements, shapes, progress)
    except TwinFailed as error:
        if options.mode != "auto" or options.twin_dsn or options.twin_image or options.twin_major:
            raise
        return (), (Gap(what="what-if of partitions", why=error.message, fix=error.hint, costs=_COSTS),)
    return trials, tuple(Gap(what="what-if of partitions", why=line, costs=_COSTS) for line in failed)


def _names(text: str, names: set[str]) -> bool:
    lowered = text.lower()
    return any(name.lower() in lowered for name in names)
