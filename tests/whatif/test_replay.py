"""Planner settings replayed over a workload on the twin."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from advisor.collect import collect
from advisor.connect import open_connection
from advisor.model.lookup import Catalog
from advisor.model.report import SettingProposal
from advisor.progress import Silent
from advisor.whatif import WhatIfOptions, open_whatif
from advisor.whatif.replay import replay_settings
from advisor.whatif.session import PlanningSession
from advisor.workload.read import read_workload

pytestmark = pytest.mark.server


def proposal(name: str, value: str) -> SettingProposal:
    return SettingProposal(
        name=name,
        current="",
        current_source="default",
        proposed=value,
        reason="",
        restart=False,
        apply_sql=(),
        undo_sql=(),
    )


def test_a_cheaper_random_page_makes_the_planner_use_the_index(make_database: Callable[..., str]) -> None:
    dsn = make_database(15)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("create extension pg_stat_statements")
        connection.execute("create table t (id int primary key, a int, pad text)")
        connection.execute(
            "insert into t select i, hashint4(i) % 40, repeat('x', 200) from generate_series(1, 100000) i"
        )
        connection.execute("create index t_a on t (a)")
        connection.execute("vacuum analyze t")
        connection.execute("select pg_stat_statements_reset()")
        for value in range(5):
            connection.execute("select * from t where a between %s and %s", (value, value + 5))
            connection.execute("select * from t where id = %s", (value,))
    with open_connection(dsn) as connection:
        snapshot = collect(connection)
    with open_whatif(snapshot, WhatIfOptions(mode="twin"), None, Silent()) as engine:
        assert engine is not None and isinstance(engine.session, PlanningSession)
        statements = read_workload(snapshot, Catalog(snapshot), engine.session, Silent()).statements
        proposals = [proposal("random_page_cost", "0.1"), proposal("max_wal_size", "4GB")]
        replay = replay_settings(engine.session, statements, proposals)
        again = replay_settings(engine.session, statements, [])
    assert replay.settings == ("random_page_cost",)
    assert replay.planned == 2
    (changed,) = replay.changed
    assert "between" in changed.statement.original
    assert "t_a" in " ".join(changed.after)
    assert changed.before != changed.after
    assert again.changed == (), "the session's settings are as they were"
