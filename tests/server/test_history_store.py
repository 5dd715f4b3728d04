"""The history in a PostgreSQL database: the same as in a file, for many runs at once."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from datetime import timedelta

import psycopg
import pytest
import sqlalchemy as sa

from advisor.errors import HistoryFailed
from advisor.history.model import Identity, IndexUse
from advisor.history.store import open_history
from advisor.model.history import StatementPlan
from tests.unit.history.build import day, run

pytestmark = pytest.mark.server
SHOP = Identity(database="shop", system_identifier="7000", address="db:5432")
_fork = multiprocessing.get_context("fork")


@pytest.fixture
def place(make_database: Callable[..., str]) -> str:
    return make_database(15)


def test_what_is_kept_comes_back(place: str) -> None:
    uses = (IndexUse(index="public.i", definition="d", first_seen=day(0), observed_since=day(-9), last_used=None),)
    plans = (StatementPlan(key="k", cost=12.5, outline="Seq Scan on orders"),)
    kept = run(0, plans=plans, index_use=uses, counts={"new": 1}, totals={"calls": 7.0})
    with open_history(place) as history:
        target = history.target(SHOP).id
        for number in range(5):
            history.save(target, run(number))
        assert history.prune(day(3)) == 3
        history.save(target, run(6, snapshot=kept.snapshot, plans=plans, index_use=uses))
    with open_history(place) as history:
        back = history.last_run(target)
        assert back is not None
        assert back.snapshot.statements == run(4).snapshot.statements
        assert back.index_use == uses
        assert [head.findings for head in history.runs(target)] == [{"high": 1}] * 3
        assert len(history.measures(target)) == 3
    with psycopg.connect(place) as connection:
        tables = connection.execute(
            "select table_schema, count(*) from information_schema.tables"
            " where table_schema not in ('pg_catalog', 'information_schema') group by 1"
        ).fetchall()
    assert tables == [("pgadvise", 7)], "everything is in a schema of its own"


def test_first_runs_at_once_and_one_that_is_killed(place: str) -> None:
    def work(first: int) -> None:
        for number in range(first, first + 6):
            with open_history(place) as history:
                history.save(history.target(SHOP).id, run(number))

    def killed() -> None:
        history = open_history(place)
        target = history.target(SHOP).id

        def die(*_args: object) -> None:
            os._exit(9)

        @sa.event.listens_for(history._engine, "before_cursor_execute")
        def count(_c: object, _u: object, statement: str, *_more: object) -> None:
            if "index_use" in statement:
                die()

        history.save(target, run(999))

    children = [_fork.Process(target=work, args=(100 * n,)) for n in range(3)] + [_fork.Process(target=killed)]
    for child in children:
        child.start()
    for child in children:
        child.join(120)
    assert [child.exitcode for child in children] == [0, 0, 0, 9]
    with open_history(place) as history:
        assert len(history.targets()) == 1
        kept = sorted((head.at - day(0)) / timedelta(days=1) for head in history.runs())
    assert kept == sorted(100 * n + k for n in range(3) for k in range(6)), "the killed run left nothing"


def test_a_role_that_may_not_is_told_so(place: str) -> None:
    with psycopg.connect(place, autocommit=True) as connection:
        connection.execute("drop role if exists no_history")
        connection.execute("create role no_history login password 'geheim'")
    try:
        with pytest.raises(HistoryFailed, match="permission denied for database") as failed:
            open_history(f"{place} user=no_history password=geheim")
        assert "geheim" not in str(failed.value) and failed.value.exit_code == 3
    finally:
        with psycopg.connect(place, autocommit=True) as connection:
            connection.execute("drop role no_history")
