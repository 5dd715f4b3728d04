"""The scripts are run on real servers while others write: nothing inside the window is lost, nothing outside stays."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest

from advisor.collect import collect
from advisor.connect import open_connection
from advisor.model.lookup import Catalog
from advisor.model.report import RetentionStatus
from advisor.retention import Policy, assess_retention, load_policy

pytestmark = pytest.mark.server

MAJORS = [13, 15, 18]


def assess(dsn: str, policy: Policy | None = None) -> tuple[RetentionStatus, ...]:
    with open_connection(dsn) as connection:
        snapshot = collect(connection, policy=policy)
    return assess_retention(snapshot, Catalog(snapshot), policy)


def find(statuses: Sequence[RetentionStatus], rule: str, table: str) -> RetentionStatus:
    found = [s for s in statuses if s.rule == rule and s.table.name == table]
    assert found, [(s.rule, str(s.table), s.detail) for s in statuses]
    return found[0]


def run(dsn: str, statements: Sequence[str]) -> None:
    """Run statements one by one, outside a transaction block, as a person would."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


class Writers:
    """Others at work: each repeats one statement in its own session until the block is left."""

    def __init__(self, dsn: str, *statements: str) -> None:
        self.done = threading.Event()
        self.counts = [0] * len(statements)
        self.errors: list[str] = []
        self.threads = [
            threading.Thread(target=self._work, args=(dsn, number, text)) for number, text in enumerate(statements)
        ]

    def _work(self, dsn: str, number: int, text: str) -> None:
        with psycopg.connect(dsn, autocommit=True) as connection:
            while not self.done.is_set():
                try:
                    connection.execute(text)
                    self.counts[number] += 1
                except psycopg.errors.LockNotAvailable:
                    continue
                except psycopg.Error as error:
                    self.errors.append(str(error))
                    return

    def __enter__(self) -> Writers:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.done.set()
        for thread in self.threads:
            thread.join()


SESSIONS = """
create table app_users (id bigint primary key);
insert into app_users select generate_series(1, 50);
create table user_sessions (
    sid text primary key, user_id bigint references app_users (id), data jsonb, expires_at timestamptz not null,
    hits integer not null default 0
);
insert into user_sessions
select 's' || i, 1 + i % 50, jsonb_build_object('i', i), now() - interval '60 days' + i * interval '4 minutes'
from generate_series(1, 30000) i;
analyze user_sessions
"""


def load(dsn: str, script: str) -> None:
    run(dsn, [s for s in script.split(";\n") if s.strip()])


@pytest.mark.parametrize("major", MAJORS)
def test_purge_under_concurrent_writes_keeps_the_window(database: str) -> None:
    load(database, SESSIONS)
    status = find(assess(database), "ret.overdue", "user_sessions")
    truth = "select count(*) from user_sessions where expires_at < now() - interval '30 days'"
    with psycopg.connect(database, autocommit=True) as connection:
        expired = connection.execute(truth).fetchone()
        connection.execute(
            "create table kept as select * from user_sessions where expires_at >= now() - interval '29 days'"
        )
    assert expired is not None and status.expired_rows is not None
    assert abs(status.expired_rows - expired[0]) < 0.05 * expired[0]
    with Writers(
        database,
        # Sessions that live on: some rows leave the expired ones while the purge runs.
        "update user_sessions set expires_at = now() + interval '1 day', hits = hits + 1"
        " where sid = 's' || (1 + (random() * 10000)::int)",
        "update user_sessions set hits = hits + 1 where sid = 's' || (20000 + (random() * 9999)::int)",
        "insert into user_sessions (sid, user_id, expires_at)"
        " values (md5(random()::text), 1, now() + interval '1 hour')",
    ) as writers:
        run(database, status.sql)
    assert not writers.errors and all(writers.counts)
    run(database, status.sql)  # idempotent, and takes what was locked the first time
    with psycopg.connect(database, autocommit=True) as connection:
        assert connection.execute(truth).fetchone() == (0,)
        lost = connection.execute(
            "select count(*) from kept k"
            " where not exists (select from user_sessions s where s.sid = k.sid and s.data = k.data)"
        ).fetchone()
        saved = connection.execute(
            "select count(*) from user_sessions where expires_at > now() and hits > 0"
        ).fetchone()
        inserted = connection.execute("select count(*) from user_sessions where length(sid) = 32").fetchone()
    assert lost == (0,)
    assert saved is not None and saved[0] > 0
    assert inserted == (writers.counts[2],)
    after = assess(database)
    assert not [s for s in after if s.rule == "ret.overdue"]
    find(after, "ret.ok", "user_sessions")


