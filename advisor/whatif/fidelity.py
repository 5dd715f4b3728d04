"""How faithful the what-if planner is: the same statements with the same values planned on both sides."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import psycopg

from advisor.index_search.planner import PlanFailed, Planner
from advisor.model.names import RelationName
from advisor.model.report import Fidelity
from advisor.model.snapshot import Snapshot
from advisor.model.workload import Binding, Statement
from advisor.whatif.plans import nodes, shape
from advisor.whatif.session import PlanningSession
from advisor.workload.session import ParseError

# A statement whose cost differs by more gets no advice: its proposals would rest on another plan's numbers. With a
# twin of another major the difference is that planner's own: advice is given, with less confidence.
TOLERANCE = 0.25
# The dearest statements cover the workload; more plans would only load the server.
MOST_STATEMENTS = 200


def code_of_others(snapshot: Snapshot) -> re.Pattern[str] | None:
    """Return what finds calls of the database's own functions, None for a role without superuser.

    Planning folds calls on constants, so EXPLAIN runs them; as a superuser that is more than reading.
    """
    names = {o.name for o in snapshot.schema_objects if o.kind in ("function", "aggregate") and o.extension is None}
    if not snapshot.server.is_superuser or not names:
        return None
    return re.compile(r"(?<![\w$])\"?(?:" + "|".join(map(re.escape, sorted(names))) + r')"?\s*\(', re.IGNORECASE)


def measure_fidelity(
    connection: psycopg.Connection[Any],
    planner: Planner,
    statements: Sequence[Statement],
    *,
    kind: str,
    server_version: str,
    twin_version: str | None,
    degraded: tuple[str, ...] = (),
    incomparable: Collection[RelationName] = (),
    code: re.Pattern[str] | None = None,
) -> Fidelity:
    """Plan the dearest statements on the server and in the what-if planner, and compare.

    Only plain EXPLAIN runs on the server, in one transaction that is rolled back, with short timeouts. Statements
    that one side refuses are not compared, nor those over `incomparable` relations (row security shows the
    connected role other conditions, a view calls functions) or whose text `code` finds (see `code_of_others`).
    """
    statements = [
        replace(s, roles=())
        for s in statements
        if not set(s.relations) & set(incomparable) and (code is None or code.search(s.text) is None)
    ]
    chosen = sorted(statements, key=lambda s: -(s.total_exec_time or s.calls))[:MOST_STATEMENTS]
    requests = [(s, max(s.bindings, key=lambda b: b.weight, default=Binding(values=(), weight=1.0))) for s in chosen]
    real = explain_on_server(connection, requests)
    ours = planner.plan_many(requests)
    compared = exact = same = 0
    worst: float | None = None
    withheld, doubted = [], []
    other_major = twin_version is not None and _major(twin_version) != _major(server_version)
    rows_differ = 0
    for (statement, _), theirs, plan in zip(requests, real, ours, strict=True):
        if theirs is None or isinstance(plan, PlanFailed):
            continue
        compared += 1
        cost = float(theirs["Total Cost"])
        error = abs(plan.total_cost - cost) / max(cost, 0.01)
        alike = shape(theirs) == shape(plan.tree)
        exact += cost == plan.total_cost
        same += alike
        # A sequential scan costs the same whatever it returns: estimates of rows are compared as well.
        rows_differ += alike and _rows(theirs) != _rows(plan.tree)
        worst = error if worst is None else max(worst, error)
        if error > TOLERANCE and not other_major:
            withheld.append(statement.key)
        elif not alike or error > TOLERANCE:
            doubted.append(statement.key)
    notes = []
    if rows_differ:
        notes.append(f"{rows_differ} statements have other row estimates within the same plan")
    if doubted:
        notes.append(f"{len(doubted)} statements get another plan than on the server: advice on them is less sure")
    return Fidelity(
        planner=kind,
        server_version=server_version,
        twin_version=twin_version,
        compared=compared,
        exact=exact,
        same_shape=same,
        worst_error=worst,
        withheld=tuple(withheld),
        doubted=tuple(doubted),
        degraded=degraded,
        note="; ".join(notes) or None,
    )


def _major(version: str) -> str:
    return version.partition(".")[0]


def _rows(tree: dict[str, Any]) -> list[Any]:
    return [node.get("Plan Rows") for node, _ in nodes(tree)]


def explain_on_server(
    connection: psycopg.Connection[Any], requests: Sequence[tuple[Statement, Binding]]
) -> list[dict[str, Any] | None]:
    """Return the server's own plans, None where it refuses; nothing is executed."""
    session = PlanningSession(connection)
    answers: list[dict[str, Any] | None] = []
    # The collecting session has settings of its own (no parallel plans, no row security); planning needs the server's.
    if session.execute("begin read only") is not None:
        return [None] * len(requests)
    try:
        session.execute(
            "reset max_parallel_workers_per_gather; reset row_security; reset search_path;"
            " set local statement_timeout = '2s'; set local lock_timeout = '200ms'; set local jit = off"
        )
        for statement, binding in requests:
            session.execute("savepoint pgadvise")
            plan = session.explain(statement.text, statement.parameter_types, binding.values, statement.search_path)
            session.execute("rollback to savepoint pgadvise")
            session.forget_settings()
            answers.append(None if isinstance(plan, ParseError) else plan)
    finally:
        session.execute("rollback")
    return answers
