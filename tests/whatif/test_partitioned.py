"""A table tried out as partitioned on the twin, against a really partitioned copy with its rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from statistics import median

import psycopg
import pytest

from advisor.cluster import Cluster
from advisor.collect import collect
from advisor.connect import open_connection
from advisor.model.activity import WorkloadText
from advisor.model.lookup import Catalog
from advisor.model.names import RelationName
from advisor.model.snapshot import Snapshot
from advisor.model.workload import Binding, Statement
from advisor.planned import Clock, Planned, ReportOptions, with_planner
from advisor.progress import Silent
from advisor.retention import assess_retention, check_policy
from advisor.retention.trials import PartitionShape, PartitionTrial
from advisor.retention.windows import Window
from advisor.whatif import WhatIfOptions
from advisor.whatif.partitioned import try_partitions
from advisor.whatif.twin.build import build_twin
from advisor.whatif.twin.servers import choose_binaries, local_server
from tests.whatif.conftest import point_at, statement

pytestmark = pytest.mark.server

TABLE = RelationName("public", "positions")
FIRST = datetime(2026, 9, 7, tzinfo=UTC)  # a Monday
ROWS = 200_000
DAYS = 84

# ANALYZE sees every row (300 x 700 of them), so that what differs is the division and not the sample.
SEED = f"""
create table students (id int primary key, class_id int not null);
insert into students select i, i % 40 from generate_series(1, 1500) i;
create table positions (
  id bigint not null, student_id int not null, at timestamptz not null, lat float8 not null, lon float8 not null,
  kind smallint not null, device uuid not null, note text);
insert into positions
select i, 1 + (i::bigint * 7919 % 1500)::int,
  timestamptz '2026-09-07 00:00+00' + (i - 1) * interval '{DAYS * 86400 // ROWS} seconds',
  50 + random(), 10 + random() * 5, (random() * random() * 6)::int, md5((i % 4000)::text)::uuid,
  case when i % 10 = 0 then 'note ' || i % 300 end
from generate_series(1, {ROWS}) i;
alter table positions add primary key (id);
create index on positions (student_id, at desc);
create index on positions (at);
create index on positions (lower(note)) where note is not null;
create view night as select * from positions where extract(hour from at at time zone 'UTC') < 6;
create table real_positions (like positions including defaults) partition by range (at);
do $x$ begin for n in 0..{DAYS // 7} loop execute format(
  'create table real_positions_%s partition of real_positions for values from (%s) to (%L)', n,
  case when n = 0 then 'minvalue'
    else quote_literal(timestamptz '2026-09-07 00:00+00' + (n - 1) * interval '7 days') end,
  timestamptz '2026-09-07 00:00+00' + n * interval '7 days'); end loop; end $x$;
