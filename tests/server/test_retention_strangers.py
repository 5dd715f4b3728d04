"""Two applications of other people, with conventions of their own: drafted, judged, purged, and silent afterwards."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from advisor.collect import collect
from advisor.connect import open_connection
from advisor.model.lookup import Catalog
from advisor.retention import check_policy, draft_policy, load_policy
from tests.server.test_retention_plans import assess, load, run

pytestmark = pytest.mark.server

CASES = Path(__file__).parent / "retention_cases"
# Table -> rows inside their window, which may not change; {now} is a moment.
INSIDE = {
    "parking": {
        '"Parking"."VehiclePing"': "to_timestamp(\"capturedAtMs\" / 1000.0) > {now} - interval '60 days'",
        '"Parking"."userSession"': "\"lastSeenAt\" > {now} at time zone 'UTC' - interval '30 days'",
        '"Parking"."pushNotification"': "\"sentOn\" > {now} - interval '3 months'"
        ' or ("isRead" is not true and "sentOn" > {now} - interval \'6 months\')',
        "tenant_a.parking_event": "occurred_at > {now} - interval '30 days'",
        "tenant_b.parking_event": "occurred_at > {now} - interval '30 days'",
        '"Parking"."sensorReading"': "\"readAt\" > {now} - interval '30 days'",
        '"Parking"."gateLog"': "logged_at > {now} - interval '45 days'",
        '"Parking"."Driver"': "true",
    },
    "messenger": {
        "message": "sent_at > {now} - interval '1 year'",
        "read_receipt": "read_at > {now} - interval '1 year'",
        "auth_session": "to_timestamp(expires_at) > {now} - interval '14 days'",
        "device_location": "at > {now} - interval '90 days'",
        "notification_outbox": "created_at > {now} - interval '7 days'"
        " or (processed_at is null and created_at > {now} - interval '20 days')",
        "audit_trail": "occurred_at > {now} - interval '2 years'",
        "login_attempt": "attempted_at > {now} - interval '45 days'",
        "conversation": "true",
    },
}
# What a foreign key with ON DELETE SET NULL changes, as said in the script's notes.
COLUMNS = {"message": "id, conversation_id, sender, body, edited_at, deleted_at, sent_at"}
DRAFTED = {
    "parking": {"VehiclePing", "userSession", "pushNotification"},
    "messenger": {"auth_session", "device_location", "notification_outbox"},
}
OVERDUE = {
    "parking": {
        "VehiclePing", "userSession", "pushNotification", "parking_event", "sensorReading", "gateLog",
    },
    "messenger": {
        "message", "read_receipt", "auth_session", "device_location", "notification_outbox", "audit_trail",
        "login_attempt",
    },
}  # fmt: skip


@pytest.mark.parametrize("major", [13, 17])
@pytest.mark.parametrize("application", ["parking", "messenger"])
def test_an_application_never_seen_before(make_database: Callable[..., str], application: str, major: int) -> None:
    dsn = make_database(major)
    load(dsn, (CASES / f"{application}.sql").read_text())
    with open_connection(dsn) as connection:
        snapshot = collect(connection)
    drafted, problems = check_policy(draft_policy(snapshot, Catalog(snapshot)))
    assert problems == () and {t.table.name for t in drafted.tables} == DRAFTED[application]
    with psycopg.connect(dsn, autocommit=True) as session:
        row = session.execute("select (now() + interval '10 minutes')::text, now()::text").fetchone()
        assert row is not None
    later, now = (f"timestamptz '{moment}'" for moment in row)
    before = digests(dsn, application, later)
    rules = load_policy(CASES / f"{application}.toml")
    statuses = assess(dsn, rules)
    assert {s.table.name for s in statuses if s.rule == "ret.overdue"} == OVERDUE[application]
    assert not [s for s in statuses if s.rule in ("ret.time_column_unknown", "ret.unknown", "ret.table_missing")]
    for _ in range(3):
        for status in statuses:
            run(dsn, status.sql)
        with psycopg.connect(dsn, autocommit=True) as session:
            jobs = session.execute("select oid::regproc::text from pg_proc where proname ~ '^(purge|maintain)_'")
            for (name,) in jobs.fetchall():
                session.execute(f"call {name}()".encode())
            session.execute("analyze")  # autovacuum is off here, and the jobs leave it to it
        statuses = assess(dsn, rules)
        if not [s for s in statuses if s.severity in ("critical", "high", "medium")]:
            break
    loud = [
        (s.rule, str(s.table), s.oldest_source, s.expired_rows, s.evidence["expired_source"])
        for s in statuses
        if s.severity in ("critical", "high", "medium")
    ]
    assert not loud, loud
    assert digests(dsn, application, later) == before
    for table, inside in INSIDE[application].items():
        with psycopg.connect(dsn) as session:
            left = session.execute(f"select count(*) from {table} where not ({inside.format(now=now)})".encode())
            (count,) = left.fetchone() or (None,)
        # A day is kept until its end, and the message whose receipt is inside the window stays with it.
        assert count is not None and count <= {'"Parking"."pushNotification"': 31, "message": 1}.get(table, 0), table


def digests(dsn: str, application: str, moment: str) -> dict[str, object]:
    """Every table's rows inside the window as one digest, and their number."""
    found: dict[str, object] = {}
    with psycopg.connect(dsn) as session:
        for table, inside in INSIDE[application].items():
            columns = COLUMNS.get(table, "*")
            found[table] = session.execute(
                f"select count(*), md5(string_agg(t::text, '|' order by t::text)) from"
                f" (select {columns} from {table} where {inside.format(now=moment)}) t".encode()
            ).fetchone()
    return found


HELD = """exists (select from results r where r.job = j.id)
  or exists (select from jobs c where c.parent = j.id and c.id <> j.id)"""


@pytest.mark.parametrize("major", [13, 17])
def test_rows_that_others_refer_to_wait_and_hold_up_nobody(make_database: Callable[..., str], major: int) -> None:
    dsn = make_database(major)
    load(
        dsn,
        """create table jobs (id int primary key, parent int references jobs (id), at timestamptz not null);
create table results (job int not null references jobs (id), value text);
insert into jobs select i, case i % 4 when 0 then i when 1 then null else i - 1 end,
  now() - interval '100 days' + i * interval '1 hour' from generate_series(1, 2300) i;
insert into results select i, 'kept' from generate_series(7, 2300, 100) i;
analyze""",
    )
    rules, _ = check_policy('[[tables]]\ntable = "jobs"\nkeep = "30 days"\n')
    overdue = next(s for s in assess(dsn, rules) if s.rule == "ret.overdue")
    assert "Rows that public.results still refers to" in overdue.detail
    run(dsn, overdue.sql)
    old = "at < now() - interval '30 days'"
    with psycopg.connect(dsn, autocommit=True) as session:
        # What is left is what a result or a younger job refers to, and their ancestors: pairs, as the parents go.
        left = session.execute(
            f"select count(*), count(*) filter (where not ({HELD})) from jobs j where {old}".encode()
        )
        count, wrong = left.fetchone() or (0, 1)
        assert count > 0 and wrong == 0
        assert session.execute("select count(*) from results").fetchone() == (23,)
        session.execute("delete from results")
    run(dsn, overdue.sql)
    with psycopg.connect(dsn) as session:
        rest = session.execute(f"select count(*) from jobs where {old}".encode()).fetchone()
    assert rest is not None and rest[0] <= 3  # the ancestors of the first rows inside the window
