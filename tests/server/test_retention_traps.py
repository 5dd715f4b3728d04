"""What goes wrong with retention and partitions, one by one: the trap shown to be real, then the way around it."""

from __future__ import annotations

import time
from collections.abc import Iterator

import psycopg
import pytest

from advisor.collect import collect
from advisor.connect import open_connection
from advisor.model.lookup import Catalog
from advisor.retention import Policy, assess_retention, check_policy
from advisor.retention.plans import purge, time_index
from tests.server.test_retention_plans import Writers, assess, find, load, run

pytestmark = pytest.mark.server

MAJORS = [13, 18]


def policy(text: str) -> Policy:
    found, problems = check_policy(text)
    assert not problems, problems
    return found


def one(dsn: str, query: str) -> tuple[object, ...]:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row


@pytest.fixture
def guest(database: str) -> Iterator[str]:
    """A role that may read whatever is made from now on, as hosted services set it up."""
    load(
        database,
        "create role pgadvise_anon;\nalter default privileges in schema public grant select on tables to pgadvise_anon",
    )
    yield "pgadvise_anon"
    load(database, "drop owned by pgadvise_anon;\ndrop role pgadvise_anon")


def until_counted(dsn: str, table: str) -> None:
    """Before 15 the counters arrive a moment later."""
    for _ in range(100):
        if one(dsn, f"select n_tup_ins from pg_stat_user_tables where relname = '{table}'") != (0,):
            return
        time.sleep(0.05)


EVENTS = """create table "Ev'ents %" (id bigint not null, at timestamptz not null, body text, loud text generated always
  as (upper(body)) stored, primary key (id, at)) partition by range (at);
create index on "Ev'ents %" (body);
do $x$ declare m timestamptz := date_trunc('month', now()); begin for n in -1..0 loop execute
  format('create table ev_%s partition of "Ev''ents %%" for values from (%L) to (%L)', n + 1,
  m + n * interval '1 month', m + (n + 1) * interval '1 month'); end loop; end $x$;
create table ev_rest partition of "Ev'ents %" default;
alter table "Ev'ents %" enable row level security;
insert into "Ev'ents %" (id, at, body) select i, now() - interval '100 days' + i * interval '1 hour', 'b' || i
from generate_series(1, 4200) i;
insert into "Ev'ents %" (id, at, body) values (0, 'infinity', 'for ever');
analyze"""


@pytest.mark.parametrize("major", MAJORS)
def test_rows_in_the_default_partition_stop_new_ones_until_they_are_moved(database: str, guest: str) -> None:
    load(database, EVENTS)
    digest = (
        "select count(*), md5(string_agg(e::text, '|' order by id)) from \"Ev'ents %\" e where id between 0 and 4200"
    )
    before = one(database, digest)
    statuses = assess(database)
    future = find(statuses, "part.missing_future", "Ev'ents %")
    with pytest.raises(psycopg.errors.CheckViolation, match="would be violated by some row"):
        run(database, future.sql)  # the trap: no partition can be made where the default has rows
    stuck = find(statuses, "part.default_rows", "Ev'ents %")
    assert len(stuck.sql) == len(stuck.evidence["locks"]) == 2
    with Writers(
        database,
        "insert into \"Ev'ents %\" (id, at, body) select 5000 + coalesce(max(id), 0), now(), 'new' from \"Ev'ents %\"",
        "insert into \"Ev'ents %\" (id, at, body) select -1 - count(*), now() + interval '40 days', 'ahead'"
        ' from "Ev\'ents %"',
    ) as writers:
        run(database, stuck.sql)
    assert not writers.errors and all(writers.counts)
    run(database, stuck.sql[1:])  # what came meanwhile; and it may be repeated
    assert one(database, digest) == before
    assert one(database, "select count(*), max(body) from ev_rest") == (1, "for ever")
    assert one(database, "select count(*) from \"Ev'ents %\" where body in ('new', 'ahead')") == (sum(writers.counts),)
    after = assess(database)
    for status in after:
        if status.rule == "part.missing_future":
            run(database, status.sql)
    # A partition is read by its own name: nobody may go around the table's row security.
    with psycopg.connect(database, autocommit=True) as session:
        leaves = session.execute(
            "select c.oid::regclass::text from pg_inherits join pg_class c on c.oid = inhrelid"
            " where inhparent = '\"Ev''ents %\"'::regclass and c.relname not in ('ev_0', 'ev_1', 'ev_rest')"
        ).fetchall()
        assert len(leaves) >= 4
        session.execute(f"set role {guest}".encode())
        for (leaf,) in leaves:
            assert session.execute(f"select count(*) from {leaf}".encode()).fetchone() == (0,)


