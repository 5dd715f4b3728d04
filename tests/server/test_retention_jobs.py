"""pg_cron and pg_partman as enforcement, and the traps of both; Debian's PostgreSQL 15 has them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from advisor.cluster import start_cluster
from advisor.retention import Policy, check_policy, job_checks
from tests.conftest import SERVER_SETTINGS, binaries_for, missing
from tests.server.test_retention_plans import assess, find, load, run

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """DSN of a PostgreSQL 15 whose only database has both extensions."""
    binaries = binaries_for(15)
    if binaries is None or not Path("/usr/share/postgresql/15/extension/pg_partman.control").exists():
        missing("Debian's PostgreSQL 15 with pg_cron and pg_partman")
        raise AssertionError("not reached")
    settings = SERVER_SETTINGS | {
        "shared_preload_libraries": "pg_stat_statements,pg_cron",
        "cron.database_name": "postgres",
        "cron.use_background_workers": "on",
    }
    with start_cluster(binaries, settings) as cluster:
        load(
            cluster.dsn(),
            """create extension pg_cron;
create schema partman;
create extension pg_partman schema partman;
create extension pg_stat_statements""",
        )
        yield cluster.dsn()


@pytest.fixture
def dsn(server: str) -> Iterator[str]:
    """The server with one overdue table; everything is cleared away afterwards."""
    load(
        server,
        """create table sessions (sid text primary key, data jsonb, expires_at timestamptz not null);
insert into sessions
select 's' || i, '{}', now() - interval '60 days' + i * interval '1 hour' from generate_series(1, 1000) i;
analyze sessions;
select pg_stat_statements_reset()""",
    )
    yield server
    load(
        server,
        """drop table sessions;
drop table if exists visits cascade;
delete from cron.job;
delete from cron.job_run_details;
delete from partman.part_config;
drop owned by pgadvise_plain;
drop role pgadvise_plain"""
        if _has_role(server)
        else """drop table sessions;
drop table if exists visits cascade;
delete from cron.job;
delete from cron.job_run_details;
delete from partman.part_config""",
    )
    with psycopg.connect(server, autocommit=True) as connection:
        for (name,) in connection.execute("select tablename from pg_tables where tablename ~ '^visits'").fetchall():
            connection.execute(f'drop table "{name}"'.encode())


def _has_role(dsn: str) -> bool:
    with psycopg.connect(dsn) as connection:
        return connection.execute("select from pg_roles where rolname = 'pgadvise_plain'").fetchone() is not None


def policy(text: str) -> Policy:
    found, problems = check_policy(text)
    assert not problems, problems
    return found


DELETE = "$$delete from public.sessions where expires_at < now() - interval '30 days'$$"


def test_nothing_is_scheduled_and_the_proposed_job_is_found_again(dsn: str) -> None:
    status = find(assess(dsn), "ret.no_enforcement", "sessions")
    assert "pg_cron (0 entries)" in status.detail and "pg_partman (0 entries)" in status.detail
    assert any("cron.schedule" in s for s in status.sql)
    run(dsn, status.sql)
    after = assess(dsn)
    assert not [s for s in after if s.rule in ("ret.no_enforcement", "ret.enforcement_unknown")]
    assert "pg_cron job" in find(after, "ret.overdue", "sessions").enforcement
    run(dsn, ["call purge_sessions()"])
    assert not [s for s in assess(dsn) if s.rule == "ret.overdue"]
    run(dsn, status.undo_sql)
    load(dsn, "select pg_stat_statements_reset()")
    # The counters still know that rows were deleted, and nothing tells any more by what.
    assert "720 rows were deleted by something" in find(assess(dsn), "ret.enforcement_unknown", "sessions").detail


def test_a_job_that_fails_rests_or_has_another_window(dsn: str) -> None:
    load(dsn, f"select cron.schedule('purge', '0 3 * * *', {DELETE})")
    rules = policy('[[tables]]\ntable = "sessions"\nkeep = "30 days"\nbasis = "expiry"')
    assert not [s for s in assess(dsn, rules) if s.rule.startswith("ret.job")]
    job = "(select max(jobid) from cron.job)"
    load(
        dsn,
        f"""insert into cron.job_run_details (jobid, runid, status, return_message, start_time)
