"""The applications' rules as policy files: every breach named, the scripts run under writers, then silence.

The schemas are those of fixtures/schemas/, the rows are made here: some past their window, some inside.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from advisor.collect import collect
from advisor.connect import open_connection
from advisor.model.lookup import Catalog
from advisor.model.snapshot import decode_snapshot, encode_snapshot
from advisor.retention import assess_retention, load_policy
from tests.server.test_retention_plans import Writers, assess, run

pytestmark = pytest.mark.server

FIXTURES = Path(__file__).parents[2] / "fixtures"

ROWS = {
    "school": """
insert into geolocation_data (student_id, latitude, longitude, "timestamp")
select 1 + i % 50, 52, 13, now() - interval '200 days' + i * interval '288 seconds' from generate_series(1, 60000) i;
insert into sessions (sid, user_id, last_activity, expires_at, created_at)
select md5(i::text), 1, t, t + interval '14 days', t
from (select i, now() - interval '110 days' + i * interval '16 minutes' as t from generate_series(1, 9900) i) s;
insert into notifications (user_id, kind, title, body, is_read, created_at)
select 1, 'message', 'Notice ' || i, repeat('text ', 12), i % 9 > 0, now() - interval '300 days' + i * interval '43 min'
from generate_series(1, 10000) i""",
    "quiz": """
insert into quiz_attempts (user_id, quiz_id, status, started_at, finished_at)
select md5(i::text)::uuid, 1, 'finished', t, case when i % 20 > 0 then t end
from (select i, now() - interval '500 days' + i * interval '70 minutes' as t from generate_series(1, 10000) i) a;
insert into attempt_answers (attempt_id, question_id, correct, answered_at)
select i, 1, true, now() from generate_series(1, 10000) i;
insert into user_sessions (id, user_id, token_hash, created_at, last_seen_at, expires_at)
select md5(i::text)::uuid, md5('1')::uuid, 't', t, t, t + interval '14 days'
from (select i, now() - interval '100 days' + i * interval '14 minutes' as t from generate_series(1, 10000) i) s;
insert into login_events (email, success, at)
select 'user' || i || '@med.example', true, now() - interval '250 days' + i * interval '36 minutes'
from generate_series(1, 10000) i;
insert into notifications (user_id, kind, read_at, created_at)
select md5(i::text)::uuid, 'quiz', case when i % 7 > 0 then now() end,
  now() - interval '400 days' + i * interval '1 hour'
from generate_series(1, 9600) i""",
    "dating": """
insert into session_history (session_id, user_a, user_b, ended_at)
select md5(i::text)::uuid, i, i + 1, now() - interval '90 days' + i * interval '13 minutes'
from generate_series(1, 9900) i;
insert into chat_sessions (user_a, user_b, state, started_at, expires_at)
select i, i + 1, 'ended', t, t + interval '10 minutes'
from (select i, now() - interval '30 days' + i * interval '4 minutes' as t from generate_series(1, 12000) i) s;
insert into cooldowns select i, i, now() - interval '4 days' + i * interval '1 minute' from generate_series(1, 8000) i;
insert into invites (from_user, to_user, created_at, expires_at)
select i, i + 1, t, t + interval '1 day'
from (select i, now() - interval '60 days' + i * interval '9 minutes' as t from generate_series(1, 9600) i) s;
insert into presence select i, 'away', false, now() - interval '5 days' + i * interval '1 minute'
from generate_series(1, 7200) i""",
}
# Table -> its rows past the window, as a condition; {now} is a moment.
EXPIRED = {
    "school": {
        "geolocation_data": "\"timestamp\" < {now} - interval '90 days'",
        "sessions": "expires_at < {now} - interval '30 days'",
        "notifications": "created_at < {now} - interval '6 months'",
    },
    "quiz": {
        "quiz_attempts": "coalesce(finished_at < {now} - interval '1 year', false)",
        "user_sessions": "expires_at < {now} - interval '7 days'",
        "login_events": "at < {now} - interval '90 days'",
        "notifications": "created_at < {now} - interval '6 months' and (read_at is not null"
        " or created_at < {now} - interval '1 year')",
    },
    "dating": {
        "session_history": "ended_at < {now} - interval '7 days'",
        "chat_sessions": "expires_at < {now}",
        "cooldowns": "until < {now}",
        "invites": "expires_at < {now} - interval '1 day'",
        "presence": "last_heartbeat < {now} - interval '1 day'",
    },
}
# Others at work: rows inside their windows come in and change.
WRITES = {
    "school": "insert into geolocation_data (student_id, latitude, longitude) values (3, 1, 1)",
    "quiz": "insert into login_events (email, success, at) values ('new@med.example', true, now())",
    "dating": "insert into session_history (session_id, user_a, user_b, ended_at)"
    " values (gen_random_uuid(), 0, 0, now())",
}


def declarations(application: str) -> list[str]:
    """The schema's CREATE statements; rows and foreign keys to tables without rows are left out."""
    text = (FIXTURES / f"schemas/{application}.sql").read_text()
    statements = [s.strip() for s in text.split(";\n")]
    bare = ["\n".join(line for line in s.splitlines() if not line.startswith("--")).strip() for s in statements]
    return [s for s in bare if s.lower().startswith(("create type", "create table", "create extension"))]


