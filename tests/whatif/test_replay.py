"""Planner settings replayed over a workload on the twin."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import psycopg
import pytest

from advisor.cluster import Cluster
from advisor.collect import collect
from advisor.connect import open_connection
from advisor.model.lookup import Catalog
from advisor.model.report import SettingProposal, SettingsAdvice
from advisor.model.server import RoleSetting
from advisor.model.workload import Statement
from advisor.progress import Silent
from advisor.whatif import WhatIfOptions, open_whatif
from advisor.whatif.replay import replay_settings
from advisor.whatif.replay_advice import replayed_advice
from advisor.whatif.session import PlanningSession
from advisor.workload.read import read_workload

pytestmark = pytest.mark.server


def proposal(name: str, value: str, current: str = "") -> SettingProposal:
    return SettingProposal(
        name=name,
        current=current,
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
    assert replay.better == replay.worse == (), "another cost of pages is another unit"
    assert again.changed == (), "nothing to replay"


@pytest.fixture(scope="module")
def sorting(clusters: Callable[[int], Cluster]) -> Iterator[tuple[PlanningSession, Sequence[Statement]]]:
    """A session of a twin and seven statements: one sorts more than work_mem holds."""
    cluster = clusters(15)
    with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
        connection.execute("create database replayed")
    dsn = cluster.dsn("replayed")
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("create extension pg_stat_statements")
        connection.execute("create table big (id int primary key, a int, pad text)")
        connection.execute("insert into big select i, hashint4(i), repeat('x', 90) from generate_series(1, 60000) i")
        connection.execute("vacuum analyze big")
        connection.execute("select pg_stat_statements_reset()")
        connection.execute("select * from big order by a, pad")
        for column in ("id", "a", "pad", "id + 1", "a + 1", "length(pad)"):
            connection.execute(f"select {column} from big where id = %s".encode(), (3,))
    with open_connection(dsn) as opened:
        snapshot = collect(opened)
    with open_whatif(snapshot, WhatIfOptions(mode="twin"), None, Silent()) as engine:
        assert engine is not None and isinstance(engine.session, PlanningSession)
        yield engine.session, read_workload(snapshot, Catalog(snapshot), engine.session, Silent()).statements
    with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
        connection.execute("drop database replayed with (force)")


def test_cheaper_and_dearer(sorting: tuple[PlanningSession, Sequence[Statement]]) -> None:
    session, statements = sorting
    (better,) = replay_settings(session, statements, [proposal("work_mem", "64MB")]).better
    assert "order by a" in better.statement.original and better.cost_after < better.cost_before
    (worse,) = replay_settings(session, statements, [proposal("work_mem", "64kB")]).worse
    assert worse.cost_before == better.cost_before < worse.cost_after
    assert session.connection.execute("show work_mem").fetchone() == ("4MB",), "as it was"


def test_what_helps_one_statement_goes_to_its_role(sorting: tuple[PlanningSession, Sequence[Statement]]) -> None:
    session, statements = sorting
    advice = SettingsAdvice(proposals=(proposal("work_mem", "64MB", "4MB"), proposal("jit", "off", "on")))
    found = replayed_advice(session, statements, advice)
    work_mem, jit = found.proposals
    assert work_mem.apply_sql[0] == "ALTER ROLE postgres SET work_mem = '64MB'"
    assert "SET LOCAL work_mem = '64MB'" in work_mem.apply_sql[1]
    assert work_mem.undo_sql == ("ALTER ROLE postgres RESET work_mem",)
    assert work_mem.reason.startswith("It helps one of 7 statements on the twin (cost ")
    assert jit.apply_sql == ()
    assert found.notes[0].endswith("7 statements with work_mem, jit as proposed: 1 cheaper.")
    assert found.notes[1].startswith("Cheaper: cost ")
    (row,) = work_mem.evidence["replay"]["better"]
    assert row["cost_after"] < row["cost_before"] and row["plan_before"]
    earlier = (RoleSetting(database=None, role="postgres", name="work_mem", value="8MB"),)
    assert replayed_advice(session, statements, advice, earlier).proposals[0].undo_sql == (
        "ALTER ROLE postgres SET work_mem = '8MB'",
    )
    # What lowers memory that is overcommitted is for the server, whomever it helps.
    lower = SettingsAdvice(proposals=(proposal("work_mem", "1MB", "4MB"),))
    assert replayed_advice(session, statements, lower).proposals[0].apply_sql == ()
    few = replayed_advice(session, statements[:4], advice)
    assert few.proposals[0].apply_sql == (), "one of four is no small part"