values ({job}, 1000, 'failed', 'ERROR: out of cheese', now() - interval '9 days')""",
    )
    statuses = assess(dsn, rules)
    assert "out of cheese" in find(statuses, "ret.job_failing", "sessions").detail
    assert "last ran" in find(statuses, "ret.job_late", "sessions").detail
    load(dsn, "update cron.job set active = false")
    inactive = find(assess(dsn, rules), "ret.job_inactive", "sessions")
    run(dsn, inactive.sql)
    assert not [s for s in assess(dsn, rules) if s.rule == "ret.job_inactive"]
    longer = policy('[[tables]]\ntable = "sessions"\nkeep = "90 days"\nbasis = "expiry"')
    assert "too early" in find(assess(dsn, longer), "ret.job_mismatch", "sessions").detail
    shorter = policy('[[tables]]\ntable = "sessions"\nkeep = "7 days"\nbasis = "expiry"')
    assert "too long" in find(assess(dsn, shorter), "ret.job_mismatch", "sessions").detail
    forever = policy('[[tables]]\ntable = "sessions"\nkeep = "permanent"')
    assert find(assess(dsn, forever), "ret.delete_forbidden", "sessions").severity == "critical"


def test_jobs_of_others_are_unknown_and_never_nothing(dsn: str) -> None:
    load(
        dsn,
        f"""select cron.schedule('purge', '0 3 * * *', {DELETE});
create role pgadvise_plain login;
grant pg_monitor to pgadvise_plain;
grant select on sessions to pgadvise_plain;
revoke usage on schema cron from public""",
    )
    plain = dsn.replace("user=postgres", "user=pgadvise_plain")
    statuses = assess(plain)
    assert not [s for s in statuses if s.rule == "ret.no_enforcement"]
    unknown = find(statuses, "ret.enforcement_unknown", "sessions")
    assert any("cron.job" in s for s in unknown.sql) and any("part_config" in s for s in unknown.sql)
    run(dsn, [s for s in unknown.sql if not s.startswith("--")])
    partial = find(assess(plain), "ret.enforcement_unknown", "sessions")
    assert "only the jobs of role pgadvise_plain" in partial.detail


def test_a_batch_that_joins_by_ctid_is_named(dsn: str) -> None:
    batch = """$$with d as (select ctid from sessions where expires_at < now() - interval '30 days' limit 1000
for update skip locked) delete from sessions s using d where s.ctid = d.ctid and s.expires_at < now()$$"""
    load(dsn, f"select cron.schedule('purge', '0 3 * * *', {batch})")
    assert "reads the whole table" in find(assess(dsn), "ret.job_unsafe", "sessions").detail


def test_a_job_that_empties_the_table_is_no_retention(dsn: str) -> None:
    load(dsn, "select cron.schedule('empty', '0 3 * * *', 'truncate public.sessions')")
    found = find(assess(dsn), "ret.job_unsafe", "sessions")
    assert "rows inside the window too" in found.detail and "pg_cron job" in found.detail


def test_the_record_of_runs_does_not_grow_for_ever(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """64 MB of it are too many for a test: here one page is enough, the statements are the same."""
    load(
        dsn,
        """insert into cron.job_run_details (jobid, runid, status, start_time, end_time)
select 1, i, 'succeeded', now() - i * interval '1 day', now() - i * interval '1 day' from generate_series(1, 100) i""",
    )
    assert not [s for s in assess(dsn) if s.rule == "ret.sched_history"]
    monkeypatch.setattr(job_checks, "_LONG_HISTORY", 8192)
    status = find(assess(dsn), "ret.sched_history", "job_run_details")
    run(dsn, status.sql)
    with psycopg.connect(dsn, autocommit=True) as connection:
        row = connection.execute("select command from cron.job where jobname = 'purge cron history'").fetchone()
        assert row is not None
        connection.execute(row[0].encode())  # as pg_cron would at four in the morning
        left = connection.execute(
            "select count(*), min(end_time) > now() - interval '31 days' from cron.job_run_details"
        )
        assert left.fetchone() in [(30, True), (29, True)]
    run(dsn, status.undo_sql)


VISITS = """create table visits (id bigint, user_id bigint, at timestamptz not null) partition by range (at);
select partman.create_parent('public.visits', 'at', 'native', 'daily', p_premake := 4,
  p_start_partition := (now() - interval '20 days')::date::text);