@pytest.mark.parametrize("major", MAJORS)
def test_without_a_partition_inserts_fail(database: str) -> None:
    load(
        database,
        """create table events (at timestamptz not null) partition by range (at);
create table events_old partition of events for values from ('2020-01-01') to ('2020-02-01');
do $x$ begin execute format('create table events_now partition of events for values from (%L) to (%L)',
  date_trunc('month', now()), date_trunc('month', now()) + interval '1 month'); end $x$;
analyze""",
    )
    with pytest.raises(psycopg.errors.CheckViolation, match="no partition of relation"):
        load(database, "insert into events values (now() + interval '32 days')")
    run(database, find(assess(database), "part.gap", "events").sql)
    load(database, "insert into events values ('2021-06-01')")


@pytest.mark.parametrize("major", MAJORS)
def test_new_partitions_are_named_as_the_application_names_its_own(database: str) -> None:
    load(
        database,
        """create table "Logs" (at timestamptz not null, body text) partition by range (at);
do $x$ declare d timestamptz := date_trunc('day', now() at time zone 'utc') at time zone 'utc'; begin
for n in -3..0 loop execute format('create table %I partition of "Logs" for values from (%L) to (%L)',
  'Logs-' || to_char((d + n * interval '1 day') at time zone 'utc', 'YYYY_MM_DD'), d + n * interval '1 day',
  d + (n + 1) * interval '1 day'); end loop; end $x$;
create table logs_rest partition of "Logs" default;
insert into "Logs" select now() + i * interval '1 day', 'b' from generate_series(-6, 1) i;
analyze""",
    )
    run(database, find(assess(database), "part.default_rows", "Logs").sql)
    run(database, find(assess(database), "part.missing_future", "Logs").sql)
    with psycopg.connect(database) as session:
        session.execute("set timezone = 'UTC'")
        rows = session.execute(
            "select c.relname, substring(pg_get_expr(c.relpartbound, c.oid) from $$FROM \\('(\\d+-\\d+-\\d+)$$)"
            " from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = '\"Logs\"'::regclass"
            " and c.relname <> 'logs_rest'"
        ).fetchall()
    assert len(rows) >= 7
    assert {name for name, _ in rows} == {f"Logs-{day.replace('-', '_')}" for _, day in rows}


@pytest.mark.parametrize("major", MAJORS)
def test_a_conversion_attaches_without_a_scan_and_leaves_no_partition_open(database: str, guest: str) -> None:
    load(
        database,
        """create table visits (id bigint generated always as identity primary key, who int, at timestamptz not null);
insert into visits (who, at) select i % 9, now() - interval '100 days' + i * interval '1 hour'
from generate_series(1, 2300) i;
alter table visits enable row level security;
create policy own on visits for select to pgadvise_anon using (who = 1);
analyze visits""",
    )
    rules = policy('[[tables]]\ntable = "visits"\nkeep = "90 days"\nenforcement = "drop_partition"\n')
    status = find(assess(database, rules), "part.should_partition", "visits")
    said: list[str] = []
    with psycopg.connect(database, autocommit=True) as session:
        session.add_notice_handler(lambda notice: said.append(notice.message_primary or ""))
        session.execute("set client_min_messages = debug1")
        for statement in status.sql:
            session.execute(statement.encode())
    assert [s for s in said if "is implied by existing constraints" in s and "visits_legacy" in s]
    job = find(assess(database, rules), "ret.no_enforcement", "visits")
    run(database, [*job.sql, "call maintain_visits()"])
    with psycopg.connect(database, autocommit=True) as session:
        leaves = session.execute(
            "select c.oid::regclass::text, c.relrowsecurity from pg_inherits join pg_class c on c.oid = inhrelid"
            " where inhparent = 'visits'::regclass"
        ).fetchall()
        assert len(leaves) >= 5 and all(secured for _, secured in leaves)
        session.execute("insert into visits (who, at) values (1, now() + interval '10 days'), (2, now())")
        session.execute("set role pgadvise_anon")
        assert session.execute("select count(distinct who), min(who) from visits").fetchone() == (1, 1)
        for leaf, _ in leaves:
            seen = session.execute(f"select count(*) from {leaf} where who <> 1".encode()).fetchone()
            assert seen == (0,)


