"""Verdicts on real databases: odd names, few privileges, locks, partitions, epochs, enforcement."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from advisor.collect import collect
from advisor.collect.probes import run_probes
from advisor.collect.reader import Reader
from advisor.connect import open_connection
from advisor.model.lookup import Catalog
from advisor.model.snapshot import Snapshot
from advisor.retention import Policy, Probe, assess_retention, check_policy, draft_policy
from tests.server.test_retention_plans import assess, find, load, run

pytestmark = pytest.mark.server

MAJORS = [13, 15, 18]
POLICIES = Path(__file__).parents[2] / "fixtures/policies"


def policy(text: str) -> Policy:
    found, problems = check_policy(text)
    assert not problems, problems
    return found


def capture(dsn: str, rules: Policy | None = None) -> Snapshot:
    with open_connection(dsn) as connection:
        return collect(connection, policy=rules)


@pytest.fixture
def plain_role(database: str) -> Iterator[str]:
    """A DSN of the same database as a role with no rights of its own."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("create role pgadvise_plain login")
    yield database.replace("user=postgres", "user=pgadvise_plain")
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("drop owned by pgadvise_plain")
        connection.execute("drop role pgadvise_plain")


@pytest.mark.parametrize("major", MAJORS)
def test_hostile_names_are_quoted_and_the_scripts_run(database: str) -> None:
    load(
        database,
        """create schema "Sch""ema; drop table x--";
create table "Sch""ema; drop table x--"."User""Sessions'$$ ä" ("sid" text primary key, "sess" jsonb,
"expiresAt" timestamptz not null);
insert into "Sch""ema; drop table x--"."User""Sessions'$$ ä"
select 's' || i, '{}', now() - interval '90 days' + i * interval '1 hour' from generate_series(1, 2400) i;
analyze""",
    )
    name = "User\"Sessions'$$ ä"
    statuses = assess(database)
    overdue = find(statuses, "ret.overdue", name)
    job = find(statuses, "ret.no_enforcement", name)
    assert overdue.expired_rows == 1440  # small enough to be counted
    run(database, [*overdue.sql, *job.sql])
    with psycopg.connect(database, autocommit=True) as connection:
        assert connection.execute(
            """select count(*), min("expiresAt") > now() - interval '31 days'
                from "Sch""ema; drop table x--"."User""Sessions'$$ ä" """
        ).fetchone() == (960, True)
        connection.execute("""call "Sch""ema; drop table x--"."purge_User""Sessions'$$ ä"()""")
    run(database, job.undo_sql)
    text = draft_policy(capture(database), Catalog(capture(database)))
    drafted = policy(text)
    assert drafted.tables[0].table.name == name
    find(assess(database, drafted), "ret.ok", name)


@pytest.mark.parametrize("major", MAJORS)
def test_a_role_without_rights_gets_unknown_and_the_grant(database: str, plain_role: str) -> None:
    load(
        database,
        """create table sessions (sid text primary key, data jsonb, expires_at timestamptz not null);
insert into sessions select 's' || i, '{}', now() - interval '99 days' + i * interval '1 hour'
from generate_series(1, 20000) i;
create index on sessions (expires_at);
analyze""",
    )
    statuses = assess(plain_role)
    unknown = find(statuses, "ret.unknown", "sessions")
    assert unknown.oldest is None and unknown.expired_rows is None
    assert unknown.sql[0] == "grant select (expires_at) on public.sessions to pgadvise_plain"
    assert not [s for s in statuses if s.rule == "ret.no_enforcement"] or "unknown" not in unknown.enforcement
    run(database, unknown.sql[:1])
    known = find(assess(plain_role), "ret.overdue", "sessions")
    assert known.oldest is not None and known.oldest_source == "first entry of an index"
    assert known.expired_rows is not None and 1500 < known.expired_rows < 1800


