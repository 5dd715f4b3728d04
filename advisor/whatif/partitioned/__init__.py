"""What if a table were partitioned: the workload planned on the twin against a partitioned stand-in.

Costs are those of a plan whose partitions are chosen with now() known, as the executor chooses them; planning time is
taken from the number of partitions a plan looks into.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

import psycopg

from advisor.model.names import RelationName
from advisor.model.workload import Statement
from advisor.progress import Progress
from advisor.retention.trials import PartitionShape, PartitionTrial, StatementTrial, planning_ms
from advisor.whatif.partitioned.build import partitioned
from advisor.whatif.plans import nodes
from advisor.whatif.session import PlanningSession, Question
from advisor.whatif.twin.build import Twin
from advisor.workload.session import ParseError

# The heaviest statements on one table; the rest weighs little.
_MOST_STATEMENTS = 60
_LEAF = "_pgadvise_"

# (cost, partitions looked into), or why it cannot be planned.
_Answer = tuple[float, int] | ParseError

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
    known: dict[RelationName, list[_Answer]] = {}  # as the table is now: the same for all its shapes
    for shape in shapes:
        if shape.table not in twin.relations:
            failed.append(f"{shape.table} is not in the twin")
            continue
        concerned = [s for s in statements if shape.table in s.relations]
        concerned.sort(key=lambda s: -(s.total_exec_time or 0.0))
        with progress.step(f"planning {shape.table} as partitioned by {shape.interval}"):
            found = _try_one(twin, concerned[:_MOST_STATEMENTS], shape, known)
        if isinstance(found, str):
            failed.append(found)
        else:
            trials.append(found)
    return tuple(trials), tuple(failed)


def _try_one(
    twin: Twin, statements: Sequence[Statement], shape: PartitionShape, known: dict[RelationName, list[_Answer]]
) -> PartitionTrial | str:
    with closing(twin.connect()) as connection:
        session = PlanningSession(connection)
        if shape.table not in known:
            known[shape.table] = _costs(session, statements)
        before = known[shape.table]
        try:
            with partitioned(twin, connection, shape), _clock_folded(twin):
                after = _costs(session, statements)
        except psycopg.Error as error:
            reason = (error.diag.message_primary or str(error)).strip().splitlines()[0]
            return f"{shape.table} partitioned by {shape.interval} could not be built on the twin: {reason}"
    trials = []
    for statement, first, then in zip(statements, before, after, strict=True):
        if isinstance(first, ParseError):
            continue  # it could not be planned before, so nothing can be said
        trials.append(
            StatementTrial(
                query=statement.original,
                calls=statement.calls,
                mean_exec_ms=statement.mean_exec_time,
                cost_before=first[0],
                cost_after=None if isinstance(then, ParseError) else then[0],
                planning_ms_after=0.0 if isinstance(then, ParseError) else planning_ms(then[1]),
                partitions=0 if isinstance(then, ParseError) else then[1],
                error=then.message if isinstance(then, ParseError) else None,
            )
        )
    return PartitionTrial(
        table=shape.table, interval=shape.interval, partitions=len(shape.bounds), statements=tuple(trials)
    )


def _costs(session: PlanningSession, statements: Sequence[Statement]) -> list[_Answer]:
    """Return, for each statement, (cost over its values by weight, partitions looked into by the widest plan)."""
    questions = [
        Question(s.text, s.parameter_types, binding.values, s.search_path) for s in statements for binding in s.bindings
    ]
    trees = iter(session.explain_many((), questions))
    return [_cost(s, [next(trees) for _ in s.bindings]) for s in statements]


def _cost(statement: Statement, trees: Sequence[dict[str, Any] | ParseError]) -> _Answer:
    cost, widest = 0.0, 0
    for binding, tree in zip(statement.bindings, trees, strict=True):
        if isinstance(tree, ParseError):
            return tree
        cost += binding.weight * (float(tree["Total Cost"]) - _removed_cost(tree))
        leaves = {r for n, r in nodes(tree) if r is not None and _LEAF in r and "Scan" in n["Node Type"]}
        widest = max(widest, len(leaves))
    return cost, widest


def _removed_cost(tree: dict[str, Any]) -> float:
    """Return the cost of subplans that the executor prunes before it starts; EXPLAIN leaves it in the total."""
    removed = 0.0
    for node, _ in nodes(tree):
        if node.get("Subplans Removed") and node["Node Type"] in ("Append", "Merge Append"):
            left = sum(float(child["Total Cost"]) for child in node.get("Plans", ()))
            removed += max(float(node["Total Cost"]) - left - 0.005 * float(node["Plan Rows"]), 0.0)
    return min(removed, float(tree["Total Cost"]))
