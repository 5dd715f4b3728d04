"""Partitions detached, dropped and made ahead while others write: the locks as stated, every row inside its window."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import psycopg
import pytest

from advisor.retention import Policy, check_policy
from tests.server.test_retention_jobs import server as server
from tests.server.test_retention_plans import Writers, assess, find, load, run

pytestmark = pytest.mark.server

NOTICES = """create table notices (id bigint generated always as identity, user_id bigint, body text,
  created_at timestamptz not null, primary key (id, created_at)) partition by range (created_at);
do $x$ declare m timestamptz := date_trunc('month', now()); begin for n in -9..1 loop execute
  format('create table notices_p%s partition of notices for values from (%L) to (%L)',
  to_char(m + n * interval '1 month', 'YYYYMM'), m + n * interval '1 month',
  m + (n + 1) * interval '1 month'); end loop; end $x$;
insert into notices (user_id, body, created_at)
select i, 'b', now() - interval '240 days' + i * interval '1 hour' from generate_series(1, 5700) i;
analyze"""
RULES = '[[tables]]\ntable = "notices"\nkeep = "90 days"\nclass = "personal"\n'
INSIDE = (
    "select count(*), md5(string_agg(n::text, '|' order by id)) from notices n"
    " where created_at > now() - interval '89 days' and created_at < {0} - interval '1 hour'"
)


def policy(text: str) -> Policy:
    found, problems = check_policy(text)
    assert not problems, problems
    return found


def moment(dsn: str) -> str:
    with psycopg.connect(dsn) as connection:
        row = connection.execute("select now()::text").fetchone()
    assert row is not None
    return f"timestamptz '{row[0]}'"


def one(dsn: str, query: str) -> tuple[object, ...]:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row


@pytest.mark.parametrize("major", [13, 15, 18])
def test_partitions_go_as_a_whole_while_others_write(make_database: Callable[..., str], major: int) -> None:
    dsn = make_database(major)
    load(dsn, NOTICES)
    status = find(assess(dsn, policy(RULES)), "ret.overdue", "notices")
    assert len(status.evidence["locks"]) == len(status.sql)
    inside = INSIDE.format(moment(dsn))
    before = one(dsn, inside)
    with Writers(
        dsn,
        "insert into notices (user_id, body, created_at) values (0, 'new', now())",
        "update notices set body = body where user_id = 5600",
    ) as writers:
        run(dsn, status.sql)
    assert not writers.errors and all(writers.counts)
    assert one(dsn, inside) == before
    assert one(dsn, "select count(*) from notices where created_at < now() - interval '90 days'") == (0,)
    assert one(dsn, "select count(*) from notices where user_id = 0") == (writers.counts[0],)
    detached = one(dsn, "select count(*) from pg_class where relname ~ '^notices_p' and relkind = 'r'")
    attached = one(dsn, "select count(*) from pg_inherits where inhparent = 'notices'::regclass")
    assert detached == attached, "nothing was left behind outside of the table"


@pytest.mark.parametrize("major", [15, 18])
def test_detaching_waits_for_readers_and_stops_no_writer(make_database: Callable[..., str], major: int) -> None:
    dsn = make_database(major)
    load(dsn, NOTICES)
    status = find(assess(dsn, policy(RULES)), "ret.overdue", "notices")
    place = next(n for n, s in enumerate(status.sql) if "CONCURRENTLY" in s)
    assert status.evidence["locks"][place].startswith("SHARE UPDATE EXCLUSIVE")
    with psycopg.connect(dsn) as reader, psycopg.connect(dsn, autocommit=True) as worker:
        reader.execute("select count(*) from notices")
        pid = worker.info.backend_pid
        thread = threading.Thread(target=worker.execute, args=(status.sql[place],))
        thread.start()
        held: set[str] = set()
        with psycopg.connect(dsn, autocommit=True) as watcher:
            # First phase done, it waits for the reader: that is when its locks can be seen.
            deadline = time.monotonic() + 20
            while time.monotonic() < deadline and thread.is_alive():
                rows = watcher.execute(
                    "select l.mode from pg_locks l where l.pid = %s and l.granted and l.relation = 'notices'::regclass",
                    (pid,),
                ).fetchall()
                held |= {row[0] for row in rows}
                waiting = watcher.execute("select wait_event_type from pg_stat_activity where pid = %s", (pid,))
                if waiting.fetchone() == ("Lock",):
                    break
                time.sleep(0.02)
            watcher.execute("set lock_timeout = '1s'")
            watcher.execute("insert into notices (user_id, body, created_at) values (0, 'meanwhile', now())")
            watcher.execute("select count(*) from notices where user_id = 17")
        reader.rollback()
        thread.join()
    assert "AccessExclusiveLock" not in held
    run(dsn, status.sql[place + 1 :])
    assert one(dsn, "select count(*) from notices where body = 'meanwhile'") == (1,)


@pytest.mark.parametrize("major", [13, 18])
def test_the_maintenance_procedure_under_writers(make_database: Callable[..., str], major: int) -> None:
    dsn = make_database(major)
    load(dsn, NOTICES)
    rules = policy(RULES)
    job = find(assess(dsn, rules), "ret.no_enforcement", "notices")
    run(dsn, job.sql)
    inside = INSIDE.format(moment(dsn))
    before = one(dsn, inside)
    with Writers(dsn, "insert into notices (user_id, body, created_at) values (0, 'new', now())") as writers:
        for _ in range(2):  # idempotent
            run(dsn, ["call maintain_notices()"])
    assert not writers.errors and writers.counts[0]
    assert one(dsn, inside) == before
    # A month is longer than the tolerance of a week: the oldest partition is purged to the day.
    assert one(dsn, "select count(*) from notices where created_at < now() - interval '90 days'") == (0,)
    assert one(dsn, "select count(*) from notices where user_id = 0") == (writers.counts[0],)
    load(dsn, "create extension pg_stat_statements;\ncall maintain_notices()")
    statuses = assess(dsn, rules)
    assert not [s for s in statuses if s.rule in ("ret.overdue", "ret.no_enforcement", "part.missing_future")]
    assert "maintain_notices" in find(statuses, "ret.ok", "notices").enforcement
    load(dsn, "insert into notices (user_id, body, created_at) values (1, 'ahead', now() + interval '100 days')")


@pytest.mark.parametrize("major", [13, 18])
def test_partitions_are_made_ahead_while_somebody_reads(make_database: Callable[..., str], major: int) -> None:
    """A long report holds the table, and the procedure neither waits for it nor stops others behind it."""
    dsn = make_database(major)
    load(
        dsn,
        NOTICES
        + """;