@pytest.mark.parametrize("major", MAJORS)
def test_row_security_is_never_taken_for_an_empty_table(database: str, plain_role: str) -> None:
    load(
        database,
        """create table notifications (id bigint primary key, user_id bigint, body text,
  created_at timestamptz not null);
insert into notifications select i, i, 'x', now() - interval '400 days' from generate_series(1, 5000) i;
create index on notifications (created_at);
analyze;
alter table notifications enable row level security;
grant select on notifications to pgadvise_plain""",
    )
    statuses = assess(plain_role)
    unknown = find(statuses, "ret.unknown", "notifications")
    assert "row-level security" in unknown.detail
    assert unknown.sql[0] == "alter role pgadvise_plain bypassrls"  # a right on the column would not help
    assert find(assess(database), "ret.overdue", "notifications").oldest is not None


@pytest.mark.parametrize("major", [15])
def test_a_locked_table_is_not_waited_for(database: str) -> None:
    load(
        database,
        """create table sessions (sid text primary key, data jsonb, expires_at timestamptz not null);
insert into sessions select 's' || i, '{}', now() - interval '99 days' from generate_series(1, 20000) i;
create index on sessions (expires_at);
create table user_sessions (like sessions including all);
insert into user_sessions select * from sessions;
analyze""",
    )
    with psycopg.connect(database) as holder:
        holder.execute("lock table sessions in access exclusive mode")
        snapshot = capture(database)
    ends = {r["subject"]: r["status"] for r in snapshot.facts["retention/ends"]}
    assert ends == {"public.sessions": "busy", "public.user_sessions": "ok"}
    statuses = assess_retention(snapshot, Catalog(snapshot), None)
    assert find(statuses, "ret.overdue", "user_sessions").confidence == "high"


@pytest.mark.parametrize("major", MAJORS)
def test_a_probe_that_would_read_the_table_is_refused(database: str) -> None:
    load(
        database,
        "create table t as select i from generate_series(1, 100000) i;\ncreate index on t ((i % 10));\nanalyze t",
    )
    with open_connection(database) as connection:
        reader = Reader(connection)
        for guard in ("index", "pages"):
            probe = Probe(fact="f", subject="t", sql="select min(i) as oldest from public.t", guard=guard)
            assert run_probes(reader, [probe])["f"][0]["status"] == "unsafe"
        missing = Probe(fact="f", subject="t", sql="select 1 from public.nothing", guard="index")
        assert run_probes(reader, [missing])["f"][0]["status"] == "failed"


@pytest.mark.parametrize("major", MAJORS)
def test_epoch_numbers_in_every_unit(database: str) -> None:
    load(
        database,
        """create table sessions (id varchar(255) primary key, user_id bigint, ip_address varchar(45), user_agent text,
payload text, last_activity integer not null);
insert into sessions select i::text, i, '::1', 'x', 'y', extract(epoch from now() -
interval '50 days' + i * interval '6 minutes')::int
from generate_series(1, 12000) i;
create table vehicle_positions (vehicle_id bigint, lat float, lon float, ts bigint not null);
insert into vehicle_positions
select i % 5, 1, 2, (extract(epoch from now() - interval '200 days' + i * interval '12 minutes') * 1000)::bigint
from generate_series(1, 24000) i;
create index on vehicle_positions (ts);
analyze sessions""",
    )
    statuses = assess(database)
    laravel = find(statuses, "ret.overdue", "sessions")
    assert laravel.evidence["epoch"] == "s" and laravel.time_column == "last_activity"
    assert laravel.expired_rows is not None and 4500 < laravel.expired_rows < 5100
    # Never analyzed: the unit comes from the index, the count stays unknown.
    positions = find(statuses, "ret.overdue", "vehicle_positions")
    assert positions.evidence["epoch"] == "ms" and positions.oldest_source == "first entry of an index"
    assert positions.expired_rows is None or 12000 < positions.expired_rows < 14500
    for status in (laravel, positions):
        run(database, status.sql)
    with psycopg.connect(database) as connection:
        assert connection.execute(
            "select count(*) from vehicle_positions where to_timestamp(ts / 1000.0) < now() - interval '90 days'"
        ).fetchone() == (0,)
        assert connection.execute("select count(*) from vehicle_positions").fetchone() in [(10800,), (10799,)]
    assert not [s for s in assess(database) if s.rule == "ret.overdue"]