@pytest.mark.parametrize("major", MAJORS)
def test_a_foreign_key_to_the_table_forbids_the_conversion_also_when_it_comes_late(database: str) -> None:
    load(
        database,
        """create table visits (id bigint primary key, at timestamptz not null);
insert into visits select i, now() - interval '100 days' + i * interval '1 hour' from generate_series(1, 2300) i;
create table notes (visit bigint, body text);
analyze""",
    )
    rules = policy('[[tables]]\ntable = "visits"\nkeep = "90 days"\nenforcement = "drop_partition"\n')
    status = find(assess(database, rules), "part.should_partition", "visits")
    load(database, "alter table notes add foreign key (visit) references visits (id)")
    refused = find(assess(database, rules), "part.should_not", "visits")
    assert "notes_visit_fkey of public.notes" in refused.detail and refused.sql == ()
    state = (
        "select count(*), (select relkind from pg_class where oid = 'visits'::regclass),"
        " (select string_agg(pg_get_constraintdef(oid), ';') from pg_constraint"
        " where conrelid = 'visits'::regclass and contype = 'p') from visits"
    )
    before = one(database, state)
    with pytest.raises(psycopg.errors.RaiseException, match="foreign keys of other tables point at"):
        run(database, status.sql)
    assert one(database, state) == before == (2300, "r", "PRIMARY KEY (id)")


@pytest.mark.parametrize("major", MAJORS)
def test_a_partitioned_table_is_never_analyzed_by_itself(database: str) -> None:
    load(
        database,
        """create table events (at timestamptz not null, kind int) partition by range (at);
create table events_a partition of events for values from ('2020-01-01') to ('2099-01-01');
insert into events select now(), i % 7 from generate_series(1, 1000) i;
analyze events_a""",
    )
    status = find(assess(database), "part.parent_not_analyzed", "events")
    run(database, status.sql)
    assert not [s for s in assess(database) if s.rule == "part.parent_not_analyzed"]


@pytest.mark.parametrize("major", [18])
def test_dropping_a_partition_writes_a_fraction_of_the_wal_of_a_delete(database: str) -> None:
    load(
        database,
        """create table events (id bigint, at timestamptz not null, body text) partition by range (at);
create table events_a partition of events for values from ('2020-01-01') to ('2021-01-01');
create table events_b partition of events for values from ('2021-01-01') to ('2022-01-01');
insert into events select i, '2020-06-01', repeat('x', 100) from generate_series(1, 20000) i;
insert into events select i, '2021-06-01', repeat('x', 100) from generate_series(1, 20000) i""",
    )
    with psycopg.connect(database, autocommit=True) as session:

        def wal(statement: str) -> int:
            session.execute("select pg_current_wal_insert_lsn() as lsn into temp table before_it")
            session.execute(statement.encode())
            row = session.execute("select pg_current_wal_insert_lsn() - (select lsn from before_it)").fetchone()
            session.execute("drop table before_it")
            assert row is not None
            return int(row[0])

        assert wal("delete from events where at < '2021-01-01'") > 10 * wal("drop table events_b")


