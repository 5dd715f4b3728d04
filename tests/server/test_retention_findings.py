"""Findings about coarser copies, referring tables and partitions, on real databases: the offence, its cure, silence."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from advisor.retention import Policy, check_policy
from tests.server.test_retention_plans import Writers, assess, find, load, run

pytestmark = pytest.mark.server


def policy(text: str) -> Policy:
    found, problems = check_policy(text)
    assert not problems, problems
    return found


POSITIONS = """create table positions (id bigint generated always as identity primary key, student_id bigint not null,
  latitude float not null, at timestamptz not null);
insert into positions (student_id, latitude, at)
select i % 5, i, now() - interval '100 days' + i * interval '2 minutes' from generate_series(1, 72000) i;
create index on positions (at);
analyze positions"""
TIERS = """[[tables]]
table = "positions"
keep = "90 days"
[[tables.tiers]]
table = "positions_daily"
bucket = "1 day"
keep = "1 year"
key = ["student_id"]
"""


@pytest.mark.parametrize("major", [13, 18])
def test_a_coarser_copy_is_missing_then_behind_then_stale_then_fine(database: str) -> None:
    load(database, POSITIONS)
    rules = policy(TIERS)
    missing = find(assess(database, rules), "ret.tier_missing", "positions")
    run(database, missing.sql)
    assert not [s for s in assess(database, rules) if s.rule.startswith("ret.tier")]
    # It was filled in part only: what lies between would be lost.
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("delete from positions_daily where bucket > now() - interval '95 days'")
    statuses = assess(database, rules)
    gap = find(statuses, "ret.tier_gap", "positions")
    assert gap.severity == "high" and find(statuses, "ret.overdue", "positions").sql == ()
    run(database, gap.sql)
    assert find(assess(database, rules), "ret.overdue", "positions").sql
    # It begins late: the oldest rows were never copied.
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("delete from positions_daily where bucket < now() - interval '97 days'")
    run(database, find(assess(database, rules), "ret.tier_gap", "positions").sql)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("delete from positions_daily where bucket > now() - interval '20 days'")
    statuses = assess(database, rules)
    stale = find(statuses, "ret.tier_stale", "positions")
    assert find(statuses, "ret.overdue", "positions").sql
    run(database, stale.sql)
    assert not [s for s in assess(database, rules) if s.rule.startswith("ret.tier")]


@pytest.mark.parametrize("major", [13, 18])
def test_the_nightly_job_fills_the_copy_before_it_purges(database: str) -> None:
    load(database, POSITIONS)
    rules = policy(TIERS)
    missing = find(assess(database, rules), "ret.tier_missing", "positions")
    run(database, missing.sql[:1])
    job = find(assess(database, rules), "ret.no_enforcement", "positions")
    run(database, job.sql)
    whole = "select count(*), sum(latitude) from positions where at < date_trunc('day', now() at time zone 'UTC')"
    totals = "select sum(n), sum(latitude_sum) from positions_daily"
    with psycopg.connect(database, autocommit=True) as connection:
        before = connection.execute(whole.encode()).fetchone()
        with Writers(database, "insert into positions (student_id, latitude, at) values (1, 1, now())") as writers:
            connection.execute("call purge_positions()")
            connection.execute(
                "insert into positions (student_id, latitude, at) values (1, 5, now() - interval '95 days')"
            )
            connection.execute("call purge_positions()")  # a late row of a day that is gone is not worth its bucket
        assert not writers.errors and writers.counts[0]
        assert connection.execute(totals).fetchone() == before
        old = connection.execute("select count(*) from positions where at < now() - interval '90 days'")
        assert old.fetchone() == (0,)


@pytest.mark.parametrize("major", [15])
def test_a_copy_has_its_own_window_and_a_view_is_no_copy(database: str) -> None:
    load(database, POSITIONS)
    rules = policy(TIERS)
    run(database, find(assess(database, rules), "ret.tier_missing", "positions").sql)
    load(
        database,
        "insert into positions_daily (student_id, bucket, n) select 1, now() - interval '500 days', 7;\n"
        "analyze positions_daily",
    )
    overdue = find(assess(database, rules), "ret.overdue", "positions_daily")
    assert overdue.policy == "1 year" and overdue.expired_rows == 1
    run(database, overdue.sql)
    find(assess(database, rules), "ret.ok", "positions_daily")
    load(
        database,
        "drop table positions_daily;\ncreate materialized view positions_daily as select student_id,"
        " date_trunc('day', at) as bucket, count(*) as n from positions group by 1, 2",
    )
    statuses = assess(database, rules)
    assert "next refresh loses them" in find(statuses, "ret.tier_view", "positions").detail
    assert find(statuses, "ret.overdue", "positions").sql == ()


@pytest.mark.parametrize("major", [15])
def test_rows_of_other_tables_that_go_along(database: str) -> None:
    load(
        database,
        """create table sessions (id bigint primary key, token text, user_id bigint, expires_at timestamptz not null);
