"""The twin answers as production does: plan shapes always, costs to the last printed digit nearly always."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import psycopg
import pytest

from advisor.connect import open_connection
from advisor.index_search.planner import Group, Plan, PlanFailed
from advisor.model.snapshot import Snapshot, decode_snapshot, encode_snapshot
from advisor.whatif import WhatIf
from advisor.whatif.fidelity import code_of_others, explain_on_server
from advisor.whatif.plans import nodes, shape
from tests.whatif.conftest import corpus, requests, statement, take_snapshot, twin_of

pytestmark = pytest.mark.server

Seeded = Callable[[int], str]


def compare(dsn: str, engine: WhatIf) -> tuple[list[str], list[str], int]:
    """Return statements with another cost, those with another shape or other rows, and how many were compared."""
    asked = requests(corpus())
    with open_connection(dsn) as connection:
        theirs = explain_on_server(connection, asked)
    ours = engine.planner.plan_many(asked)
    costs, shapes = [], []
    for (one, _), real, plan in zip(asked, theirs, ours, strict=True):
        assert real is not None, one.text
        assert isinstance(plan, Plan), f"{one.text}: {plan}"
        other_cost = real["Total Cost"] != plan.total_cost
        # ANALYZE samples at random: now and then two plans cost the same within a rounding of an estimated height.
        tie = other_cost and abs(real["Total Cost"] - plan.total_cost) <= 0.01 * real["Total Cost"]
        if other_cost:
            costs.append(f"{one.text}: {real['Total Cost']} against {plan.total_cost}")
        rows = [node["Plan Rows"] for node, _ in nodes(real)], [node["Plan Rows"] for node, _ in nodes(plan.tree)]
        if shape(real) != shape(plan.tree) and not tie:
            shapes.append(one.text)
        elif not other_cost and rows[0] != rows[1]:
            costs.append(f"{one.text}: rows {rows[0]} against {rows[1]}")
    return costs, shapes, len(asked)


@pytest.mark.parametrize("major", [15, 18])
def test_every_statement_has_the_servers_cost(major: int, seeded: Seeded, use_major: Callable[[int], None]) -> None:
    """With pageinspect on the server and end points allowed, the twin is exact."""
    use_major(major)
    dsn = seeded(major)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("create extension if not exists pageinspect schema public")
    try:
        snapshot = take_snapshot(dsn)
        with open_connection(dsn) as connection, twin_of(snapshot, connection, endpoints=True) as engine:
            costs, shapes, compared = compare(dsn, engine)
            assert engine.degraded == ()
    finally:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("drop extension pageinspect")
    assert shapes == []
    assert len(costs) <= 0.02 * compared, costs


@pytest.mark.parametrize("major", [15, 18])
def test_a_snapshot_alone_is_nearly_exact(major: int, seeded: Seeded, use_major: Callable[[int], None]) -> None:
    """Saved, loaded again and planned without the server: heights come from sizes, GIN counters are guessed."""
    use_major(major)
    dsn = seeded(major)
    snapshot = decode_snapshot(encode_snapshot(take_snapshot(dsn)))
    with twin_of(snapshot) as engine:
        costs, shapes, compared = compare(dsn, engine)
    assert shapes == []
    assert len(costs) <= 0.12 * compared, costs


def test_smoke_on_every_major(major: int, seeded: Seeded, use_major: Callable[[int], None]) -> None:
    use_major(major)
    dsn = seeded(major)
    snapshot = take_snapshot(dsn)
    code = code_of_others(snapshot)
    assert code is not None
    with open_connection(dsn) as connection, twin_of(snapshot, connection) as engine:
        fidelity = engine.measure_fidelity(corpus())
    assert fidelity is not None
    # The connection is a superuser's: statements that call the schema's functions are left out.
    assert fidelity.compared == sum(code.search(one.text) is None for one in corpus())
    assert len(corpus()) - 5 < fidelity.compared < len(corpus())
    assert fidelity.same_shape >= 0.98 * fidelity.compared
    assert fidelity.exact >= 0.88 * fidelity.compared
    assert fidelity.degraded == ()


def test_another_major_runs_and_says_so(seeded: Seeded, use_major: Callable[[int], None]) -> None:
    use_major(18)
    dsn = seeded(15)
    with open_connection(dsn) as connection, twin_of(take_snapshot(dsn), connection, twin_major=18) as engine:
        fidelity = engine.measure_fidelity(corpus())
    assert fidelity is not None
    assert fidelity.worst_error is not None and fidelity.worst_error > 0
    assert fidelity.exact >= 0.6 * fidelity.compared
    assert "PostgreSQL 18" in engine.degraded[0]
    # What differs is that planner's own: less sure, but no reason for silence.
    assert fidelity.doubted and not fidelity.withheld


def swapped(snapshot: Snapshot) -> Snapshot:
    """The snapshot with every correlation turned round, as if it were stored under the wrong slot."""
    rows = tuple(replace(r, correlation=0.0 if r.correlation is not None else None) for r in snapshot.statistics)
    return replace(snapshot, statistics=rows)


def test_lost_correlation_is_detected(seeded: Seeded, use_major: Callable[[int], None]) -> None:
    """The comparison is sharp enough to see a single kind of statistics missing."""
    use_major(15)
    dsn = seeded(15)
    snapshot = take_snapshot(dsn)
    one = statement("select * from orders where placed between '2024-02-01' and '2024-03-01'", path=("shop",))
    with twin_of(snapshot) as good, twin_of(swapped(snapshot)) as bad:
        right = good.planner.plan_many(requests([one]))[0]
        wrong = bad.planner.plan_many(requests([one]))[0]
    assert isinstance(right, Plan) and isinstance(wrong, Plan)
    assert wrong.total_cost > 1.3 * right.total_cost


def test_one_refused_statement_does_not_stop_the_rest(seeded: Seeded, use_major: Callable[[int], None]) -> None:
    use_major(15)
    dsn = seeded(15)
    good = statement("select * from orders where id = $1", "7", types=("pg_catalog.int8",), path=("shop",))
    bad = statement("select * from no_such_table", path=("shop",))
    wrong_value = statement("select * from orders where id = $1", "x", types=("pg_catalog.int8",), path=("shop",))
    with twin_of(take_snapshot(dsn)) as engine:
        answers = engine.planner.plan_many(requests([good, bad, wrong_value, good]))
        together = engine.planner.plan_groups(
            [Group(requests([one])) for one in (good, bad)]
            + [Group(())]
            + [Group(requests([wrong_value, good] * 40), hidden=frozenset({"shop.orders_pkey"}))]
            + [Group(requests([good]))]
        )
    assert [type(a) for a in answers] == [Plan, PlanFailed, PlanFailed, Plan]
    assert [[type(a) for a in group] for group in together] == [
        [Plan], [PlanFailed], [], [PlanFailed, Plan] * 40, [Plan],
    ]  # fmt: skip
    # What one group switches is over with it, and an error in one is not the next one's.
    assert together[0] == together[4] == [answers[0]]
    hidden = together[3][1]
    assert isinstance(hidden, Plan) and "shop.orders_pkey" not in hidden.used
    assert isinstance(answers[1], PlanFailed) and answers[1].sqlstate == "42P01"