@pytest.mark.parametrize("major", [13, 18])
@pytest.mark.parametrize("application", ["school", "quiz", "dating"])
def test_breaches_are_named_then_cured_then_the_report_is_silent(
    make_database: Callable[..., str], application: str, major: int
) -> None:
    dsn = make_database(major)
    expired = EXPIRED[application]
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in declarations(application):
            connection.execute(statement.encode())
        connection.execute("set session_replication_role = replica")  # rows that refer to nobody
        for statement in ROWS[application].split(";\n"):
            connection.execute(statement.encode())
        connection.execute("analyze")
        # Rows at the edge pass it while this runs: what is compared stays inside for ten minutes more.
        row = connection.execute("select (now() + interval '10 minutes')::text, now()::text").fetchone()
        assert row is not None
        later, now = (f"timestamptz '{moment}'" for moment in row)
        truth = {t: connection.execute(f"select count(*) from {t} where {c.format(now=now)}".encode()).fetchone()
                 for t, c in expired.items()}  # fmt: skip
        inside = {t: checksum(connection, t, c.format(now=later), now) for t, c in expired.items()}
    rules = load_policy(FIXTURES / f"policies/{application}.toml")
    with open_connection(dsn) as connection:
        snapshot = collect(connection, policy=rules)
    statuses = assess_retention(snapshot, Catalog(snapshot), rules)
    # A snapshot file says the same later and elsewhere.
    again = decode_snapshot(encode_snapshot(snapshot))
    assert statuses == assess_retention(again, Catalog(again), rules)
    assert not [s for s in statuses if s.rule in ("ret.table_missing", "ret.time_column_unknown", "ret.unknown")]
    named = {s.table.name: s for s in statuses if s.rule == "ret.overdue"}
    assert set(named) == set(expired)
    for table, status in named.items():
        count = truth[table]
        assert count is not None and count[0] > 0 and status.expired_rows is not None and status.expired_bytes
        assert abs(status.expired_rows - count[0]) <= 0.05 * count[0] + 30, (table, status.expired_rows, count)
        assert status.sql and status.severity in ("critical", "high", "medium")
    with Writers(dsn, "set session_replication_role = replica; " + WRITES[application]) as writers:
        # The indexes first, as the findings' order has it, then each purge and the job that repeats it.
        for rule in ("ret.fk_cascade", "ret.no_time_index", "ret.overdue", "ret.no_enforcement", "ret.null_time"):
            for status in statuses:
                if status.rule == rule:
                    run(dsn, status.sql)
    assert not writers.errors and writers.counts[0]
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("analyze")
        for table, condition in expired.items():
            assert checksum(connection, table, condition.format(now=later), now) == inside[table], table
            left = connection.execute(f"select count(*) from {table} where {condition.format(now=now)}".encode())
            assert left.fetchone() == (0,), table
        connection.execute("create extension if not exists pg_stat_statements")
    quiet = ("ret.ok", "ret.null_time", "ret.fk_cascade", "ret.time_column_ambiguous")
    for _ in range(3):  # a converted table gets its own maintenance in the next round
        with psycopg.connect(dsn, autocommit=True) as connection:
            # The job runs, as its scheduler would run it, and is seen from then on.
            jobs = connection.execute("select oid::regproc::text from pg_proc where proname ~ '^(purge|maintain)_'")
            for (name,) in jobs.fetchall():
                connection.execute(f"call {name}()".encode())
        after = assess(dsn, rules)
        loud = [s for s in after if s.table.name in expired and s.rule not in quiet and s.severity != "info"]
        if not loud:
            break
        with Writers(dsn, "set session_replication_role = replica; " + WRITES[application]) as writers:
            run(dsn, [sql for s in loud for sql in s.sql])
        assert not writers.errors
    assert not loud, [(s.rule, str(s.table), s.detail) for s in loud]
    with psycopg.connect(dsn, autocommit=True) as connection:
        for table, condition in expired.items():
            assert checksum(connection, table, condition.format(now=later), now) == inside[table], table
    assert {s.table.name for s in after if s.rule == "ret.ok"} >= set(expired)
    if application == "dating":
        with psycopg.connect(dsn) as connection:
            moved = connection.execute(
                "select count(*), (select min(ended_at) from session_history) > max(ended_at)"
                " from archive.session_history"
            ).fetchone()
        assert moved is not None and truth["session_history"] is not None
        assert moved[0] >= truth["session_history"][0] and moved[1]


def checksum(connection: psycopg.Connection[tuple[object, ...]], table: str, expired: str, now: str) -> object:
    """The rows inside the window, as one digest over all of them in order; rows made meanwhile are left out."""
    times = {"geolocation_data": '"timestamp"', "login_events": "at", "session_history": "ended_at"}
    old = f"{times[table]} <= {now}" if table in times else "true"
    row = connection.execute(
        f"select count(*), md5(string_agg(t::text, '|' order by t::text)) from {table} t"
        f" where {old} and not ({expired})".encode()
    ).fetchone()
    assert row is not None and row[0]
    return row