insert into visits select i, 1, now() - interval '19 days' + i * interval '10 minutes' from generate_series(1, 2700) i;
analyze visits"""
RULES = '[[tables]]\ntable = "visits"\nkeep = "10 days"\ntolerance = "2 days"\nclass = "personal"\n'


def test_partman_traps(dsn: str) -> None:
    load(dsn, VISITS)
    rules = policy(RULES)
    none = find(assess(dsn, rules), "ret.partman_no_retention", "visits")
    run(dsn, none.sql)
    load(dsn, "update partman.part_config set retention = '90'")
    unit = find(assess(dsn, rules), "ret.partman_unitless", "visits")
    assert unit.severity == "critical"
    run(dsn, unit.sql)
    statuses = assess(dsn, rules)
    assert not [s for s in statuses if s.rule == "ret.partman_unitless"]
    assert "too long" in find(statuses, "ret.job_mismatch", "visits").detail
    assert "nothing seen calls run_maintenance" in find(statuses, "ret.job_inactive", "visits").detail
    keep = find(statuses, "ret.partman_keep_table", "visits")
    # With the default, maintenance only hides the rows: the orphans are found.
    load(dsn, "update partman.part_config set retention = '10 days';\ncall partman.run_maintenance_proc()")
    statuses = assess(dsn, rules)
    orphans = find(statuses, "ret.orphan_partitions", "visits")
    assert len(orphans.evidence["orphans"]) >= 8
    assert not [s for s in statuses if s.rule == "ret.job_inactive"]  # the call was seen
    run(dsn, [*keep.sql, *orphans.sql])
    after = assess(dsn, rules)
    bad = [
        s for s in after if s.rule.startswith(("ret.partman", "ret.orphan", "ret.overdue")) and s.table.name == "visits"
    ]
    assert not bad, bad
    load(dsn, "update partman.part_config set retention_schema = 'archive'")
    find(assess(dsn, rules), "ret.partman_retention_schema_conflict", "visits")


def test_partman_would_drop_a_wide_partition_with_rows_inside_the_window(dsn: str) -> None:
    load(
        dsn,
        """create table visits (id bigint, user_id bigint, at timestamptz not null) partition by range (at);
select partman.create_parent('public.visits', 'at', 'native', 'daily', p_premake := 4);
create table visits_wide (like visits);
insert into visits_wide select i, 1, now() - interval '30 days' + i * interval '1 hour' from generate_series(1, 550) i;
do $x$ declare first date; begin
  select min((regexp_match(pg_get_expr(relpartbound, c.oid), 'FROM \\(''([^'']+)'))[1]::timestamptz) into first
    from pg_inherits i join pg_class c on c.oid = inhrelid
   where inhparent = 'visits'::regclass and pg_get_expr(relpartbound, c.oid) <> 'DEFAULT'; execute
  format('alter table visits attach partition visits_wide for values from (%L) to (%L)', '2020-01-01', first); end $x$;
alter table visits_wide rename to visits_p2020_01_01;
update partman.part_config set retention = '10 days', retention_keep_table = false;
analyze visits""",
    )
    rules = policy(RULES)
    wide = find(assess(dsn, rules), "ret.partman_wide_partition", "visits")
    assert wide.severity == "critical" and wide.evidence["partition"] == "public.visits_p2020_01_01"
    with psycopg.connect(dsn, autocommit=True) as connection:
        inside = "select count(*) from visits where at > now() - interval '10 days'"
        before = connection.execute(inside).fetchone()
    run(dsn, [*wide.sql, "call partman.run_maintenance_proc()"])
    with psycopg.connect(dsn, autocommit=True) as connection:
        assert connection.execute(inside).fetchone() == before and before != (0,)
    # And without the advice the rows are gone: the trap is real.
    run(dsn, [*wide.undo_sql, "call partman.run_maintenance_proc()"])
    with psycopg.connect(dsn, autocommit=True) as connection:
        after = connection.execute(inside).fetchone()
    assert after is not None and before is not None and after[0] < before[0]
