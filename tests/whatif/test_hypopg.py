"""HypoPG on the server itself: the same port, nothing left behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest

from advisor.connect import Session, open_connection
from advisor.errors import TwinFailed
from advisor.index_search.planner import Candidate, Plan, PlanFailed
from advisor.model.catalog import IndexColumn
from advisor.model.names import RelationName
from advisor.progress import Silent
from advisor.whatif import WhatIf, WhatIfOptions, open_whatif
from tests.whatif.conftest import requests, statement, take_snapshot

pytestmark = pytest.mark.server

PATH = ("shop", "public")
OPTIONS = WhatIfOptions(mode="hypopg")


@pytest.fixture
def server(seeded: Callable[[int], str]) -> Iterator[str]:
    dsn = seeded(15)
    with psycopg.connect(dsn, autocommit=True) as connection:
        if connection.execute("select 1 from pg_available_extensions where name = 'hypopg'").fetchone() is None:
            pytest.skip("this server has no HypoPG")
        connection.execute("create extension if not exists hypopg schema public")
    yield dsn
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("drop extension hypopg")


@pytest.fixture
def engine(server: str) -> Iterator[tuple[WhatIf, Session]]:
    with (
        open_connection(server) as connection,
        open_whatif(take_snapshot(server), OPTIONS, connection, Silent()) as opened,
    ):
        assert opened is not None
        yield opened, connection


def candidate(table: str, *columns: str, method: str = "btree") -> Candidate:
    return Candidate(
        table=RelationName("shop", table),
        access_method=method,
        columns=tuple(IndexColumn(column=name) for name in columns),
    )


def test_hypothetical_indexes_are_used_and_forgotten(engine: tuple[WhatIf, Session]) -> None:
    opened, connection = engine
    assert opened.kind == "hypopg"
    asked = requests([statement("select * from orders where total = 77.25", path=PATH)])
    before = opened.planner.plan_many(asked)[0]
    one = opened.planner.prepare([candidate("orders", "total")])[0]
    assert one.error is None and one.size_bytes > 8192
    on = opened.planner.plan_many(asked, on=frozenset({one.handle}))[0]
    after = opened.planner.plan_many(asked)[0]
    assert isinstance(before, Plan) and isinstance(on, Plan) and isinstance(after, Plan)
    assert on.used == {one.handle} and on.total_cost < before.total_cost
    assert after.tree == before.tree
    assert connection.execute("select count(*) from public.hypopg_list_indexes").fetchone() == (0,)


def test_partitions_get_an_index_each(engine: tuple[WhatIf, Session]) -> None:
    opened, _ = engine
    one = opened.planner.prepare([candidate("events", "payload")])[0]
    asked = requests([statement("select * from events where payload = 'abc'", path=PATH)])
    plan = opened.planner.plan_many(asked, on=frozenset({one.handle}))[0]
    assert isinstance(plan, Plan) and plan.used == {one.handle}


def test_what_it_cannot_do_is_said(engine: tuple[WhatIf, Session]) -> None:
    opened, _ = engine
    gin = opened.planner.prepare([candidate("customers", "attrs", method="gin")])[0]
    assert gin.error
    asked = requests([statement("select * from orders where id = 5", path=PATH)])
    hidden = opened.planner.plan_many(asked, hidden=frozenset({"shop.orders_pkey"}))[0]
    if any("cannot hide" in line for line in opened.degraded):
        assert isinstance(hidden, PlanFailed)
    else:
        assert isinstance(hidden, Plan) and "shop.orders_pkey" not in hidden.used


def test_errors_stay_with_their_statement(engine: tuple[WhatIf, Session]) -> None:
    opened, _ = engine
    asked = requests([statement("select * from nowhere"), statement("select * from orders where id = 5", path=PATH)])
    answers = opened.planner.plan_many(asked)
    assert isinstance(answers[0], PlanFailed) and isinstance(answers[1], Plan)
    fidelity = opened.measure_fidelity([asked[1][0]])
    assert fidelity is not None and fidelity.exact == fidelity.compared == 1


def test_nothing_is_left_in_the_session(server: str) -> None:
    with open_connection(server) as connection:
        with open_whatif(take_snapshot(server), OPTIONS, connection, Silent()) as opened:
            assert opened is not None
            one = opened.planner.prepare([candidate("orders", "total")])[0]
            opened.planner.plan_many(requests([statement("select 1")]), on=frozenset({one.handle}))
        assert connection.execute("select count(*) from public.hypopg_list_indexes").fetchone() == (0,)
        assert connection.execute("show search_path").fetchone() == ('""',)
        assert connection.execute("show transaction_read_only").fetchone() == ("on",)


def test_without_the_extension_one_sentence(seeded: Callable[[int], str]) -> None:
    dsn = seeded(15)
    with (
        open_connection(dsn) as connection,
        pytest.raises(TwinFailed, match="not installed"),
        open_whatif(take_snapshot(dsn), OPTIONS, connection, Silent()),
    ):
        pytest.fail("there is no HypoPG to open")
    with pytest.raises(TwinFailed, match="no connection"), open_whatif(take_snapshot(dsn), OPTIONS, None, Silent()):
        pytest.fail("there is no connection")