PARTITIONED = """
create table notifications (id bigint generated always as identity, user_id bigint, message text, read_at timestamptz,
  created_at timestamptz not null, primary key (id, created_at)) partition by range (created_at);

do $x$ declare m date := date_trunc('month', now() - interval '12 months'); begin
  while m <= now() loop
    if m <> date_trunc('month', now() - interval '3 months') then
      execute format('create table %I partition of notifications for values from (%L) to (%L)',
        'notifications_p' || to_char(m, 'YYYYMM'), m, m + interval '1 month');
    end if;
    m := m + interval '1 month';
  end loop;
end $x$;

insert into notifications (user_id, message, created_at)
select i, 'm', t from generate_series(now() - interval '11 months', now(), interval '1 hour') with ordinality g (t, i)
where date_trunc('month', t) <> date_trunc('month', now() - interval '3 months');

analyze
"""


@pytest.mark.parametrize("major", MAJORS)
def test_partitions_are_judged_and_repaired(database: str) -> None:
    run(database, PARTITIONED.split(";\n\n"))
    statuses = assess(database)
    overdue = find(statuses, "ret.overdue", "notifications")
    assert overdue.oldest_source == "all pages of a small table"
    with psycopg.connect(database) as connection:
        truth = connection.execute(
            "select count(*) from notifications where created_at < now() - interval '6 months'"
        ).fetchone()
        kept = connection.execute(
            "select md5(string_agg(n::text, '|' order by id)) from notifications n"
            " where created_at >= now() - interval '6 months'"
        ).fetchone()
    assert truth is not None and overdue.expired_rows is not None
    assert abs(overdue.expired_rows - truth[0]) <= 0.1 * truth[0]
    assert any("DROP TABLE" in s for s in overdue.sql) and any("DETACH PARTITION" in s for s in overdue.sql)
    gap = find(statuses, "part.gap", "notifications")
    future = find(statuses, "part.missing_future", "notifications")
    assert future.severity == "critical"
    job = find(statuses, "ret.no_enforcement", "notifications")
    run(database, [*overdue.sql, *gap.sql, *future.sql, "analyze notifications"])
    after = assess(database)
    assert not [s for s in after if s.rule in ("ret.overdue", "part.gap", "part.missing_future")], after
    with psycopg.connect(database, autocommit=True) as connection:
        assert (
            connection.execute(
                "select md5(string_agg(n::text, '|' order by id)) from notifications n"
                " where created_at >= now() - interval '6 months 10 minutes'"
            ).fetchone()
            == kept
        )
        future_row = (
            "insert into notifications (user_id, message, created_at) values (1, 'x', now() + interval '70 days')"
        )
        connection.execute(future_row)
    run(database, job.sql)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("call maintain_notifications()")
        connection.execute("call maintain_notifications()")
        ahead = connection.execute(
            "insert into notifications (user_id, message, created_at) values (1, 'x', now() + interval '115 days')"
        )
        assert ahead.rowcount == 1
        assert connection.execute(
            "select min(created_at) > now() - interval '7 months' from notifications"
        ).fetchone() == (True,)


@pytest.mark.parametrize("major", MAJORS)
def test_rows_in_the_default_partition(database: str) -> None:
    load(
        database,
        """create table events (at timestamptz not null, x int) partition by range (at);
create table events_now partition of events for values from ('2020-01-01') to ('2099-01-01');
create table events_rest partition of events default;
insert into events values (now(), 1);
analyze events""",
    )
    assert not [s for s in assess(database) if s.rule == "part.default_rows"]
    load(database, "insert into events values ('2010-01-01', 1), ('2010-01-02', 2)")
    status = find(assess(database), "part.default_rows", "events")
    assert "events_rest" in status.detail
    run(database, status.sql)