create table session_events (id bigint primary key, session_id bigint references sessions on delete cascade, at date);
create table carts (id bigint primary key, session_id bigint references sessions);
create index on carts (session_id);
insert into sessions select i, 't', 1, now() - interval '60 days' + i * interval '1 hour'
from generate_series(1, 900) i;
analyze""",
    )
    status = find(assess(database), "ret.fk_cascade", "sessions")
    assert "session_events (session_id)" in status.detail and "carts" not in status.detail
    run(database, status.sql)
    again = find(assess(database), "ret.fk_cascade", "sessions")
    assert "No index" not in again.detail and "ON DELETE CASCADE" in again.detail
    run(database, status.undo_sql)


PARTITIONS = """create table events (id bigint, kind int, at timestamptz not null) partition by range (at);
do $x$ declare m timestamptz := date_trunc('month', now()); begin for n in 0..5 loop execute
  format('create table events_%s partition of events for values from (%L) to (%L)', n,
    m + (n - 3) * interval '1 month', m + (n - 2) * interval '1 month'); end loop; end $x$;
insert into events select i, i % 3, now() - interval '60 days' + i * interval '1 hour' from generate_series(1, 1400) i;
analyze events"""


@pytest.fixture
def reader(database: str) -> Iterator[None]:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("create role pgadvise_api")
    yield
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("drop owned by pgadvise_api; drop role pgadvise_api")


@pytest.mark.parametrize("major", [13, 15, 18])
def test_partitions_that_differ_from_each_other(database: str, reader: None) -> None:
    load(database, PARTITIONS)
    quiet = {s.rule for s in assess(database) if s.table.name == "events"}
    assert not quiet & {
        "part.local_index_missing", "part.unique_lost", "part.rls_child", "part.publication", "part.replica_identity"
    }  # fmt: skip
    load(
        database,
        """create index events_kind on only events (kind);
create index e0 on events_0 (kind);
alter index events_kind attach partition e0;
create index e1 on events_1 (kind);
alter index events_kind attach partition e1;
create index e2 on events_2 (kind);
alter index events_kind attach partition e2;
create index e3 on events_3 (kind);
alter index events_kind attach partition e3;
create unique index on events_1 (id);
alter table events_1 replica identity full;
alter table events enable row level security;
alter table events_0 enable row level security;
grant select on events_0, events_1 to pgadvise_api;
create publication events_out for table events""",
    )
    statuses = assess(database)
    index = find(statuses, "part.local_index_missing", "events")
    assert index.evidence["partitions"] == ["public.events_4", "public.events_5"]
    rights = find(statuses, "part.rls_child", "events")
    assert rights.severity == "high" and rights.evidence["partitions"] == ["public.events_1"]
    assert rights.evidence["roles"] == ["pgadvise_api"]
    assert find(statuses, "part.unique_lost", "events").evidence["columns"] == ["id"]
    published = find(statuses, "part.publication", "events")
    identity = find(statuses, "part.replica_identity", "events")
    for status in (index, rights, published, identity):
        run(database, status.sql)
    with psycopg.connect(database, autocommit=True) as connection:
        valid = connection.execute("select indisvalid from pg_index where indexrelid = 'events_kind'::regclass")
        assert valid.fetchone() == (True,)
        connection.execute("set role pgadvise_api")
        assert connection.execute("select count(*) from events_1").fetchone() == (0,)
    left = {s.rule for s in assess(database) if s.table.name == "events"}
    assert not left & {"part.local_index_missing", "part.rls_child", "part.publication", "part.replica_identity"}
    run(database, [*published.undo_sql, *rights.undo_sql])


@pytest.mark.parametrize("major", [15])
def test_partitions_too_wide_too_many_and_of_the_old_kind(database: str) -> None:
    load(
        database,
        PARTITIONS
        + """;
create table many (at timestamptz not null) partition by range (at);
do $x$ declare d timestamptz := date_trunc('day', now()); begin for n in 0..119 loop execute
  format('create table many_%s partition of many for values from (%L) to (%L)',
  n, d + (n - 110) * interval '1 day', d + (n - 109) * interval '1 day'); end loop; end $x$;
create table log (at timestamptz not null, x int);
create table log_1 (check (at < '2026-02-01')) inherits (log);
create table log_2 (check (at >= '2026-02-01' and at < '2026-03-01')) inherits (log);
create table log_3 (check (at >= '2026-03-01')) inherits (log)""",
    )
    rules = policy('[[tables]]\ntable = "events"\nkeep = "60 days"\n[[tables]]\ntable = "many"\nkeep = "90 days"\n')
    statuses = assess(database, rules)
    assert "of a window of 60 days" in find(statuses, "part.interval_too_big", "events").detail
    small = find(statuses, "part.interval_too_small", "many")
    assert "120 partitions" in small.detail and "7 days" in small.detail
    find(statuses, "part.old_style", "log")
    assert not [s for s in statuses if s.rule == "part.interval_too_small" and s.table.name == "events"]
