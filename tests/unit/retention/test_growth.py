"""Growth, the date a size is reached, B-tree or BRIN, and how partition trials weigh."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from advisor.model.lookup import Catalog
from advisor.model.report import RetentionStatus
from advisor.model.snapshot import SizeSample, Snapshot
from advisor.retention import Policy, assess_retention, check_policy, partition_shapes
from advisor.retention.growth import Point, net_rate
from advisor.retention.trials import PartitionTrial, StatementTrial, best_trial
from advisor.retention.windows import Window
from tests.unit.retention.build import NOW, counters, relation, snapshot, statement, statistics, table

COLUMNS = {
    "visits": "id bigint not null, user_id bigint, lat double, lon double, at timestamptz not null default now()"
}
GIB = 1 << 30


def policy(text: str) -> Policy:
    found, problems = check_policy(text)
    assert not problems, problems
    return found


RULES = '[[tables]]\ntable = "visits"\nkeep = "90 days"\ntime_column = "at"\n'


def days(count: int, first: float = 100.0) -> list[str]:
    """Bounds of a histogram over the last `first` days, evenly."""
    return [(NOW - timedelta(days=first * (1 - i / count))).isoformat() for i in range(count + 1)]


def facts(size: int, rows: float, *, samples: tuple[SizeSample, ...] = (), **more: object) -> Snapshot:
    own = table("visits", rows=rows, size=size, counters=counters(n_tup_ins=int(rows)))
    found = snapshot(COLUMNS, more_tables=(own,), stats=(statistics("visits", "at", days(100)),))
    return replace(found, sizes=samples, **more)  # type: ignore[arg-type]


def judge(found: Snapshot, rules: str, **more: object) -> dict[str, RetentionStatus]:
    statuses = assess_retention(found, Catalog(found), policy(rules), **more)  # type: ignore[arg-type]
    return {s.rule: s for s in statuses if s.table.name == "visits"}


def test_the_slope_of_many_readings_is_not_bent_by_one() -> None:
    points = [Point(at=NOW - timedelta(days=20 - n), bytes=1000.0 * n) for n in range(21)]
    assert net_rate(points, "bytes") == pytest.approx(1000)
    points[10] = replace(points[10], bytes=10.0**9)
    assert net_rate(points, "bytes") == pytest.approx(1000)
    assert net_rate(points[:1], "bytes") is None and net_rate(points, "rows") is None
    close = [Point(at=NOW, bytes=1.0), Point(at=NOW + timedelta(minutes=5), bytes=9.0)]
    assert net_rate(close, "bytes") is None


def test_the_date_a_declared_size_is_reached() -> None:
    rules = RULES + 'max_size = "12 GB"\n'
    # 10 GB over 100 days are 0.1 GB a day: 12 GB in 20 days.
    status = judge(facts(10 * GIB, 1e6), rules)["ret.size_limit"]
    assert status.evidence["limit_reached"] == (NOW + timedelta(days=20)).date().isoformat()
    assert status.severity == "medium" and "settle at about 9 GB, below the limit" in status.detail
    assert judge(facts(13 * GIB, 1e6), rules)["ret.size_limit"].severity == "high"
    # The sizes seen before know of removals: it hardly grows.
    before = tuple(
        SizeSample(at=NOW - timedelta(days=n), relation="public.visits", total_bytes=10 * GIB - n * 1000, reltuples=1e6)
        for n in range(1, 12)
    )
    assert "ret.size_limit" not in judge(facts(10 * GIB, 1e6, samples=before), rules)
    # Without a declared limit only large tables get a date, and no alarm.
    assert "ret.size_limit" not in judge(facts(GIB // 2, 1e6), RULES)
    assert judge(facts(45 * GIB, 1e6), RULES)["ret.size_limit"].severity == "info"


def test_weeks_that_differ_give_a_range_of_dates() -> None:
    """Term and holidays: every other week has half of the rows, so the date is one between two."""
    weeks = [2.0 if n % 2 else 4.0 for n in range(14)]
    ends = [0.0]
    for weight in weeks:
        ends.append(ends[-1] + weight)
    total, bounds = ends[-1], []
    for n in range(101):
        wanted = total * n / 100
        week = next(i for i in range(14) if ends[i + 1] >= wanted - 1e-9)
        age = 98 - 7 * (week + (wanted - ends[week]) / weeks[week])
        bounds.append((NOW - timedelta(days=age)).isoformat())
    found = replace(facts(10 * GIB, 1e6), statistics=(statistics("visits", "at", bounds),))
    status = judge(found, RULES + 'max_size = "12 GB"\n')["ret.size_limit"]
    assert "its last weeks differ by" in status.detail and " between 2026-" in status.detail
    assert 0.2 < status.evidence["growth_error"] < 0.6
    even = judge(facts(10 * GIB, 1e6), RULES + 'max_size = "12 GB"\n')["ret.size_limit"]
    assert "differ" not in even.detail and even.evidence["growth_error"] < 0.01


def test_inserts_between_two_readings_beat_the_histogram() -> None:
    now = facts(10 * GIB, 1e6)
    earlier = replace(
        now,
        server=replace(now.server, collected_at=NOW - timedelta(days=10)),
        tables=tuple(replace(t, counters=counters(n_tup_ins=500_000)) for t in now.tables),
    )
    found = judge(now, RULES, previous=earlier)
    status = next(iter(found.values()))
    assert status.evidence["growth_source"] == "inserts since the previous reading"
    assert status.evidence["rows_per_day"] == 50_000
    reset = replace(earlier, tables=tuple(replace(t, counters=counters(n_tup_ins=10**9)) for t in now.tables))
    status = next(iter(judge(now, RULES, previous=reset).values()))
    assert status.evidence["growth_source"] == "the newest part of the histogram"


def test_sizes_must_have_a_unit() -> None:
    for text in ("50", "0 GB", "much"):
        _, problems = check_policy(RULES + f'max_size = "{text}"\n')
        assert len(problems) == 1 and problems[0].line == 5


@pytest.mark.parametrize(
    ("change", "method", "reason"),
    [
        ({}, "brin", "a thousandth"),
        ({"size": GIB // 2}, "btree", "below 1 GB"),
        ({"correlation": 0.2}, "btree", "correlation 0.20"),
        ({"updated": 900_000}, "btree", "updates and deletes leave room"),
        ({"query": "select * from visits order by at desc limit 5"}, "btree", "in order of time"),
        ({"query": "select min(at) from visits"}, "btree", "in order of time"),
        ({"query": "select * from visits where user_id = 1 order by id"}, "brin", "a thousandth"),
    ],
)
def test_btree_or_brin(change: dict[str, object], method: str, reason: str) -> None:
    size = int(str(change.get("size", 5 * GIB)))
    own = table(
        "visits", rows=5e7, size=size, counters=counters(n_tup_ins=10**6, n_tup_upd=int(str(change.get("updated", 0))))
    )
    found = snapshot(
        COLUMNS,
        more_tables=(own,),
        stats=(statistics("visits", "at", days(100), correlation=change.get("correlation", 0.99)),),
        statements=(statement(str(change["query"])),) if "query" in change else (),
    )
    statuses = judge(found, RULES)
    index = statuses["ret.no_time_index"]
    assert index.evidence["index_method"] == method and reason in index.detail
    purge = "\n".join(statuses["ret.overdue"].sql)
    assert ("USING brin" in purge) == (method == "brin")
    # A BRIN index gives no order: asking for one would sort all expired rows for every batch.
    assert ("ORDER BY" in purge) == (method == "btree")


def trial(interval: Window, *statements: StatementTrial) -> PartitionTrial:
    return PartitionTrial(table=relation("visits"), interval=interval, partitions=14, statements=statements)


def one(query: str, before: float, after: float | None, *, calls: float = 1000, ms: float = 10.0) -> StatementTrial:
    return StatementTrial(
        query=query, calls=calls, mean_exec_ms=ms, cost_before=before, cost_after=after, partitions=14,
        planning_ms_before=0.1, planning_ms_after=1.5, error=None if after is not None else "no key",
    )  # fmt: skip


WEEK, DAY = Window(days=7), Window(days=1)
ASKED = RULES + 'enforcement = "drop_partition"\n'


def test_trials_weigh_in_the_interval_and_name_what_gets_slower() -> None:
    found = facts(20 * GIB, 1e7)
    shapes = partition_shapes(found, Catalog(found), policy(ASKED))
    assert [str(s.interval) for s in shapes] == ["7 days", "1 day"]
    assert all(s.bounds[0][0] is None and len(s.bounds) > 13 for s in shapes)
    weeks = trial(WEEK, one("select by day", 1000, 400), one("select by id", 8, 90, ms=0.05))
    narrow = trial(DAY, one("select by day", 1000, 60), one("select by id", 8, 500, ms=0.05))
    assert best_trial((weeks, narrow), WEEK) == narrow  # the daily sums win more than the look-ups lose
    status = judge(found, ASKED, trials=(weeks, narrow))["part.should_partition"]
    assert status.evidence["interval"] == "1 day" and "select by id: cost 8.0 becomes 500.0" in status.detail
    assert [t["interval"] for t in status.evidence["what_if"]] == ["7 days", "1 day"]
    assert status.evidence["what_if"][0]["slower"][0]["cost_after"] == 90
    lookups = trial(WEEK, one("select by id", 8, 90, ms=0.05, calls=1e6))
    assert best_trial((lookups, trial(DAY, one("select by id", 8, 500, ms=0.05, calls=1e6))), WEEK) == lookups


def test_a_harmful_trial_stops_the_proposal_unless_the_policy_asks() -> None:
    found = facts(20 * GIB, 1e7)
    harmful = (trial(WEEK, one("select by id", 8, 90, ms=0.05, calls=1e6)),)
    refused = judge(found, RULES, trials=harmful)
    assert "part.should_partition" not in refused
    assert "cost 8.0 becomes 90.0" in refused["part.should_not"].detail
    assert "part.should_partition" in judge(found, RULES, trials=(trial(WEEK, one("sum of a day", 900, 60)),))
    asked = judge(found, ASKED, trials=harmful)["part.should_partition"]
    assert "These get slower" in asked.detail
    broken = trial(WEEK, one("insert … on conflict (id)", 1, None))
    assert broken.slower[0].describe().endswith("fails (no key)")


def test_an_interval_longer_than_the_window_or_the_data() -> None:
    _, problems = check_policy(ASKED + 'partition = { interval = "1 year" }\n')
    assert [p.line for p in problems] == [6] and "longer than keep" in problems[0].message
    found = facts(20 * GIB, 1e7)
    rules = ASKED.replace("90 days", "2 years") + 'partition = { interval = "6 months" }\n'
    status = judge(found, rules)["part.interval_too_big"]
    assert "longer than all the data (100 days)" in status.detail