create table people (id bigint primary key);
insert into people values (7);
alter table notices add column who bigint references people, add check (length(body) < 9)""",
    )
    job = find(assess(dsn, policy(RULES.replace("90 days", "400 days"))), "ret.no_enforcement", "notices")
    run(dsn, job.sql)
    with psycopg.connect(dsn) as reader:
        reader.execute("select count(*) from notices")
        run(dsn, ["call maintain_notices()"])
    load(dsn, "insert into notices (user_id, body, created_at, who) values (1, 'x', now() + interval '100 days', 7)")
    newest = "(select max(tableoid)::regclass from notices)"
    for wrong, error in (("'too long a body', 7", "CheckViolation"), ("'x', 8", "ForeignKeyViolation")):
        with pytest.raises(getattr(psycopg.errors, error)):
            load(
                dsn,
                "insert into notices (user_id, created_at, body, who) values"
                f" (1, now() + interval '100 days', {wrong})",
            )
    assert one(dsn, f"select count(*) from pg_index where indrelid = {newest} and indisprimary") == (1,)
    # Identity goes on counting in the new partitions.
    assert one(dsn, "select count(*) = count(distinct id) from notices") == (True,)


@pytest.mark.parametrize("major", [13, 18])
def test_the_move_out_of_the_default_partition_takes_the_locks_it_states(
    make_database: Callable[..., str], major: int
) -> None:
    dsn = make_database(major)
    load(
        dsn,
        NOTICES + ";\ncreate table notices_rest partition of notices default;\n"
        "insert into notices (created_at) values (now() + interval '100 days')",
    )
    status = find(assess(dsn, policy(RULES)), "part.default_rows", "notices")
    stated = status.evidence["locks"][1]
    assert stated.startswith("ACCESS EXCLUSIVE on the default partition") and "SHARE UPDATE EXCLUSIVE" in stated
    held: dict[str, set[str]] = {}
    with psycopg.connect(dsn) as connection:
        connection.execute(status.sql[1].replace("    COMMIT;", "    EXIT;").encode())  # its first range, kept open
        for name, mode in connection.execute(
            "select relation::regclass::text, mode from pg_locks where pid = pg_backend_pid() and locktype = 'relation'"
        ).fetchall():
            held.setdefault(name, set()).add(mode)
    assert "AccessExclusiveLock" in held["notices_rest"]
    assert held["notices"] == {"AccessShareLock", "ShareUpdateExclusiveLock"}


@pytest.fixture
def dsn(server: str) -> Iterator[str]:
    """Debian's PostgreSQL 15 with pg_partman and pg_cron."""
    yield server
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("delete from cron.job; delete from partman.part_config; drop table visits cascade")
        for (name,) in connection.execute("select tablename from pg_tables where tablename ~ '^visits'").fetchall():
            connection.execute(f'drop table "{name}"'.encode())


def test_pg_partman_keeps_the_window_under_writers(dsn: str) -> None:
    load(
        dsn,
        """create table visits (id bigint, user_id bigint, at timestamptz not null) partition by range (at);
select partman.create_parent('public.visits', 'at', 'native', 'daily', p_premake := 4,
  p_start_partition := (now() - interval '20 days')::date::text);
insert into visits select i, 1, now() - interval '19 days' + i * interval '10 minutes' from generate_series(1, 2700) i;
analyze visits""",
    )
    rules = policy('[[tables]]\ntable = "visits"\nkeep = "10 days"\ntolerance = "2 days"\nclass = "personal"\n')
    statuses = assess(dsn, rules)
    # A second job beside pg_partman would be in its way.
    assert not [s for s in statuses if s.rule == "ret.no_enforcement"]
    run(dsn, find(statuses, "ret.partman_no_retention", "visits").sql)
    run(dsn, find(assess(dsn, rules), "ret.partman_keep_table", "visits").sql)
    load(dsn, "select cron.schedule('partman', '@hourly', 'call partman.run_maintenance_proc()')")
    inside = "select count(*), sum(id) from visits where at > now() - interval '9 days' and id > 0"
    before = one(dsn, inside)
    with Writers(dsn, "insert into visits values (0, 2, now())") as writers:
        run(dsn, ["call partman.run_maintenance_proc()"])
    assert not writers.errors and writers.counts[0]
    assert one(dsn, inside) == before
    assert one(dsn, "select count(*) from visits where user_id = 2") == (writers.counts[0],)
    assert one(dsn, "select count(*) from visits where at < now() - interval '12 days'") == (0,)
    load(dsn, "insert into visits values (1, 3, now() + interval '3 days')")  # there is a partition ahead
    loud = [s for s in assess(dsn, rules) if s.table.name == "visits" and s.severity not in ("info", "low")
            and s.rule != "ret.future_time"]  # fmt: skip
    assert not loud, loud
