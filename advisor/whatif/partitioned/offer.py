"""Which tables of a snapshot are tried as partitioned on a twin, and the trials themselves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from advisor.model.lookup import Catalog
from advisor.model.snapshot import Gap, Snapshot
from advisor.model.workload import Statement
from advisor.progress import Progress
from advisor.retention import Policy, partition_shapes
from advisor.retention.trials import PartitionShape, PartitionTrial
from advisor.whatif.partitioned import try_partitions
from advisor.whatif.twin.build import Twin

WITHOUT_TRIALS = "how statements would do with partitions is judged by their text"


def shapes_to_try(snapshot: Snapshot, catalog: Catalog, policy: Policy | None) -> tuple[PartitionShape, ...]:
    """Return the tables about to be proposed for partitioning, each with its intervals; none that nobody asks about."""
    shapes = partition_shapes(snapshot, catalog, policy)
    narrowed = concerned(snapshot, shapes)
    return shapes if narrowed.statements or narrowed.workload_texts else ()


def concerned(snapshot: Snapshot, shapes: Iterable[PartitionShape]) -> Snapshot:
    """Return the snapshot with only the statements that name one of the shapes' tables, or a view on it."""
    tables = {shape.table for shape in shapes}
    names = {table.name.lower() for table in tables}
    names |= {o.name.lower() for o in snapshot.schema_objects if o.kind == "view" and tables & set(o.relations)}
    return replace(
        snapshot,
        statements=tuple(s for s in snapshot.statements if s.query is not None and _names(s.query, names)),
        workload_texts=tuple(t for t in snapshot.workload_texts if _names(t.query, names)),
    )


def trials_on(
    twin: Twin, statements: Sequence[Statement], shapes: Sequence[PartitionShape], progress: Progress
) -> tuple[tuple[PartitionTrial, ...], tuple[Gap, ...]]:
    """Return what the planner says of the tables as partitioned, and what could not be tried."""
    trials, failed = try_partitions(twin, statements, shapes, progress)
    return trials, tuple(Gap(what="what-if of partitions", why=line, costs=WITHOUT_TRIALS) for line in failed)


def _names(text: str, names: set[str]) -> bool:
    lowered = text.lower()
    return any(name in lowered for name in names)