@pytest.mark.parametrize("major", [14, 18])
def test_an_interrupted_detach_is_finished(database: str) -> None:
    load(
        database,
        """create table events (at timestamptz not null, x int) partition by range (at);
create table events_a partition of events for values from ('2020-01-01') to ('2030-01-01');
create table events_b partition of events for values from ('2030-01-01') to ('2040-01-01')""",
    )
    with psycopg.connect(database) as reader, psycopg.connect(database, autocommit=True) as worker:
        reader.execute("select * from events")
        worker.execute("set statement_timeout = '300ms'")
        with pytest.raises(psycopg.errors.QueryCanceled):
            worker.execute("alter table events detach partition events_a concurrently")
    status = find(assess(database), "part.detach_pending", "events")
    run(database, status.sql)
    assert not [s for s in assess(database) if s.rule == "part.detach_pending"]


@pytest.mark.parametrize("major", MAJORS)
def test_hash_partitions_and_inheritance_are_purged_leaf_by_leaf(database: str) -> None:
    load(
        database,
        """create table user_sessions (sid text not null, user_id bigint, expires_at timestamptz not null)
  partition by hash (sid);
create table user_sessions_0 partition of user_sessions for values with (modulus 2, remainder 0);
create table user_sessions_1 partition of user_sessions for values with (modulus 2, remainder 1);
insert into user_sessions select 's' || i, 1, now() - interval '50 days' + i * interval '1 hour'
from generate_series(1, 1000) i;
create table sessions (token text, user_id bigint, expires_at timestamptz not null);
create table sessions_old () inherits (sessions);
insert into sessions select 's' || i, 1, now() - interval '50 days' + i * interval '1 hour' from generate_series(1,
1000) i;
insert into sessions_old select 'o' || i, 1, now() - interval '80 days' from generate_series(1, 100) i;
analyze""",
    )
    statuses = assess(database)
    for name in ("user_sessions", "sessions"):
        run(database, find(statuses, "ret.overdue", name).sql)
    jobs = [find(statuses, "ret.no_enforcement", n) for n in ("user_sessions", "sessions")]
    with psycopg.connect(database, autocommit=True) as connection:
        for name in ("user_sessions", "sessions"):
            assert connection.execute(
                f"select count(*) from {name} where expires_at < now() - interval '30 days'".encode()
            ).fetchone() == (0,)
            assert connection.execute(f"select count(*) from {name}".encode()).fetchone() in [(521,), (520,)]
            old = f"insert into {name} select 'n' || i, 1, now() - interval '99 days' from generate_series(1, 5) i"
            connection.execute(old.encode())
    run(database, [s for job in jobs for s in job.sql])
    run(database, ["call purge_user_sessions()", "call purge_sessions()"])
    with psycopg.connect(database) as connection:
        assert connection.execute("select count(*) from user_sessions where sid like 'n%'").fetchone() == (0,)
        assert connection.execute("select count(*) from sessions where token like 'n%'").fetchone() == (0,)


@pytest.mark.parametrize("major", [15])
def test_empty_database_and_tables_never_analyzed(database: str) -> None:
    assert assess(database) == ()
    load(
        database,
        """create table sessions (sid text primary key, data jsonb, expires_at timestamptz not null);
create table notifications (id bigint primary key, user_id bigint, body text, created_at timestamptz);
insert into notifications select i, i, repeat('x', 500), now() - interval '300 days' + i * interval '10 minutes'
from generate_series(1, 20000) i""",
    )
    statuses = assess(database)
    assert "holds no rows" in find(statuses, "ret.ok", "sessions").detail
    sampled = find(statuses, "ret.overdue", "notifications")
    assert "sample" in sampled.oldest_source
    run(database, sampled.sql)
    with psycopg.connect(database) as connection:
        assert connection.execute(
            "select count(*) from notifications where created_at < now() - interval '6 months'"
        ).fetchone() == (0,)