@pytest.mark.parametrize("major", MAJORS)
def test_a_purge_by_brin_under_writers(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """BRIN is for tables beyond a gigabyte: here the limit is lowered, all else is real."""
    monkeypatch.setattr(time_index, "_SMALL", 0)
    monkeypatch.setattr(purge, "_SMALL_BYTES", 0)
    load(
        database,
        """create table pings (id bigint not null, body text, at timestamptz not null default now());
insert into pings select i, repeat('x', 200), now() - interval '100 days' + i * interval '2 minutes'
from generate_series(1, 72000) i;
vacuum analyze pings""",
    )
    until_counted(database, "pings")
    rules = policy('[[tables]]\ntable = "pings"\nkeep = "90 days"\n')
    status = find(assess(database, rules), "ret.overdue", "pings")
    assert any("USING brin" in s for s in status.sql) and "BRIN" in status.detail
    inside = "select count(*), sum(id) from pings where at > now() - interval '89 days' and id > 0"
    expired = "select count(*) from pings where at < now() - interval '90 days'"
    before = one(database, inside)
    assert one(database, expired) > (6000,)
    with Writers(
        database,
        "insert into pings (id, body) values (0, 'new')",
        "update pings set body = body where id = 71000",
    ) as writers:
        run(database, status.sql)
    assert not writers.errors and all(writers.counts)
    run(database, status.sql[-2:])
    assert one(database, expired) == (0,) and one(database, inside) == before
    assert one(database, "select count(*) from pings where id = 0") == (writers.counts[0],)
    delete = next(s for s in status.sql if s.startswith("DO"))
    delete = delete[delete.index("DELETE") : delete.index(";\n    GET")]
    load(
        database, "insert into pings select 0, repeat('y', 200), now() from generate_series(1, 9000) i;\nanalyze pings"
    )
    with psycopg.connect(database, autocommit=True) as session:
        session.execute("set enable_seqscan = off")
        plan = "\n".join(row[0] for row in session.execute(b"explain " + delete.encode()).fetchall())
    assert "Bitmap Index Scan" in plan and "Sort" not in plan, plan
    run(database, status.undo_sql)


@pytest.mark.parametrize("major", MAJORS)
def test_every_row_is_archived_before_it_goes_whatever_the_order_of_columns(database: str) -> None:
    load(
        database,
        """create table trips (id bigint, a text, at timestamptz not null, b text) partition by range (at);
create table trips_late (b text, at timestamptz not null, gone int, a text, id bigint);
alter table trips_late drop column gone;
do $x$ begin execute format('alter table trips attach partition trips_late for values from (%L) to (%L)',
  now() - interval '60 days', now() + interval '60 days'); end $x$;
create table trips_early partition of trips for values from (minvalue) to ('2020-01-01');
insert into trips select i, 'a' || i, now() - interval '50 days' + i * interval '2 minutes', 'b' || i
from generate_series(1, 36000) i;
analyze""",
    )
    rules = policy('[[tables]]\ntable = "trips"\nkeep = "30 days"\narchive = { to = "cold.old_trips" }\n')
    statuses = assess(database, rules)
    overdue, job = (find(statuses, rule, "trips") for rule in ("ret.overdue", "ret.no_enforcement"))
    everything = "select count(*), md5(string_agg(t::text, '|' order by id)) from (select id, a, at, b from {0}) t"
    before = one(database, everything.format("trips"))
    with Writers(database, "insert into trips values (-1, 'x', now(), 'y')") as writers:
        run(database, overdue.sql)
    assert not writers.errors and writers.counts[0]
    both = "(select * from trips where id > 0 union all select * from cold.old_trips) u"
    assert one(database, everything.format(both)) == before
    assert one(database, "select count(*) from cold.old_trips") > (14000,)
    assert one(database, "select count(*) from trips where at < now() - interval '30 days'") == (0,)
    load(
        database,
        "insert into trips select i, 'a', now() - interval '40 days', 'b' from generate_series(40001, 40009) i",
    )
    run(database, [*job.sql, "call purge_trips()"])
    assert one(database, "select count(*), min(a), min(b) from cold.old_trips where id > 40000") == (9, "a", "b")
    # An archive that has lost a column stops the purge: nothing is deleted.
    load(
        database,
        "alter table cold.old_trips drop column b;\n"
        "insert into trips values (50000, 'a', now() - interval '40 days', 'b')",
    )
    with pytest.raises(psycopg.Error):
        run(database, ["call purge_trips()"])
    assert one(database, "select count(*) from trips where id = 50000") == (1,)


@pytest.mark.parametrize("major", MAJORS)
def test_columns_named_like_anything_in_the_scripts(database: str) -> None:
    """A column `archived` in a condition is the column, whatever variables a script has."""
    columns = (
        "removed int, archived boolean, leaf text, past int, newest int, root text, first int, low int, candidate int"
    )
    load(
        database,
        f"""create table letters (id int, {columns}, at timestamptz not null);
insert into letters (id, archived, at) select i, i % 3 = 0, now() - interval '90 days' + i * interval '1 hour'
from generate_series(1, 2000) i;
create table parts (id int, {columns}, at timestamptz not null) partition by range (at);
create table parts_rest partition of parts default;
do $x$ begin execute format('create table parts_a partition of parts for values from (%L) to (%L)',
  date_trunc('month', now()), date_trunc('month', now()) + interval '1 month'); end $x$;
insert into parts select * from letters;
create table referring (letter int);
alter table letters add primary key (id);
alter table referring add foreign key (letter) references letters;
insert into referring values (1);
analyze""",
    )
    rules = policy(
        '[[tables]]\ntable = "letters"\nkeep = "30 days"\nkeep_where = "archived and candidate is null"\n'
        '[[tables]]\ntable = "parts"\nkeep = "30 days"\n'
    )
    statuses = assess(database, rules)
    for rule in ("part.default_rows", "ret.overdue", "ret.no_enforcement"):
        run(database, [sql for status in statuses if status.rule == rule for sql in status.sql])
    run(database, ["call purge_letters()", "call maintain_parts()"])
    old = "at < now() - interval '30 days'"
    assert one(database, f"select count(*), min(id) from letters where {old} and not archived") == (1, 1)
    assert one(database, f"select count(*) > 400 from letters where {old} and archived") == (True,)
    assert one(database, f"select count(*) from parts where {old}") == (0,)


@pytest.mark.parametrize("major", MAJORS)
def test_bounds_are_read_under_any_date_style_and_time_zone(database: str) -> None:
    name = one(database, "select current_database()")[0]
    load(
        database,
        f"""create table events (at timestamp not null) partition by range (at);
create table events_a partition of events for values from ('2026-03-04 05:00') to ('2026-04-05 06:00');
create table events_b partition of events for values from ('2026-04-07 00:00') to ('2099-01-01');
alter database {name} set datestyle = 'German';
alter database {name} set timezone = 'Asia/Kolkata'""",
    )
    assert one(database, "select current_setting('TimeZone')") == ("Asia/Kolkata",)
    gap = find(assess(database), "part.gap", "events")
    assert "2026-04-05 06:00 to 2026-04-07 00:00" in gap.detail
    run(database, gap.sql)
    assert not [s for s in assess(database) if s.rule == "part.gap"]


@pytest.mark.parametrize("major", MAJORS)
def test_nothing_waits_for_tables_that_others_hold(database: str) -> None:
    """Plain, partitioned, default partition, archive: held exclusively for as long as it takes, and still a verdict."""
    load(
        database,
        """create table sessions (sid text primary key, data jsonb, expires_at timestamptz not null);
insert into sessions select 's' || i, '{}', now() - interval '99 days' from generate_series(1, 9000) i;
create index on sessions (expires_at);
create table events (at timestamptz not null) partition by range (at);
create table events_a partition of events for values from ('2020-01-01') to ('2099-01-01');
create table events_rest partition of events default;
insert into events values (now()), ('2010-01-01');
create table positions (student_id int, latitude float, longitude float, at timestamptz);
insert into positions select i, 1, 2, now() - interval '99 days' from generate_series(1, 9000) i;
create table other_sessions (like sessions including all);
insert into other_sessions select * from sessions;
analyze""",
    )
    rules = policy(
        '[[tables]]\ntable = "events"\nkeep = "1 year"\n[[tables]]\ntable = "sessions"\nkeep = "30 days"\n'
        '[[tables]]\ntable = "positions"\nkeep = "90 days"\n[[tables]]\ntable = "other_sessions"\nkeep = "30 days"\n'
    )
    with psycopg.connect(database) as holder:
        holder.execute("lock table sessions, events, positions in access exclusive mode")
        with open_connection(database) as connection:
            snapshot = collect(connection, policy=rules)
        holder.rollback()
    rows = [r for fact in ("ends", "pages", "default_rows") for r in snapshot.facts.get(f"retention/{fact}", ())]
    busy = {r["subject"] for r in rows if r["status"] == "busy"}
    assert {"public.sessions", "public.positions"} <= busy and "public.other_sessions" not in busy
    statuses = assess_retention(snapshot, Catalog(snapshot), rules)
    assert find(statuses, "ret.overdue", "other_sessions").confidence == "high"
    # Statistics still tell of the held ones; nothing is called empty or fine for want of a look.
    assert {s.table.name for s in statuses if s.rule == "ret.overdue"} >= {"sessions", "positions"}