def test_batches_read_neither_the_table_nor_join(make_database: Callable[..., str]) -> None:
    dsn = make_database(15)
    load(dsn, SESSIONS)
    status = find(assess(dsn), "ret.overdue", "user_sessions")
    run(dsn, ["create index on user_sessions (expires_at)", "analyze user_sessions"])
    block = next(s for s in status.sql if s.startswith("DO"))
    delete = block[block.index("DELETE") : block.index(";\n    GET")]
    with psycopg.connect(dsn, autocommit=True) as connection:
        plan = "\n".join(row[0] for row in connection.execute(b"explain " + delete.encode()).fetchall())
    assert "Seq Scan" not in plan and "Join" not in plan and "Tid Scan" in plan, plan


POSITIONS = """
create role pgadvise_reader;
create table vehicles (id bigint primary key, plate text);
insert into vehicles select i, 'V' || i from generate_series(1, 40) i;
create table "Vehicle Positions" (
    id bigint generated always as identity primary key,
    vehicle_id bigint not null references vehicles (id),
    latitude double precision not null, longitude double precision not null check (longitude between -180 and 180),
    speed real default 0, note text,
    recorded_at timestamptz default now()
);
insert into "Vehicle Positions" (vehicle_id, latitude, longitude, recorded_at)
select 1 + i % 40, 52 + random(), 13 + random(), now() - interval '120 days' + i * interval '3 minutes'
from generate_series(1, 57000) i;
create index positions_vehicle_idx on "Vehicle Positions" (vehicle_id, recorded_at desc);
create index positions_note_idx on "Vehicle Positions" (lower(note)) where note is not null;
create table touched (n bigint not null);
insert into touched values (0);
create function count_positions() returns trigger language plpgsql as
$$ begin update touched set n = n + 1; return new; end $$;
create trigger counted after update on "Vehicle Positions" for each row execute function count_positions();
create view recent_positions with (security_barrier) as
select * from "Vehicle Positions" where recorded_at > now() - interval '1 day';
grant select on "Vehicle Positions" to pgadvise_reader;
grant update (note) on "Vehicle Positions" to pgadvise_reader;
grant select on recent_positions to pgadvise_reader;
alter table "Vehicle Positions" enable row level security;
create policy all_rows on "Vehicle Positions" for select to pgadvise_reader using (vehicle_id < 20);
comment on table "Vehicle Positions" is 'where they were';
create publication pgadvise_changes for table "Vehicle Positions";
analyze "Vehicle Positions"
""".replace(
    "$$ begin update touched set n = n + 1; return new; end $$",
    "$$ begin update touched set n = n + 1 ; return new ; end $$",
)

POLICY = """
[[tables]]
table = '"public"."Vehicle Positions"'
keep = "90 days"
class = "personal"
time_column = "recorded_at"
enforcement = "drop_partition"
"""


def contents(connection: psycopg.Connection[Any], where: str = "true") -> str:
    row = connection.execute(
        f"""select md5(string_agg(p::text, '|' order by id)) from "Vehicle Positions" p where {where}""".encode()
    ).fetchone()
    assert row is not None
    return str(row[0])


@pytest.fixture
def reader_role(database: str) -> Iterator[None]:
    yield
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("drop owned by pgadvise_reader")
        connection.execute("drop role pgadvise_reader")