insert into real_positions select * from positions;
alter table real_positions add primary key (id, at);
create index on real_positions (student_id, at desc);
create index on real_positions (at);
create index on real_positions (lower(note)) where note is not null;
create view real_night as select * from real_positions where extract(hour from at at time zone 'UTC') < 6;
set default_statistics_target = 700;
vacuum analyze;
analyze real_positions
"""

STATEMENTS = [
    "select * from positions where at >= '2026-10-05' and at < '2026-10-10'",
    "select count(*) from positions where at >= '2026-10-12'",
    "select student_id, count(*) from positions where at >= '2026-11-02' group by 1",
    "select * from positions where student_id = 77 and at > '2026-11-16' order by at desc limit 20",
    "select * from positions where id = 150000",
    "select * from positions where student_id = 77 order by at desc limit 1",
    "select count(*) from positions where device = md5('17')::uuid",
    "select * from positions order by at desc limit 50",
    "select kind, count(*) from positions group by kind",
    "select s.class_id, count(*) from positions p join students s on s.id = p.student_id"
    " where p.at >= '2026-11-10' group by 1",
    "select * from positions where lower(note) = 'note 40'",
    "select count(*) from night where at >= '2026-11-16'",
    "delete from positions where id = 99",
    "update positions set kind = 2 where student_id = 5 and at between '2026-10-01' and '2026-10-02'",
]


def weekly(snapshot: Snapshot, days: int = 7, premake: int = 0) -> PartitionShape:
    column = Catalog(snapshot).columns[TABLE]["at"]
    bounds: list[tuple[datetime | None, datetime]] = [(None, FIRST)]
    while bounds[-1][1] < FIRST + timedelta(days=DAYS + premake * days):
        bounds.append((bounds[-1][1], bounds[-1][1] + timedelta(days=days)))
    return PartitionShape(table=TABLE, column=column, unit=None, interval=Window(days=days), bounds=tuple(bounds))


def typed(text: str, calls: float = 1.0) -> Statement:
    return replace(statement(text), relations=(TABLE,), calls=calls)


def on_twin(snapshot: Snapshot, statements: list[Statement], *shapes: PartitionShape) -> tuple[PartitionTrial, ...]:
    binaries = choose_binaries(snapshot.server.major, exact=True)
    with local_server(binaries) as server, build_twin(snapshot, server, None, Silent()) as twin:
        trials, failed = try_partitions(twin, statements, shapes, Silent())
        again, _ = try_partitions(twin, statements[:3], shapes[:1], Silent())
    assert failed == ()
    # Nothing is left of a trial: the costs before it are the same again.
    assert [s.cost_before for s in again[0].statements] == [s.cost_before for s in trials[0].statements[:3]]
    return trials


@pytest.fixture(scope="module")
def seeded_positions(clusters: Callable[[int], Cluster]) -> Callable[[int], str]:
    made: dict[int, str] = {}

    def get(major: int) -> str:
        if major not in made:
            cluster = clusters(major)
            with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
                connection.execute("create database positions")
            made[major] = cluster.dsn("positions")
            with psycopg.connect(made[major], autocommit=True) as connection:
                for part in SEED.split(";\n"):
                    connection.execute(part.encode())
        return made[major]

    return get


@pytest.mark.parametrize("major", [15, 18])
def test_costs_are_near_those_of_a_really_partitioned_copy(
    seeded_positions: Callable[[int], str], major: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_at(monkeypatch, major)
    dsn = seeded_positions(major)
    with open_connection(dsn) as connection:
        snapshot = collect(connection)
    (trial,) = on_twin(snapshot, [typed(text) for text in STATEMENTS], weekly(snapshot))
    assert len(trial.statements) == len(STATEMENTS) and trial.partitions == 13
    errors = []
    with psycopg.connect(dsn, autocommit=True) as connection:
        for text, found in zip(STATEMENTS, trial.statements, strict=True):
            real = text.replace(" positions", " real_positions").replace(" night", " real_night")
            row = connection.execute(b"explain (format json) " + real.encode()).fetchone()
            assert row is not None and found.cost_after is not None
            cost = row[0][0]["Plan"]["Total Cost"]
            off = max(found.cost_after, cost) / min(found.cost_after, cost)
            errors.append(off - 1)
            assert off <= 1.05, (text, found.cost_after, cost)
    assert median(errors) <= 0.005, errors


@pytest.mark.parametrize("major", [15])
def test_statements_without_the_time_are_named_and_fewer_partitions_hurt_less(
    seeded_positions: Callable[[int], str], major: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_at(monkeypatch, major)
    with open_connection(seeded_positions(major)) as connection:
        snapshot = collect(connection)
    lookup = replace(
        typed("select * from positions where device = $1 and id = $2"),
        parameter_types=("pg_catalog.uuid", "pg_catalog.int8"),
        bindings=(Binding(values=("c4ca4238-a0b9-2382-0dcc-509a6f75849b", "7"), weight=1.0),),
        mean_exec_time=0.05, calls=1000.0,
    )  # fmt: skip
    last_day = "select count(*) from positions where at >= {0} - interval '1 day' and at < {0}"
    day = replace(typed(last_day.format("now()")), mean_exec_time=20.0)
    current = replace(typed(last_day.format("current_timestamp")), mean_exec_time=20.0)
    conflict = typed("insert into positions values (1, 1, now(), 0, 0, 0, md5('')::uuid) on conflict (id) do nothing")
    shapes = [weekly(snapshot, 7, premake=60), weekly(snapshot, 1)]
    trials = on_twin(snapshot, [lookup, day, current, conflict], *shapes)
    weeks, days = trials
    for trial in trials:
        slower = {s.query: s for s in trial.slower}
        assert slower[lookup.original].partitions >= trial.partitions // 2
        assert slower[conflict.original].cost_after is None
        assert "no unique or exclusion constraint" in (slower[conflict.original].error or "")
        assert {lookup.original, conflict.original} <= set(slower)
    by_query = {s.query: s for s in weeks.statements}
    for statement_ in (day, current):
        # Only the partition of the last day or two is read, whoever folds the clock: the planner or the executor.
        pruned = by_query[statement_.original]
        assert pruned.partitions <= 2 and (pruned.cost_after or 0) < 20 * pruned.cost_before
    found = {s.query: s for s in days.statements}
    assert (found[lookup.original].cost_after or 0) > 20 * found[lookup.original].cost_before
    # The planner opens every partition of the lookup.
    assert found[lookup.original].planning_ms_after > found[lookup.original].planning_ms_before
    assert "85 partitions" in found[lookup.original].describe()


@pytest.mark.parametrize("major", [15])
def test_the_trial_is_made_where_the_policy_asks(
    seeded_positions: Callable[[int], str], major: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_at(monkeypatch, major)
    rules, problems = check_policy(
        '[[tables]]\ntable = "positions"\nkeep = "90 days"\nenforcement = "drop_partition"\ntime_column = "at"\n'
    )
    assert not problems
    with open_connection(seeded_positions(major)) as connection:
        snapshot = collect(connection, policy=rules)
    texts = (WorkloadText(query="select * from positions where id = 5"), WorkloadText(query="select 1 from students"))
    snapshot = replace(snapshot, statements=(), workload_texts=texts)
    catalog = Catalog(snapshot)

    def tried(options: ReportOptions) -> Planned:
        return with_planner(snapshot, catalog, options, None, None, Silent(), Clock())

    for subjects in (("retention",), ("index", "retention")):  # a twin of its own, and the index search's
        found = tried(ReportOptions(subjects=subjects, policy=rules))
        assert found.gaps == [] and {str(t.interval) for t in found.trials} == {"7 days", "1 day"}
        assert all([s.query for s in t.statements] == [texts[0].query] for t in found.trials)
        statuses = assess_retention(snapshot, catalog, rules, trials=found.trials)
        told = [s for s in statuses if s.rule.startswith("part.should") and s.table == TABLE]
        assert told and "select * from positions where id = 5" in told[0].detail
    # Nothing is tried where nobody asked, or where no planner is wanted.
    assert tried(ReportOptions(subjects=("retention",))) == Planned(None)
    no_planner = WhatIfOptions(mode="none")
    assert tried(ReportOptions(subjects=("retention",), policy=rules, what_if=no_planner)) == Planned(None)
