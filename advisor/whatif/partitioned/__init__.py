"""What if a table were partitioned: the workload planned on the twin against a partitioned stand-in.

Costs are those of a plan whose partitions are chosen with now() known, as the executor chooses them; planning time is
measured as it is, on this machine, because only there the number of partitions shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

import msgspec
import psycopg
from psycopg import pq

from advisor.model.workload import Statement
from advisor.progress import Progress
from advisor.retention.trials import PartitionShape, PartitionTrial, StatementTrial
from advisor.whatif.partitioned.build import partitioned
from advisor.whatif.plans import nodes
from advisor.whatif.session import PlanningSession
from advisor.whatif.twin.build import Twin
from advisor.workload.session import ParseError

# The heaviest statements on one table; the rest weighs little.
_MOST_STATEMENTS = 60
_REPEATS = 3
_LEAF = "_pgadvise_"
_decode = msgspec.json.Decoder().decode

# Functions of the clock and of the time zone: known when execution begins, which is when partitions are pruned.
_CLOCK = (
    " from pg_catalog.pg_proc where provolatile = 's' and pronamespace = 'pg_catalog'::pg_catalog.regnamespace"
    " and (prorettype = any ('{timestamptz,timestamp,date,interval}'::pg_catalog.regtype[])"
    "   or proname ~ '^(timestamp|timestamptz|date)_(lt|le|eq|ge|gt|ne|cmp)_(timestamp|timestamptz|date)$')"
)


@contextmanager
def _clock_folded(twin: Twin) -> Iterator[None]:
    """Let the planner know now() within the block, as the executor does: EXPLAIN counts pruned partitions otherwise."""
    rows = twin.admin.execute("select oid::int8" + _CLOCK).fetchall()
    oids = [row[0] for row in rows]
    change = "update pg_catalog.pg_proc set provolatile = %s where oid = any (%s::oid[])"
    twin.admin.execute(change, ("i", oids))
    try:
        yield
    finally:
        twin.admin.execute(change, ("s", oids))


def try_partitions(
    twin: Twin, statements: Sequence[Statement], shapes: Iterable[PartitionShape], progress: Progress
) -> tuple[tuple[PartitionTrial, ...], tuple[str, ...]]:
    """Return what each shape does to the statements on its table, and one line for each shape that cannot be built."""
    trials: list[PartitionTrial] = []
    failed: list[str] = []
    for shape in shapes:
        if shape.table not in twin.relations:
            failed.append(f"{shape.table} is not in the twin")
            continue
        concerned = [s for s in statements if shape.table in s.relations]
        concerned.sort(key=lambda s: -(s.total_exec_time or 0.0))
        with progress.step(f"planning {shape.table} as partitioned by {shape.interval}"):
            found = _try_one(twin, concerned[:_MOST_STATEMENTS], shape)
        if isinstance(found, str):
            failed.append(found)
        else:
            trials.append(found)
    return tuple(trials), tuple(failed)


def _try_one(twin: Twin, statements: Sequence[Statement], shape: PartitionShape) -> PartitionTrial | str:
    with closing(twin.connect()) as connection:
        session = PlanningSession(connection)
        before = [(_cost(session, s), _planning_ms(session, s)) for s in statements]
        try:
            with partitioned(twin, connection, shape):
                planning = [_planning_ms(session, s) for s in statements]
                with _clock_folded(twin):
                    after = [_cost(session, s) for s in statements]
        except psycopg.Error as error:
            reason = (error.diag.message_primary or str(error)).strip().splitlines()[0]
            return f"{shape.table} partitioned by {shape.interval} could not be built on the twin: {reason}"
    trials = []
    for statement, (first, first_ms), then, then_ms in zip(statements, before, after, planning, strict=True):
        if isinstance(first, ParseError):
            continue  # it could not be planned before, so nothing can be said
        refused = isinstance(then, ParseError)
        trials.append(
            StatementTrial(
                query=statement.original,
                calls=statement.calls,
                mean_exec_ms=statement.mean_exec_time,
                cost_before=first[0],
                cost_after=None if isinstance(then, ParseError) else then[0],
                planning_ms_before=first_ms,
                planning_ms_after=first_ms if refused else then_ms,
                partitions=0 if isinstance(then, ParseError) else then[1],
                error=then.message if isinstance(then, ParseError) else None,
            )
        )
    return PartitionTrial(
        table=shape.table, interval=shape.interval, partitions=len(shape.bounds), statements=tuple(trials)
    )


def _cost(session: PlanningSession, statement: Statement) -> tuple[float, int] | ParseError:
    """Return (cost over the statement's values by weight, partitions looked into by the widest plan)."""
    cost, widest = 0.0, 0
    for binding in statement.bindings:
        tree = session.explain(statement.text, statement.parameter_types, binding.values, statement.search_path)
        if isinstance(tree, ParseError):
            return tree
        cost += binding.weight * (float(tree["Total Cost"]) - _removed_cost(tree))
        widest = max(
            widest, len({r for n, r in nodes(tree) if r is not None and _LEAF in r and "Scan" in n["Node Type"]})
        )
    return cost, widest


def _removed_cost(tree: dict[str, Any]) -> float:
    """Return the cost of subplans that the executor prunes before it starts; EXPLAIN leaves it in the total."""
    removed = 0.0
    for node, _ in nodes(tree):
        if node.get("Subplans Removed") and node["Node Type"] in ("Append", "Merge Append"):
            left = sum(float(child["Total Cost"]) for child in node.get("Plans", ()))
            removed += max(float(node["Total Cost"]) - left - 0.005 * float(node["Plan Rows"]), 0.0)
    return min(removed, float(tree["Total Cost"]))


def _planning_ms(session: PlanningSession, statement: Statement) -> float:
    """Return the shortest of a few planning times, in ms; 0 where the statement cannot be planned."""
    binding = statement.bindings[0]
    session.use_search_path(statement.search_path)
    oids = [session.types.oid(name) or 0 for name in statement.parameter_types]
    text = b"explain /* pgadvise */ (format json, summary) " + statement.text.encode("utf-8", "surrogateescape")
    values = [None if v is None else v.encode("utf-8", "surrogateescape") for v in binding.values]
    shortest: float | None = None
    for _ in range(_REPEATS):
        result = session.connection.pgconn.exec_params(text, values, oids)
        if result.status != pq.ExecStatus.TUPLES_OK:
            return 0.0
        found = _decode(result.get_value(0, 0) or b"[]")
        taken = float(found[0]["Planning Time"])
        shortest = taken if shortest is None else min(shortest, taken)
    return shortest or 0.0
