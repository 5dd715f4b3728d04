"""Verdicts from snapshots alone: what is said, how badly, and what is never said without proof."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from advisor.model.activity import StatementsView
from advisor.model.lookup import Catalog
from advisor.model.report import RetentionStatus
from advisor.model.server import Extension, Setting
from advisor.model.snapshot import Snapshot
from advisor.retention import Policy, assess_retention, check_policy, draft_policy, plan_probes
from advisor.retention.bounds import parse_bound
from advisor.retention.moments import parse_moment
from advisor.retention.plans.interval import boundary_after, bounds_from, choose_interval
from advisor.retention.schedules import period_of
from advisor.retention.sqltext import called_functions, removals
from advisor.retention.windows import Window
from tests.unit.retention.build import NOW, btree, counters, snapshot, statement, statistics, table

SESSIONS = "sid text not null, data jsonb, expires_at timestamptz not null"
POSITIONS = (
    "id bigint, student_id bigint, latitude double, longitude double, recorded_at timestamptz not null default now()"
)


def policy(text: str) -> Policy:
    found, problems = check_policy(text)
    assert not problems, problems
    return found


def judge(snap: Snapshot, rules: Policy | None = None) -> dict[str, RetentionStatus]:
    return {s.rule: s for s in assess_retention(snap, Catalog(snap), rules)}


def days(*ago: float) -> list[str]:
    return [(NOW - timedelta(days=d)).strftime("%Y-%m-%d %H:%M:%S+00") for d in ago]


def even(oldest: float, newest: float = 0.0, buckets: int = 100) -> list[str]:
    return days(*(oldest - (oldest - newest) * i / buckets for i in range(buckets + 1)))


def ends(name: str, column: str, oldest: float, newest: float = 0.0, **more: Any) -> dict[str, Any]:
    low, high = days(oldest, newest)
    row = {"subject": name, "leaf": name, "column": column, "status": "ok", "why": None, "oldest": low, "newest": high}
    return {"retention/ends": (row | more,)}


@pytest.mark.parametrize(
    ("oldest", "rules", "severity"),
    [
        (40, None, "medium"),
        (100, None, "high"),
        (40, '[[tables]]\ntable = "sessions"\nkeep = "30 days"\nclass = "personal"\nmax_age = "60 days"', "high"),
        (70, '[[tables]]\ntable = "sessions"\nkeep = "30 days"\nclass = "personal"\nmax_age = "60 days"', "critical"),
        (34, '[[tables]]\ntable = "sessions"\nkeep = "30 days"', "critical"),
    ],
)
def test_severity_by_class_age_and_who_said_so(oldest: float, rules: str | None, severity: str) -> None:
    snap = snapshot({"sessions": SESSIONS}, stats=(statistics("sessions", "expires_at", even(oldest)),))
    found = judge(snap, policy(rules) if rules else None)["ret.overdue"]
    assert found.severity == severity
    assert ("not your policy" in found.detail) == found.policy_is_default == (rules is None)


@pytest.mark.parametrize(("oldest", "overdue"), [(100, True), (10, False)])
def test_a_session_store_without_expiry_ages_by_its_last_change(oldest: float, overdue: bool) -> None:
    columns = (
        "id bigint, session_id text not null, data text, created_at timestamp not null, updated_at timestamp not null"
    )
    stats = (statistics("sessions", "created_at", even(400)), statistics("sessions", "updated_at", even(oldest)))
    found = judge(snapshot({"sessions": columns}, stats=stats))
    assert found and ("ret.overdue" in found) == overdue


def test_within_tolerance_is_fine_and_says_so() -> None:
    snap = snapshot(
        {"sessions": SESSIONS},
        facts=ends("public.sessions", "expires_at", 32),
        indexes=(btree("i", "sessions", "expires_at"),),
    )
    found = judge(snap)
    assert "ret.overdue" not in found and "tolerance (3 days)" in found["ret.ok"].detail
    assert found["ret.ok"].expired_rows is None or found["ret.ok"].expired_rows >= 0


def test_an_index_beats_the_statistics_and_says_exactly() -> None:
    snap = snapshot(
        {"sessions": SESSIONS},
        facts=ends("public.sessions", "expires_at", 100),
        indexes=(btree("i", "sessions", "expires_at"),),
        stats=(statistics("sessions", "expires_at", even(90)),),
    )
    found = judge(snap)["ret.overdue"]
    assert found.oldest == NOW - timedelta(days=100) and found.confidence == "high"
    assert "The oldest row expired 100 days ago" in found.detail


def test_estimates_agree_with_the_truth() -> None:
    facts = {
        "retention/planner": (
            {"subject": "public.sessions", "column": "expires_at", "keep": "30 days", "status": "ok", "rows": 66_000.0},
        )
    }
    snap = snapshot({"sessions": SESSIONS}, stats=(statistics("sessions", "expires_at", even(90)),), facts=facts)
    found = judge(snap)["ret.overdue"]
    assert found.expired_rows == 66_000
    assert found.evidence["expired_error"] == pytest.approx(0.01, abs=0.005)
    assert found.expired_bytes == pytest.approx(0.66 * (50 << 20), rel=0.01)


def test_the_planner_is_not_believed_without_statistics() -> None:
    facts = {
        "retention/planner": (
            {"subject": "public.sessions", "column": "expires_at", "keep": "30 days", "status": "ok", "rows": 33_333.0},
        )
    }
    snap = snapshot(
        {"sessions": SESSIONS},
        facts=facts | ends("public.sessions", "expires_at", 100),
        indexes=(btree("i", "sessions", "expires_at"),),
    )
    found = judge(snap)["ret.overdue"]
    assert found.expired_rows == 70_000 and "as if rows came evenly" in found.detail


def test_no_source_is_unknown_with_the_grant() -> None:
    found = judge(snapshot({"sessions": SESSIONS}))
    assert found["ret.unknown"].sql == ("grant select (expires_at) on public.sessions to advisor",)
    assert "ret.overdue" not in found and "ret.ok" not in found


STATS = (statistics("sessions", "expires_at", even(90)),)


def test_nothing_enforces_only_when_everything_was_visible() -> None:
    assert "ret.no_enforcement" in judge(snapshot({"sessions": SESSIONS}, stats=STATS))
    cron = (Extension(name="pg_cron", version="1.6", schema="pg_catalog", default_version="1.6"),)
    refused = {
        "retention/cron_jobs": (
            {"subject": "pg_cron", "status": "refused", "why": "permission denied", "grant": "grant x", "empty": True},
        )
    }
    elsewhere = Setting(
        name="cron.database_name",
        setting="postgres",
        unit=None,
        category="",
        context="postmaster",
        vartype="string",
        source="",
    )
    hidden = StatementsView(status="ok", texts_hidden=7)
    for snap in (
        snapshot({"sessions": SESSIONS}, stats=STATS, extensions=cron, facts=refused),
        snapshot({"sessions": SESSIONS}, stats=STATS, settings=(elsewhere,)),
        snapshot({"sessions": SESSIONS}, stats=STATS, view=hidden),
        replace(snapshot({"sessions": SESSIONS}, stats=STATS), facts={}),
        snapshot(
            {"sessions": SESSIONS}, stats=STATS, view=StatementsView(status="absent"),
            more_tables=(table("sessions", counters=counters(n_tup_del=5)),),
        ),
    ):  # fmt: skip
        found = judge(snap)
        assert "ret.no_enforcement" not in found
        assert found["ret.enforcement_unknown"].severity == "info"


@pytest.mark.parametrize(
    ("query", "enforces"),
    [
        ("DELETE FROM sessions WHERE expires_at < $1", True),
        ('delete from only "public"."sessions" s where s.expires_at < now()', True),
        ("WITH x AS (DELETE FROM public.sessions WHERE expires_at < $1 RETURNING 1) SELECT count(*) FROM x", True),
        ("TRUNCATE sessions", True),
        ("DELETE FROM sessions WHERE sid = $1", False),
        ("DELETE FROM other.sessions WHERE expires_at < $1", False),
        ("DELETE FROM user_sessions WHERE expires_at < $1", False),
        ("SELECT 'delete from sessions where expires_at < now()'", False),
        ("/* delete from sessions */ SELECT 1", False),
        ("EXPLAIN (FORMAT JSON) DELETE FROM sessions WHERE expires_at < $1", False),
        ("EXPLAIN (ANALYZE, BUFFERS) DELETE FROM sessions WHERE expires_at < $1", True),
        ("DO $pgadvise$ BEGIN DELETE FROM sessions WHERE expires_at < now(); END $pgadvise$", False),
        ("UPDATE sessions SET expires_at = $1 WHERE sid = $2", False),
        ('delete from "session', False),
    ],
)
def test_which_statements_count_as_enforcement(query: str, enforces: bool) -> None:
    found = judge(snapshot({"sessions": SESSIONS}, stats=STATS, statements=(statement(query),)))
    assert ("ret.no_enforcement" not in found) == enforces


def test_a_job_that_calls_a_function_is_read_through_it() -> None:
    body = "begin delete from sessions where expires_at < now() - interval '30 days'; end"
    facts = {
        "retention/functions": (
            {"subject": "functions", "status": "ok", "schema": "jobs", "name": "nightly", "source": body},
        ),
        "retention/cron_jobs": (
            {
                "subject": "pg_cron",
                "status": "ok",
                "job": {"jobid": 3, "schedule": "0 3 * * *", "command": "CALL jobs.nightly()", "active": True},
            },
        ),
    }
    found = judge(snapshot({"sessions": SESSIONS}, stats=STATS, facts=facts))
    assert "ret.no_enforcement" not in found and "pg_cron job 3" in found["ret.overdue"].enforcement


def test_a_pause_a_missing_table_and_a_missing_tier() -> None:
    rules = policy(
        """