@pytest.mark.parametrize("major", MAJORS)
def test_conversion_keeps_every_row_and_everything_on_the_table(
    database: str, tmp_path: Path, reader_role: None
) -> None:
    load(database, POSITIONS)
    file = tmp_path / "policy.toml"
    file.write_text(POLICY)
    policy = load_policy(file)
    status = find(assess(database, policy), "part.should_partition", "Vehicle Positions")
    assert len(status.evidence["locks"]) == len(status.evidence["times"]) == len(status.sql)
    with psycopg.connect(database, autocommit=True) as connection:
        before = contents(connection)
    insert = """insert into "Vehicle Positions" (vehicle_id, latitude, longitude, note) values (7, 1, 2, 'new')"""
    update = """update "Vehicle Positions" set note = 'seen' where id = 1 + (random() * 50000)::int"""
    with Writers(database, insert) as writers:
        run(database, status.sql)
    assert not writers.errors and writers.counts[0]
    with psycopg.connect(database, autocommit=True) as connection:
        assert contents(connection, "id <= 57000") == before
        added = connection.execute(
            """select count(*), count(distinct id), min(id) from "Vehicle Positions" where id > 57000"""
        ).fetchone()
        assert added is not None and added[:2] == (writers.counts[0], writers.counts[0]) and added[2] == 57001
        kind = connection.execute(
            "select relkind, relrowsecurity from pg_class where oid = '\"Vehicle Positions\"'::regclass"
        ).fetchone()
        assert kind == ("p", True)
        # The view means the new table, the trigger fires once for each row, rights and publication are the same.
        assert connection.execute("select count(*) > 0 from recent_positions where note = 'new'").fetchone() == (True,)
        connection.execute(update.replace("1 + (random() * 50000)::int", "17"))
        assert connection.execute("select n from touched").fetchone() == (1,)
        tables = {
            r[0]
            for r in connection.execute(
                "select tablename from pg_publication_tables where pubname = 'pgadvise_changes'"
            )
        }
        assert tables and all("legacy" in t or "_p2" in t or t == "Vehicle Positions" for t in tables)
        assert connection.execute("select obj_description('\"Vehicle Positions\"'::regclass)").fetchone() == (
            "where they were",
        )
        connection.execute("set role pgadvise_reader")
        hidden = connection.execute("""select count(*) from "Vehicle Positions" where vehicle_id >= 20""").fetchone()
        connection.execute("reset role")
        assert hidden == (0,)
        options = connection.execute("select reloptions from pg_class where relname = 'recent_positions'").fetchone()
        assert options == (["security_barrier=true"],)
        future = connection.execute(
            """insert into "Vehicle Positions" (vehicle_id, latitude, longitude, recorded_at)
               values (1, 1, 1, now() + interval '25 days') returning tableoid::regclass::text"""
        ).fetchone()
        assert future is not None and "_p2" in future[0]
        everything = contents(connection)
    again = assess(database, policy)
    assert not [s for s in again if s.rule == "part.missing_future"]
    run(database, status.undo_sql)
    with psycopg.connect(database, autocommit=True) as connection:
        assert contents(connection) == everything
        kind = connection.execute(
            "select relkind from pg_class where oid = '\"Vehicle Positions\"'::regclass"
        ).fetchone()
        assert kind == ("r",)
        connection.execute(insert)
        key = connection.execute(
            "select pg_get_constraintdef(oid) from pg_constraint"
            " where conrelid = '\"Vehicle Positions\"'::regclass and contype = 'p'"
        ).fetchone()
        assert key == ("PRIMARY KEY (id)",)
        names = {
            r[0] for r in connection.execute("select indexname from pg_indexes where tablename = 'Vehicle Positions'")
        }
        assert {"positions_vehicle_idx", "positions_note_idx"} <= names
        assert connection.execute("select count(*) > 0 from recent_positions where note = 'new'").fetchone() == (True,)
        left = connection.execute(
            "select count(*) from pg_class where relname ~ 'Positions_(legacy|partitioned|p2)'"
        ).fetchone()
        assert left == (0,)