@pytest.mark.parametrize("major", [15])
def test_doubtful_time_columns(database: str) -> None:
    load(
        database,
        """create table notifications (id bigint primary key, user_id bigint, body text, created_at timestamp);
insert into notifications select i, i, 'x', case when i % 4 > 0 then now() + interval '300 days' - i *
interval '1 hour' end
from generate_series(1, 4000) i;
analyze""",
    )
    statuses = assess(
        database,
        policy('[[tables]]\ntable = "notifications"\nkeep = "6 months"\n[[tables]]\ntable = "nothing"\nkeep = "1 day"'),
    )
    null = find(statuses, "ret.null_time", "notifications")
    assert null.evidence["null_rows"] == 1000 and null.severity == "medium"
    future = find(statuses, "ret.future_time", "notifications")
    run(database, [*null.sql, *future.sql])
    find(statuses, "ret.tz_naive", "notifications")
    assert "no such table" in find(statuses, "ret.table_missing", "nothing").detail


@pytest.mark.parametrize("major", MAJORS)
def test_deletes_by_age_count_as_enforcement_and_log_outs_do_not(database: str) -> None:
    load(
        database,
        """create extension pg_stat_statements;
create table sessions (sid text primary key, data jsonb, expires_at timestamptz not null);
insert into sessions select 's' || i, '{}', now() - interval '10 days' + i * interval '1 hour'
from generate_series(1, 100) i;
analyze;
select pg_stat_statements_reset();
delete from sessions where sid = 's99'""",
    )
    found = find(assess(database), "ret.no_enforcement", "sessions")
    assert found.severity == "low"
    load(database, """delete from "public".sessions s where s.expires_at < now() - interval '30 days'""")
    statuses = assess(database)
    assert not [s for s in statuses if s.rule in ("ret.no_enforcement", "ret.enforcement_unknown")]
    assert "statement run 1 times" in find(statuses, "ret.ok", "sessions").enforcement
    forbidden = assess(database, policy('[[tables]]\ntable = "sessions"\nkeep = "permanent"'))
    assert find(forbidden, "ret.delete_forbidden", "sessions").severity == "critical"


@pytest.mark.parametrize("major", [15])
def test_init_check_and_schema_on_the_command_line(database: str, tmp_path: Path) -> None:
    load(
        database,
        """create table user_sessions (sid text primary key, user_id bigint, data jsonb,
  expires_at timestamptz not null);
insert into user_sessions select i::text, i, '{}', now() - interval '99 days' + i * interval '1 hour'
from generate_series(1, 3000) i;
analyze""",
    )
    drafted = pgadvise("retention", "init", "--dsn", database, "-q")
    assert drafted.returncode == 0, drafted.stderr
    file = tmp_path / "policy.toml"
    file.write_text(drafted.stdout)
    assert (
        pgadvise("retention", "check", "--policy", str(file))
        .stdout.strip()
        .endswith("sound. Entries with a window: 1; without one on purpose: 0.")
    )
    judged = pgadvise("retention", "--dsn", database, "--policy", str(file), "--format", "json")
    assert {r["rule"] for r in json.loads(judged.stdout)["retention"]} >= {"ret.overdue"}
    schema = pgadvise("schema", "--policy")
    assert json.loads(schema.stdout)["title"] == "pgadvise retention policy"
    file.write_text(drafted.stdout.replace('keep = "30 days"', "keep = 30"))
    broken = pgadvise("retention", "check", "--policy", str(file))
    line = file.read_text().splitlines().index("keep = 30") + 1
    assert broken.returncode == 2 and f"policy.toml:{line}: keep: 30 has no unit" in broken.stderr
    nothing = pgadvise("retention", "drop", "--dsn", database)
    assert nothing.returncode == 2 and "retention init" in nothing.stderr


def pgadvise(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "advisor.cli", *arguments], capture_output=True, text=True, timeout=120, check=False
    )
