"""Indexes wider than anybody needs: when a shorter one is proposed, and everything that forbids it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from advisor.index_search import SearchOptions, advise_indexes
from advisor.model.activity import StatementCounters, StatementsView
from advisor.model.catalog import Constraint, Index
from advisor.model.lookup import Catalog
from advisor.model.names import RelationName
from advisor.model.replica import Standby
from advisor.model.report import IndexAdvice
from advisor.model.server import Setting
from advisor.model.snapshot import Snapshot
from advisor.model.statistics import SchemaObject
from advisor.model.workload import UnusableStatement
from advisor.progress import Silent
from tests.search.fake import (
    NOW,
    FakePlanner,
    columns,
    counters,
    index,
    snapshot,
    statement,
    statistics,
    table,
    workload,
)

MB = 1 << 20
ROWS = 5_000_000
COLUMNS = columns("t", id="int8", a="int8", b="int8", c="int8", d="int8")
STATISTICS = [statistics("t", "a", 20_000), *(statistics("t", name, -1) for name in "bcd")]
WIDE = index("t_a_b_c", "t", "a", "b", "c", size_bytes=300 * MB, idx_scan=500)
BY_A = "select id, d from t where a = 1"


def counted(query: str = "select 1") -> StatementCounters:
    return StatementCounters(
        queryid=1, role="app", toplevel=True, query=query, calls=100, total_exec_time=1.0, min_exec_time=0.0,
        max_exec_time=1.0, mean_exec_time=0.01, stddev_exec_time=0.0, rows=1, plans=0, total_plan_time=0.0,
        shared_blks_hit=1, shared_blks_read=0, shared_blks_dirtied=0, shared_blks_written=0,
    )  # fmt: skip


def setting(name: str, value: str) -> Setting:
    return Setting(name=name, setting=value, unit=None, category="", context="user", vartype="enum", source="default")


def shot(*indexes: Index, days: float = 40, **changes: object) -> Snapshot:
    made = snapshot(
        [table("t", rows=ROWS, pages=60_000, counters=counters(1000, 500)), table("p")],
        COLUMNS,
        [replace(one, oid=100 + place) for place, one in enumerate(indexes or (WIDE,))],
        STATISTICS,
        days=days,
    )
    settings = (setting("pg_stat_statements.track", "all"), setting("pg_stat_statements.track_utility", "on"))
    view = StatementsView(status="ok", dealloc=0, stats_reset=NOW - timedelta(days=days))
    made = replace(made, statements=(counted(),), statements_view=view, settings=settings)
    return replace(made, **changes)


def planner(*wanted: str) -> FakePlanner:
    """Without an index a statement costs 1000; `wanted`: keys of statements that need all of the wide one."""

    def costs(key: str, on: frozenset[str]) -> tuple[float, set[str]]:
        new = next((handle for handle in on if handle.startswith("t (a")), None)
        if "-public.t_a_b_c" not in on:
            return 10.0, {"public.t_a_b_c"}
        if new is None:
            return 1000.0, set()
        return (40.0 if key in wanted else 9.0), {new}

    return FakePlanner(costs)


def advise(
    snap: Snapshot,
    *queries: str,
    asks: FakePlanner | None = None,
    lost: tuple[UnusableStatement, ...] = (),
    **options: int,
) -> IndexAdvice:
    catalog = Catalog(snap)
    statements = [statement(catalog, f"q{place}", sql) for place, sql in enumerate(queries or (BY_A,))]
    load = replace(workload(*statements), unusable=lost, since=snap.statements_view.stats_reset, until=NOW)
    return advise_indexes(snap, catalog, load, asks or planner(), SearchOptions(**options), Silent())


def test_the_shorter_one_first_then_the_drop() -> None:
    advice = advise(shot())
    (created,) = advice.create
    assert created.ddl == "CREATE INDEX CONCURRENTLY t_a_idx ON public.t (a)"
    assert created.replaces == ("public.t_a_b_c",) and created.frees_bytes == 300 * MB
    assert created.size_bytes < 60 * MB
    assert "40 days" in created.reason and "b, c" in created.reason
    assert "none gets dearer" in created.evidence and "longer than 40 days ago" in created.evidence
    assert created.confidence == "medium"
    (drop,) = advice.drop
    assert (drop.index.name, drop.kind) == ("t_a_b_c", "replaced")
    assert "once that is built" in drop.reason
    assert drop.undo_ddl.startswith("CREATE INDEX CONCURRENTLY t_a_b_c ON public.t")


def test_what_is_searched_sorted_or_read_stays() -> None:
    kept = advise(shot(), BY_A, "select d from t where a = 1 and b > 5")
    assert [one.columns for one in kept.create] == [("a", "b")]
    assert advise(shot(), BY_A, "select d from t where a = 1 order by b, c").create == ()
    assert advise(shot(), BY_A, "select d from t where a = 1 and c = 2").create == ()
    # Read from the index alone: only the planner knows.
    assert advise(shot(), BY_A, "select b, c from t where a = 1", asks=planner("q1")).create == ()
    # Nothing begins with a there: the columns are searched another way.
    apart = advise(shot(), BY_A, "select d from t where c = 2")
    assert [one.columns for one in apart.create] == [("a",)]


def test_included_columns_that_nobody_reads_go() -> None:
    fat = index("t_a_b_c", "t", "a", "b", include=("c", "d", "id"), size_bytes=400 * MB)
    reads = ("select a from t where a = 1 and b = 2", "select c from t where a = 1 and b > 2")
    assert [one.ddl.partition(" ON ")[2] for one in advise(shot(fat), *reads).create] == ["public.t (a, b)"]
    only_c = advise(shot(fat), *reads, asks=needs_include("INCLUDE (c)"))
    assert [one.ddl.partition(" ON ")[2] for one in only_c.create] == ["public.t (a, b) INCLUDE (c)"]


def needs_include(text: str) -> FakePlanner:
    def costs(key: str, on: frozenset[str]) -> tuple[float, set[str]]:
        if "-public.t_a_b_c" not in on:
            return 10.0, {"public.t_a_b_c"}
        new = next((handle for handle in on if handle.startswith("t (a")), "")
        return (10.0 if text in new else 50.0), {new} & on

    return FakePlanner(costs)


def test_little_is_left_as_it_is() -> None:
    long = index("t_a_b_c", "t", "a", "b", "c", "d", "id", size_bytes=300 * MB)
    nearly_all = "select a from t where a = 1 and b = 2 and c = 3 and d > 4"
    assert advise(shot(long), nearly_all).create == (), "a seventh of it"
    small = replace(shot(), tables=(table("t", rows=200_000, pages=3000), table("p")))
    assert advise(small).create == (), "a few megabytes"
    vast = replace(shot(), server=replace(shot().server, database_size_bytes=1 << 40))
    assert advise(vast).create == (), "a ten-thousandth of the database"


@pytest.mark.parametrize(
    "changes",
    [
        {"is_unique": True},
        {"is_replica_identity": True},
        {"is_clustered": True},
        {"extension": "x"},
        {"access_method": "gist"},
        {"is_valid": False},
    ],
)
def test_an_index_with_another_duty_stays(changes: dict[str, object]) -> None:
    assert not [one for one in advise(shot(replace(WIDE, **changes))).create if one.frees_bytes]


def test_a_foreign_key_keeps_its_index() -> None:
    key = Constraint(
        table=RelationName("public", "t"), name="fk", type="f", columns=("a", "b"), definition="",
        references=RelationName("public", "p"),
    )  # fmt: skip
    assert [one.columns for one in advise(shot(constraints=(key,))).create] == [("a", "b")]


def test_scans_that_no_statement_explains_keep_it() -> None:
    def other_way(key: str, on: frozenset[str]) -> tuple[float, set[str]]:
        return 5.0, {"public.t_pkey"}

    assert advise(shot(), asks=FakePlanner(other_way)).create == ()


def unread(text: str, category: str = "unplannable") -> tuple[UnusableStatement, ...]:
    return (UnusableStatement(text=text, calls=1, total_exec_time=None, reason="x", category=category),)


def test_statements_that_were_not_seen_forbid_it() -> None:
    view = shot().statements_view
    standby = Standby(application_name="s", client_addr=None, state="streaming", sync_state=None, is_logical=False)
    for snap in (
        shot(days=5),
        shot(statements=()),
        shot(statements_view=replace(view, dealloc=3)),
        shot(statements_view=replace(view, dealloc=None)),
        shot(statements_view=replace(view, texts_hidden=2)),
        shot(statements_view=replace(view, stats_reset=NOW - timedelta(days=2))),
        shot(settings=(setting("pg_stat_statements.track_utility", "off"),)),
        shot(standbys=(standby,)),
        shot(server=replace(shot().server, in_recovery=True)),
        shot(tables=(replace(shot().tables[0], row_security=True), shot().tables[1])),
        shot(tables=(*shot().tables, table("m", kind="m"))),
    ):
        assert advise(snap).create == ()
    assert advise(shot(), lost=unread("select weird from t where a ~~> 4")).create == ()
    assert advise(shot(), lost=unread("x" * 2000)).create == ()
    assert advise(shot(), lost=unread("", "hidden")).create == ()
    assert len(advise(shot(), lost=unread("select weird from elsewhere")).create) == 1
    room = replace(view, dealloc=None, entries=100, max_entries=5000)
    assert len(advise(shot(statements_view=room)).create) == 1, "13 does not count evictions"


def test_functions_that_are_not_counted_make_it_unsure_or_forbid_it() -> None:
    top = (setting("pg_stat_statements.track", "top"),)
    (created,) = advise(shot(settings=top)).create
    assert created.confidence == "low" and "functions and triggers" in created.evidence
    reads = SchemaObject(kind="function", schema="public", name="f", ddl="... select b from T where a = x ...", order=1)
    assert advise(shot(settings=top, schema_objects=(reads,))).create == ()
    other = replace(reads, ddl="select 1 from other_t")
    assert len(advise(shot(settings=top, schema_objects=(other,))).create) == 1


def test_updates_that_become_hot_pay_for_a_small_one() -> None:
    small = replace(
        shot(replace(WIDE, size_bytes=2 * MB)),
        tables=(table("t", rows=40_000, pages=600, counters=counters(1000, 0)), table("p")),
    )
    queries = (BY_A, "update t set c = 1 where id = 2")
    (created,) = advise(small, *queries).create
    assert created.columns == ("a",) and "(HOT)" in created.reason
    beside = replace(small, indexes=(*small.indexes, index("t_c", "t", "c", oid=900)))
    assert advise(beside, *queries).create == (), "another index holds the column all the same"


def test_under_a_limit_there_is_other_use_for_it() -> None:
    assert advise(shot(), max_indexes=5).create == ()
    assert advise(shot(), budget_bytes=1 << 30).create == ()