@pytest.mark.parametrize("major", [15])
def test_conversion_takes_the_locks_it_states(database: str, tmp_path: Path, reader_role: None) -> None:
    load(database, POSITIONS)
    file = tmp_path / "policy.toml"
    file.write_text(POLICY)
    status = find(assess(database, load_policy(file)), "part.should_partition", "Vehicle Positions")
    for statement, stated in zip(status.sql, status.evidence["locks"], strict=True):
        if "CONCURRENTLY" in statement or statement.startswith(("SET", "RESET", "ANALYZE")):
            run(database, [statement])
            continue
        with psycopg.connect(database) as connection:
            oid = connection.execute("select '\"Vehicle Positions\"'::regclass::oid").fetchone()
            connection.execute(statement.encode())
            held = {
                r[0]
                for r in connection.execute(
                    "select mode from pg_locks where pid = pg_backend_pid() and relation = %s and granted", oid
                )
            }
            strongest = "AccessExclusiveLock" if "AccessExclusiveLock" in held else "ShareUpdateExclusiveLock"
            others = {
                r[0]
                for r in connection.execute(
                    "select mode from pg_locks where pid = pg_backend_pid() and relation = 'public.vehicles'::regclass"
                )
            }
        expected = "ACCESS EXCLUSIVE" if strongest == "AccessExclusiveLock" else "SHARE UPDATE EXCLUSIVE"
        assert stated.startswith(expected), (statement, held)
        assert ("AccessExclusiveLock" in others) == ("public.vehicles" in stated)
        assert not others - {"AccessShareLock"} or "public.vehicles" in stated


@pytest.mark.parametrize("major", [15])
def test_swap_gives_up_on_a_busy_table_and_leaves_it_whole(database: str, tmp_path: Path, reader_role: None) -> None:
    load(database, POSITIONS)
    file = tmp_path / "policy.toml"
    file.write_text(POLICY)
    status = find(assess(database, load_policy(file)), "part.should_partition", "Vehicle Positions")
    swap = next(i for i, s in enumerate(status.sql) if s.startswith("DO"))
    run(database, status.sql[:swap])
    with psycopg.connect(database) as reader, psycopg.connect(database, autocommit=True) as worker:
        reader.execute('select 1 from "Vehicle Positions" limit 1')
        with pytest.raises(psycopg.errors.LockNotAvailable):
            worker.execute(status.sql[swap].replace("'5s'", "'50ms'").encode())
        assert worker.execute("select relkind from pg_class where relname = 'Vehicle Positions'").fetchone() == ("r",)
    run(database, status.sql[swap:])


@pytest.mark.parametrize("major", MAJORS)
def test_nothing_is_purged_before_its_roll_up_holds_it(database: str, tmp_path: Path) -> None:
    load(
        database,
        """create table positions (id bigint generated always as identity primary key, student_id bigint not null,
  latitude float not null, longitude float not null, at timestamptz not null);
insert into positions (student_id, latitude, longitude, at)
select i % 5, i, -i, now() - interval '100 days' + i * interval '2 minutes' from generate_series(1, 20000) i;
analyze positions""",
    )
    file = tmp_path / "policy.toml"
    file.write_text(
        """[[tables]]
table = "positions"
keep = "90 days"
[[tables.tiers]]
table = "positions_daily"
bucket = "1 day"
keep = "1 year"
key = ["student_id"]
"""
    )
    policy = load_policy(file)
    statuses = assess(database, policy)
    missing = find(statuses, "ret.tier_missing", "positions")
    assert find(statuses, "ret.overdue", "positions").sql == ()
    run(database, missing.sql)
    overdue = find(assess(database, policy), "ret.overdue", "positions")
    with psycopg.connect(database, autocommit=True) as connection:
        totals = "select sum(n), sum(latitude_sum), min(longitude_min) from positions_daily"
        whole = (
            "select count(*), sum(latitude), min(longitude) from positions where at < date_trunc('day', now(), 'UTC')"
        )
        kept = connection.execute(totals).fetchone()
        assert kept == connection.execute(whole).fetchone()
        # A late row that the copy does not have stops the purge.
        connection.execute(
            "insert into positions (student_id, latitude, longitude, at) values (1, 1, 1, now() - interval '95 days')"
        )
    with pytest.raises(psycopg.errors.RaiseException, match=r"not in public\.positions_daily yet"):
        run(database, overdue.sql)
    run(database, [missing.sql[1], *overdue.sql, missing.sql[1]])
    with psycopg.connect(database) as connection:
        assert connection.execute(
            "select count(*) from positions where at < now() - interval '90 days'"
        ).fetchone() == (0,)
        assert connection.execute("select sum(n) from positions_daily").fetchone() == (kept[0] + 1,) if kept else False
