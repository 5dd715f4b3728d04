"""Findings that need no server: each with the case that brings it and the one beside it that does not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from advisor.model.lookup import Catalog
from advisor.model.report import RetentionStatus
from advisor.model.server import Setting
from advisor.retention import assess_retention
from advisor.retention.growth import find_growth
from advisor.retention.targets import find_targets
from tests.unit.retention.build import NOW, counters, snapshot, statement, statistics, table
from tests.unit.retention.test_assess import SESSIONS, even, judge, policy

RULES = policy('[[tables]]\ntable = "sessions"\nkeep = "30 days"\nclass = "personal"\n')
OLD = (statistics("sessions", "expires_at", even(100)),)
LARGE = (table("sessions", rows=5_000_000, size=4 << 30),)
PURGE = "delete from sessions where expires_at < now() - interval '30 days'"


def judged(query: str, *, large: bool = True, stats: tuple[Any, ...] = OLD) -> dict[str, RetentionStatus]:
    snap = snapshot(
        {"sessions": SESSIONS}, more_tables=LARGE if large else (), stats=stats, statements=(statement(query),)
    )
    return judge(snap, RULES)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (PURGE, "in one statement"),
        ("truncate sessions", "TRUNCATE empties the table"),
        ("with d as (select ctid from sessions where expires_at < now() limit 9 for update skip locked)"
         " delete from sessions s using d where s.ctid = d.ctid and s.expires_at < now()", "reads the whole table"),
        (PURGE.replace("where", "where ctid = any (array(select ctid from sessions limit 5000)) and"), None),
        ("truncate sessions_2026", None),
    ],
)  # fmt: skip
def test_jobs_that_should_be_written_otherwise(query: str, said: str | None) -> None:
    found = judged(query).get("ret.job_unsafe")
    assert (found is None) if said is None else (found is not None and said in found.detail)
    if query == PURGE:
        assert "ret.job_unsafe" not in judged(query, large=False)


def test_a_partition_emptied_by_truncate_is_no_danger() -> None:
    parent = table("sessions", kind="p", partition_strategy="r", partition_key_columns=("expires_at",), size=0, rows=-1)
    bound = "FOR VALUES FROM ('2026-01-01 00:00:00+00') TO ('2026-12-01 00:00:00+00')"
    leaf = table(
        "sessions_2026", is_partition=True, parent=parent.relation, parents=(parent.relation,), partition_bound=bound
    )  # fmt: skip
    snap = snapshot(
        {"sessions": SESSIONS, "sessions_2026": SESSIONS}, more_tables=(parent, leaf), stats=OLD,
        statements=(statement("truncate sessions_2026"),),
    )  # fmt: skip
    found = judge(snap, RULES)
    assert "ret.job_unsafe" not in found and "ret.no_enforcement" not in found


def test_a_job_that_puts_its_statements_together_counts_and_is_called_that() -> None:
    body = """declare leaf text; begin for leaf in select c.relname from pg_class c where c.relname ~ '^sessions_' loop
      execute format('drop table %I', leaf); end loop; perform count(*) from sessions; end"""
    facts: dict[str, tuple[dict[str, Any], ...]] = {
        "retention/functions": (
            {"subject": "functions", "status": "ok", "schema": "public", "name": "tidy", "source": body},
        ),
        "retention/cron_jobs": (
            {
                "subject": "pg_cron",
                "status": "ok",
                "job": {"jobid": 3, "schedule": "0 3 * * *", "command": "call tidy()"},
            },
        ),
    }
    found = judge(snapshot({"sessions": SESSIONS, "other": SESSIONS}, stats=OLD, facts=facts), RULES)
    assert "ret.no_enforcement" not in found
    assert "statements put together when it runs" in found["ret.overdue"].enforcement
    quiet = {**facts, "retention/functions": ({**facts["retention/functions"][0], "source": "begin perform 1; end"},)}
    assert "ret.no_enforcement" in judge(snapshot({"sessions": SESSIONS}, stats=OLD, facts=quiet), RULES)


def test_something_removes_rows_and_does_not_keep_up() -> None:
    found = judged(PURGE)
    assert "may have another window" in found["ret.enforcement_behind"].detail
    assert "ret.enforcement_behind" not in judged(PURGE, stats=(statistics("sessions", "expires_at", even(29)),))


def test_large_tables_logs_and_personal_data_without_a_window_are_named() -> None:
    lines = "id bigint, email text, created_at timestamptz not null"
    tables = {"orders": lines, "audit_log": lines, "people": lines, "small": lines, "colours": "id bigint, name text"}
    sizes = {"orders": 2 << 30, "audit_log": 80 << 20, "people": 9 << 20, "small": 1 << 20, "colours": 5 << 30}
    snap = snapshot(tables, more_tables=tuple(table(name, size=size) for name, size in sizes.items()))
    named = {
        s.table.name for s in assess_retention(snap, Catalog(snap), policy("version = 1")) if s.rule == "ret.undeclared"
    }
    assert named == {"orders", "audit_log", "people"}
    ignoring = policy('undeclared_tables = "ignore"')
    assert not [s for s in assess_retention(snap, Catalog(snap), ignoring) if s.rule == "ret.undeclared"]


def test_backups_are_mentioned_once_and_only_where_something_was_promised() -> None:
    mode = Setting(name="archive_mode", setting="on", unit=None, category="", context="", vartype="enum", source="")
    snap = snapshot({"sessions": SESSIONS}, stats=OLD, settings=(mode,))
    assert "public.sessions" in judge(snap, RULES)["ret.backup"].detail
    assert "ret.backup" not in judge(snap)
    off = replace(snap, settings=(replace(mode, setting="off"),))
    assert "ret.backup" not in judge(off, RULES)


def test_a_purge_waits_for_rows_that_are_referred_to_and_fails_where_rows_are_hidden() -> None:
    secured = (table("sessions", row_security=True),)
    found = judge(snapshot({"sessions": SESSIONS}, more_tables=secured, stats=OLD), RULES)["ret.overdue"]
    assert "'row_security', 'off'" in " ".join(found.sql) and "BYPASSRLS" in found.detail
    plain = judge(snapshot({"sessions": SESSIONS}, stats=OLD), RULES)["ret.overdue"]
    assert "row_security" not in " ".join(plain.sql)


@pytest.mark.parametrize("planned", [300, None])
def test_an_estimate_with_a_condition_says_how_rough_it_is(planned: int | None) -> None:
    """The histogram knows the age only: what keep_where keeps is in its count, so it is no second opinion."""
    rules = policy('[[tables]]\ntable = "sessions"\nkeep = "30 days"\nkeep_where = "data is null"\n')
    row = {"subject": "public.sessions", "keep": "30 days", "status": "ok", "rows": planned}
    facts: dict[str, tuple[dict[str, Any], ...]] = {"retention/planner": (row,)} if planned else {}
    found = judge(snapshot({"sessions": SESSIONS}, stats=OLD, facts=facts), rules)["ret.overdue"]
    assert found.expired_rows == (planned or 70_000)
    assert ("independent of the age" if planned else "at most") in found.evidence["expired_source"]
    assert "expired_error" not in found.evidence


def weekly(hours: int) -> list[str]:
    """Quantiles of 120 days of rows that come on weekdays only, 100 buckets."""
    start = NOW - timedelta(days=120)
    moments = [start + timedelta(hours=h) for h in range(120 * 24 - hours)]
    busy = [m for m in moments if m.weekday() < 5]
    chosen = [busy[round(i * (len(busy) - 1) / 100)] for i in range(101)]
    return [m.strftime("%Y-%m-%d %H:%M:%S+00") for m in chosen]


@pytest.mark.parametrize("hours", [0, 24, 48, 72, 96, 120, 144])
def test_a_weekly_pattern_does_not_bend_the_growth(hours: int) -> None:
    """Whatever the day of the week, the rate is that of whole weeks: five sevenths of a weekday's."""
    bounds = weekly(hours)
    rows = 86 * 1000.0  # about 86 weekdays in 120 days
    snap = snapshot(
        {"events": "id bigint, at timestamptz not null"}, more_tables=(table("events", rows=rows),),
        stats=(statistics("events", "at", bounds),),
    )  # fmt: skip
    snap = replace(snap, server=replace(snap.server, collected_at=NOW - timedelta(hours=hours)))
    catalog = Catalog(snap)
    (target,) = find_targets(catalog, policy('[[tables]]\ntable = "events"\nkeep = "90 days"\n')).found
    growth = find_growth(target, snap.server.collected_at, catalog)
    assert growth is not None and growth.rows_per_day == pytest.approx(1000 * 5 / 7, rel=0.06)


def test_rates_of_a_young_table_are_those_of_its_days() -> None:
    snap = snapshot(
        {"events": "id bigint, at timestamptz not null"},
        more_tables=(table("events", rows=3000.0, counters=counters()),), stats=(statistics("events", "at", even(3)),),
    )  # fmt: skip
    catalog = Catalog(snap)
    (target,) = find_targets(catalog, policy('[[tables]]\ntable = "events"\nkeep = "90 days"\n')).found
    growth = find_growth(target, NOW, catalog)
    assert growth is not None and growth.rows_per_day == pytest.approx(1000, rel=0.02)
