"""Slopes that one odd night does not bend, dates with their uncertainty, and busy hours."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from advisor.history.trends import growth, limits, peak, slope
from advisor.model.catalog import Column, Sequence
from advisor.model.names import RelationName
from advisor.model.report import RetentionStatus
from tests.unit.history.build import day, reading, setting

GB = 1 << 30


def series(name: str, *values: float) -> list[tuple[datetime, dict[str, float]]]:
    return [(day(number), {name: value}) for number, value in enumerate(values)]


def test_an_odd_night_does_not_bend_the_slope() -> None:
    points = [(day(n), 100.0 * n) for n in range(20)]
    points[7] = (day(7), 90_000.0)
    found = slope(points)
    assert found is not None and found.per_day == pytest.approx(100, rel=0.01)
    assert found.low <= 100 <= found.high


def test_the_interval_holds_the_truth() -> None:
    hits = 0
    for seed in range(60):
        chance = random.Random(seed)
        found = slope([(day(n), 50.0 * n + chance.gauss(0, 120)) for n in range(15)])
        assert found is not None
        hits += found.low <= 50 <= found.high
    assert hits >= 54


@pytest.mark.parametrize("values", [(1.0, 2.0, 3.0), (5.0,), ()])
def test_a_few_points_say_nothing(values: tuple[float, ...]) -> None:
    assert slope([(day(n), value) for n, value in enumerate(values)]) is None


def test_what_grows_is_told_with_its_rate() -> None:
    (found,) = growth(series("table:public.events", *(GB * (1 + n / 10) for n in range(10))))
    assert found.object == "public.events" and found.per_day == pytest.approx(GB / 10) and not found.sudden
    assert growth(series("table:public.events", *[GB] * 10)) == ()
    assert growth(series("table:public.tiny", *(1000.0 * n for n in range(10)))) == ()


def test_a_jump_is_sudden_once() -> None:
    values = [GB, GB, GB, GB, 2 * GB, 2 * GB]
    assert [g.sudden for g in growth(series("table:t", *values[:5]))] == [True]
    assert not any(g.sudden for g in growth(series("table:t", *values)))


def test_when_the_disk_is_full() -> None:
    points = series("database", *(100 * GB + n * GB for n in range(30)))
    (found,) = limits(points, reading(29), disk_bytes=150 * GB)
    assert found.what == "the disk" and found.used == pytest.approx(129 / 150)
    assert abs(found.expected - (day(29) + timedelta(days=21))) < timedelta(hours=1)
    assert found.earliest <= found.expected <= (found.latest or found.expected)
    assert limits(points, reading(29), disk_bytes=15_000 * GB) == (), "beyond half a year is no news"


def test_a_limit_is_news_once() -> None:
    flat = [100 * GB] * 6
    values = [*flat, *(100 * GB + n * 2 * GB for n in range(1, 12))]
    fresh = [
        [limit.is_new for limit in limits(series("database", *values[:n]), reading(n), disk_bytes=200 * GB)]
        for n in range(6, len(values) + 1)
    ]
    assert fresh.count([True]) == 1 and fresh[-1] == [False]


def test_an_integer_column_ends_before_its_bigint_sequence() -> None:
    table = RelationName("public", "orders")
    sequence = Sequence(
        schema="public", name="orders_id_seq", data_type="bigint", start_value=1, min_value=1, max_value=2**63 - 1,
        increment_by=1, cycle=False, last_value=2_100_000_000, readable=True, owned_by=table, owned_by_column="id",
    )  # fmt: skip
    name = RelationName("pg_catalog", "int4")
    column = Column(
        table=table, attnum=1, name="id", type="integer", type_name=name, base_type=name, type_category="N",
        not_null=True,
    )  # fmt: skip
    points = series("sequence:public.orders_id_seq", *(2.09e9 + 1e6 * n for n in range(10)))
    (found,) = limits(points, reading(9, sequences=(sequence,), columns=(column,)))
    assert found.used > 0.97 and found.expected < day(9 + 60)
    assert limits(points, reading(9, sequences=(sequence,))) == ()
    assert limits(points, reading(9, sequences=(replace(sequence, cycle=True),), columns=(column,))) == ()


def test_ages_matter_where_freezing_does_not_keep_up() -> None:
    allowed = setting("autovacuum_freeze_max_age", "200000000")
    rising = series("xid_age", *(5e8 + 3e7 * n for n in range(10)))
    (found,) = limits(rising, reading(9, settings=(allowed,)))
    assert "transaction ids" in found.what and day(9 + 40) < found.expected < day(9 + 50)
    healthy = series("xid_age", *(1e8 + 9e6 * n for n in range(10)))
    assert limits(healthy, reading(9, settings=(allowed,))) == ()


def status(rule: str, **more: Any) -> RetentionStatus:
    known: dict[str, Any] = {
        "severity": "medium", "policy": "90 days", "policy_is_default": False, "time_column": "at", "oldest": day(-60),
        "oldest_source": "min() by index", "expired_rows": 0, "expired_bytes": 0, "enforcement": "", "detail": "",
    }  # fmt: skip
    return RetentionStatus(table=RelationName("public", "logs"), rule=rule, **{**known, **more})


def test_a_declared_size_is_reached_at_the_pace_of_the_history() -> None:
    points = series("table:public.logs", *(GB * (50 + n) for n in range(20)))
    declared = status("ret.size_limit", evidence={"limit_bytes": 100 * GB})
    (found,) = limits(points, reading(19), retention=(declared,))
    assert found.what == "size limit of logs" and abs(found.expected - day(19 + 31)) < timedelta(hours=1)
    assert limits(points, reading(19), retention=(replace(declared, severity="info"),)) == (), "nobody declared that"


def test_a_window_that_nothing_enforces_is_over_on_a_day() -> None:
    points = series("database", *[GB] * 5)
    open_ended = status("ret.no_enforcement", window_days=90.0)
    (found,) = limits(points, reading(4), retention=(open_ended,))
    assert (found.what, found.expected, found.is_new) == ("retention window of logs", day(30), False)
    assert found.earliest == found.latest == day(30) and found.used == pytest.approx(64 / 90)
    late = status("ret.no_enforcement", window_days=243.5)
    assert [limit.is_new for limit in limits(points, reading(4), retention=(late,))] == [True]
    for other in (
        replace(open_ended, policy_is_default=True),
        replace(open_ended, rule="ret.ok"),
        replace(open_ended, expired_rows=7),
        replace(open_ended, oldest=None),
        replace(open_ended, window_days=900.0),
    ):
        assert limits(points, reading(4), retention=(other,)) == ()


def test_busy_hours() -> None:
    total, readings = 0.0, []
    for hour in range(24 * 8):
        readings.append((day(0) + timedelta(hours=hour - 2), {"exec_ms": total}))
        total += 9000 if 9 <= hour % 24 < 12 else 1000
    found = peak(readings)
    assert found is not None and found.busiest_hours == (9, 10, 11) and found.ratio == pytest.approx(9)
    assert found.text == "Busiest at 9–12h UTC with 9.0 times the median load."
    assert peak(readings[::24]) is None, "nights alone say nothing of the hours"