[[tables]]
table = "sessions"
keep = "30 days"
pause = { until = 2027-01-01, reason = "audit" }
[[tables]]
table = "public.session"
keep = "1 day"
[[tables]]
table = "positions"
keep = "90 days"
[[tables.tiers]]
table = "positions_daily"
bucket = "1 day"
keep = "1 year"
"""
    )
    snap = snapshot(
        {"sessions": SESSIONS, "positions": POSITIONS},
        stats=(*STATS, statistics("positions", "recorded_at", even(200))),
    )
    found = judge(snap, rules)
    assert "audit" in found["ret.paused"].detail
    assert "did you mean public.sessions?" in found["ret.table_missing"].detail
    assert found["ret.tier_missing"].severity == "high"
    assert found["ret.overdue"].table.name == "positions" and found["ret.overdue"].sql == ()


def test_two_entries_for_one_table_by_different_names() -> None:
    rules = policy(
        '[[tables]]\ntable = "sessions"\nkeep = "1 day"\n[[tables]]\ntable = "app.Sessions"\nkeep = "2 days"'
    )
    snap = snapshot({"app.sessions": SESSIONS})
    assert "already has a policy" in judge(snap, rules)["ret.table_missing"].detail


def test_ambiguous_columns_are_asked_about() -> None:
    lines = "id bigint, user_id bigint, body text, created_at timestamptz not null, sent_at timestamptz not null"
    snap = snapshot(
        {"notifications": lines}, stats=(statistics("notifications", "created_at", even(300), correlation=0.1),)
    )
    found = judge(snap)["ret.time_column_ambiguous"]
    assert "created_at and sent_at" in found.detail
    snap = snapshot({"x": "id bigint, updated_at timestamptz, birth_date date"})
    assert (
        "Candidates: updated_at"
        in judge(snap, policy('[[tables]]\ntable = "x"\nkeep = "1 day"'))["ret.time_column_unknown"].detail
    )
    wrong = judge(snap, policy('[[tables]]\ntable = "x"\nkeep = "1 day"\ntime_column = "nope"'))[
        "ret.time_column_unknown"
    ]
    assert '"nope", which the table does not have' in wrong.detail


def test_infinite_and_strange_values_are_no_moments() -> None:
    assert parse_moment("infinity") is None and parse_moment("0044-03-15 00:00:00+00 BC") is None
    assert parse_moment("294276-12-31 00:00:00+00") is None and parse_moment(None) is None
    assert parse_moment("2026-01-01 12:30:00.5+05:30") == datetime(2026, 1, 1, 7, 0, 0, 500000, tzinfo=UTC)
    assert parse_moment("1760000000000") == datetime(2025, 10, 9, 8, 53, 20, tzinfo=UTC)
    assert parse_moment("42") is None and parse_moment("1e400", "s") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "FOR VALUES FROM ('2026-01-01 00:00:00+00') TO ('2026-02-01 00:00:00+00')",
            (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)),
        ),
        ("FOR VALUES FROM (MINVALUE) TO (MAXVALUE)", (None, None)),
        (
            "FOR VALUES FROM ('2026-01-01', 5) TO ('2026-02-01', MINVALUE)",
            (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)),
        ),
        ("FOR VALUES IN ('a')", None),
        ("DEFAULT", None),
        ("FOR VALUES FROM ('a') TO ('b')", None),
        (None, None),
    ],
)  # fmt: skip
def test_bounds(text: str | None, expected: object) -> None:
    assert parse_bound(text) == expected


def partitioned(step: int, first: int, last: int, *, default: bool = False) -> Snapshot:
    """A table partitioned into ranges of `step` days from `first` to `last` days from now."""
    root = table("events", kind="p", partition_strategy="r", partition_key_columns=("at",), size=0, rows=-1)
    leaves = []
    for start in range(first, last, step):
        low, high = days(-start, -start - step)
        leaves.append(
            table(
                f"events_{start - first}", is_partition=True, parent=root.relation,
                partition_bound=f"FOR VALUES FROM ('{low}') TO ('{high}')", size=8192 if start <= 0 else 0, rows=10,
            )
        )  # fmt: skip
    if default:
        leaves.append(
            table("events_rest", is_partition=True, is_default_partition=True, parent=root.relation, size=0, rows=0)
        )
    return snapshot({"events": "at timestamptz not null, x int"}, more_tables=(root, *leaves))


@pytest.mark.parametrize(
    ("last", "default", "severity"),
    [(0, False, "critical"), (0, True, "high"), (12, False, "medium"), (40, False, None), (-90, False, "low")],
)
def test_partitions_that_run_out(last: int, default: bool, severity: str | None) -> None:
    found = judge(partitioned(7, last - 70, last, default=default)).get("part.missing_future")
    assert (found.severity if found is not None else None) == severity
    if found is not None and last >= 0:
        assert ("error 23514" in found.detail) != default
        assert all("PARTITION OF public.events" in s for s in found.sql)


def test_intervals_fit_the_window_and_stay_few() -> None:
    week = Window(days=7)
    assert choose_interval(Window(days=90), week, None) == week
    assert choose_interval(Window(months=6), week, None) == Window(months=1)
    assert choose_interval(Window(days=7), Window(days=1), None) == Window(days=1)
    for keep in (1, 3, 10, 30, 90, 365, 3650):
        width = choose_interval(Window(days=keep), Window(seconds=3600), 50e9)
        assert keep / width.total_days <= 50


def test_bounds_are_aligned() -> None:
    at = datetime(2026, 11, 21, 13, 45, tzinfo=UTC)  # a Saturday
    assert boundary_after(at, Window(days=7)) == datetime(2026, 11, 23, tzinfo=UTC)
    assert boundary_after(at, Window(months=1)) == datetime(2026, 12, 1, tzinfo=UTC)
    assert boundary_after(at, Window(months=12)) == datetime(2027, 1, 1, tzinfo=UTC)
    assert boundary_after(at, Window(seconds=3600)) == datetime(2026, 11, 21, 14, tzinfo=UTC)
    found = bounds_from(datetime(2026, 12, 1, tzinfo=UTC), Window(months=1), 3)
    assert [low.month for low, _ in found] == [12, 1, 2] and all(a[1] == b[0] for a, b in pairwise(found))


def test_schedules() -> None:
    assert [period_of(s) for s in ("30 seconds", "@daily", "0 3 * * 1", "0 3 1 * *", "nonsense", "0 3 * 6 *")] == [
        timedelta(seconds=30), timedelta(days=1), timedelta(weeks=1), timedelta(days=31), None, timedelta(days=366),
    ]  # fmt: skip


def test_removals_survive_any_text() -> None:
    for text in (
        "",
        "delete from",
        "delete from only",
        'truncate "',
        "drop table if exists",
        "$$",
        "$a$ delete from x",
        "'" * 99,
        "\x00é",
    ):
        removals(text)
        called_functions(text)
    assert [(r.verb, r.table) for r in removals("truncate table a, only.b")] == [("truncate", "a"), ("truncate", "b")]


def test_a_stream_without_obstacles_gets_a_partition_plan_and_a_referenced_table_does_not() -> None:
    big = table("positions", rows=5_000_000, size=20 << 30)
    stats = (statistics("positions", "recorded_at", even(200)),)
    found = judge(snapshot({"positions": POSITIONS}, more_tables=(big,), stats=stats))["part.should_partition"]
    assert found.severity == "medium" and found.evidence["interval"] == "7 days"
    assert found.undo_sql and "ATTACH PARTITION public.positions_legacy" in " ".join(found.sql)
    slow = {sql.split()[0] for sql, time in zip(found.sql, found.evidence["times"], strict=True) if "about" in time}
    assert slow == {"ALTER", "ANALYZE"}  # 20 GB are read once, to validate the bound
    swap = next(i for i, sql in enumerate(found.sql) if sql.startswith("DO"))
    assert found.evidence["times"][swap] == "milliseconds"
    calls = tuple(statement(f"select * from positions where student_id = $1 limit {i}", 1000) for i in range(3))
    found = judge(snapshot({"positions": POSITIONS}, more_tables=(big,), stats=stats, statements=calls))[
        "part.should_not"
    ]
    assert "no condition on the time" in found.detail


def test_ten_thousand_tables_and_a_hundred_policies_in_seconds() -> None:
    names = {
        f"s{i % 10}.table_{i}": "id bigint, user_id bigint, value text, created_at timestamptz not null"
        for i in range(10_000)
    }
    text = "".join(f'[[tables]]\ntable = "s{i % 10}.table_{i}"\nkeep = "90 days"\n' for i in range(100))
    snap = snapshot(
        names,
        stats=tuple(statistics(f"s{i % 10}.table_{i}", "created_at", even(200)) for i in range(100)),
        statements=tuple(statement(f"delete from s1.table_{i} where created_at < now() - $1") for i in range(2000)),
    )
    rules = policy(text)
    catalog = Catalog(snap)
    assert len(plan_probes(snap, catalog, rules)) > 200
    found = assess_retention(snap, catalog, rules)
    assert sum(s.rule == "ret.overdue" for s in found) == 100
    assert policy(draft_policy(snap, catalog)) is not None
