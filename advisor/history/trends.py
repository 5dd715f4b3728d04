"""Growth, the dates limits are reached, and the busy hours: robust slopes with their uncertainty. Pure.

Slopes are Theil–Sen (the median of the slopes between all pairs of points): a purge, a reload or one odd night does
not bend them. Their interval is Sen's, from Kendall's test.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import median

from advisor.model.history import Growth, LimitDate, Peak
from advisor.model.report import RetentionStatus
from advisor.model.snapshot import Snapshot

# A limit further away than this is no news; a slope from less than this says nothing.
HORIZON = timedelta(days=180)
_LEAST_POINTS = 4
_LEAST_SPAN = timedelta(days=2)
_POINTS = 60  # pairs grow with the square
_Z = 1.96

# Growth worth telling: this part of the object in a month, and at least so many bytes.
_MONTHLY = 0.05
_LEAST_BYTES = 8 << 20
_MOST = 10
# Sudden: this part of the object in one window, at a rate so many times that of the windows before.
_SUDDEN_SHARE, _SUDDEN_TIMES = 0.2, 5.0

_INTEGER_LIMITS = {"smallint": 2**15 - 1, "integer": 2**31 - 1, "bigint": 2**63 - 1}
# The server stops taking writes 3 million transactions before the wraparound (varsup.c).
_XID_LIMIT = 2**31 - 3_000_000

Series = Sequence[tuple[datetime, Mapping[str, float]]]
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True, slots=True, kw_only=True)
class Slope:
    """Units per day, with the 95 % interval; `value` is the last reading."""

    per_day: float
    low: float
    high: float
    value: float


def slope(points: Sequence[tuple[datetime, float]]) -> Slope | None:
    """Return the Theil–Sen slope; None for fewer than four points or less than two days.

    >>> from datetime import datetime, timedelta
    >>> day = datetime(2026, 1, 1)
    >>> slope([(day + timedelta(days=n), 10.0 * n) for n in range(8)]).per_day
    10.0
    """
    if len(points) < _LEAST_POINTS or points[-1][0] - points[0][0] < _LEAST_SPAN:
        return None
    chosen = points[:: max(1, -(-len(points) // _POINTS))]
    if chosen[-1] != points[-1]:
        chosen = [*chosen, points[-1]]
    slopes = sorted(
        (later[1] - earlier[1]) / ((later[0] - earlier[0]).total_seconds() / 86400)
        for position, earlier in enumerate(chosen)
        for later in chosen[position + 1 :]
        if later[0] > earlier[0]
    )
    if not slopes:
        return None
    n = len(chosen)
    spread = _Z * math.sqrt(n * (n - 1) * (2 * n + 5) / 18)
    low = slopes[max(0, math.floor((len(slopes) - spread) / 2))]
    high = slopes[min(len(slopes) - 1, math.ceil((len(slopes) + spread) / 2))]
    return Slope(per_day=median(slopes), low=low, high=high, value=points[-1][1])


def _points(series: Series, name: str) -> list[tuple[datetime, float]]:
    return [(at, values[name]) for at, values in series if name in values]


def growth(series: Series) -> tuple[Growth, ...]:
    """Return the tables and indexes that grow, the fastest first; those that jumped in the last window foremost."""
    if len(series) < 2:
        return ()
    first, last = series[0][1], series[-1][1]
    found = []
    for name, value in last.items():
        kind, _, relation = name.partition(":")
        if kind not in ("table", "index") or value - min(first.get(name, value), series[-2][1].get(name, value)) <= 0:
            continue
        points = _points(series, name)
        jump = _sudden(points)
        trend = slope(points)
        if trend is not None and trend.low > 0 and trend.per_day * 30 >= max(_MONTHLY * value, _LEAST_BYTES):
            found.append(
                Growth(
                    object=relation,
                    size_bytes=int(value),
                    per_day=trend.per_day,
                    low=trend.low,
                    high=trend.high,
                    sudden=jump is not None,
                )
            )
        elif jump is not None:
            found.append(Growth(object=relation, size_bytes=int(value), per_day=jump, low=jump, high=jump, sudden=True))
    found.sort(key=lambda item: (not item.sudden, -item.per_day))
    return tuple(found[:_MOST])


def grown(series: Series) -> tuple[Growth, ...]:
    """Return the tables and indexes that are bigger in the second of two readings, the fastest first."""
    (start, first), (end, last) = series[0], series[-1]
    days = max((end - start).total_seconds() / 86400, 1e-6)
    found = [
        Growth(object=name.partition(":")[2], size_bytes=int(value), per_day=rate, low=rate, high=rate)
        for name, value in last.items()
        if name.startswith(("table:", "index:")) and value - first.get(name, 0.0) >= _LEAST_BYTES
        for rate in ((value - first.get(name, 0.0)) / days,)
    ]
    return tuple(sorted(found, key=lambda item: -item.per_day)[:_MOST])


def _sudden(points: Sequence[tuple[datetime, float]]) -> float | None:
    """Return the rate of the last window (per day) where it is far above that of at least two windows before."""
    if len(points) < 4:
        return None
    rates = [(new[1] - old[1]) / max((new[0] - old[0]).total_seconds() / 86400, 1e-6) for old, new in pairwise(points)]
    added = points[-1][1] - points[-2][1]
    usual = max(*rates[:-1], 0.0)
    if added < max(_SUDDEN_SHARE * points[-2][1], _LEAST_BYTES) or rates[-1] < _SUDDEN_TIMES * usual:
        return None
    return rates[-1]


def limits(
    series: Series, snapshot: Snapshot, disk_bytes: int | None = None, retention: Sequence[RetentionStatus] = ()
) -> tuple[LimitDate, ...]:
    """Return what reaches its limit within half a year, the soonest first."""
    known = {limit.what for limit in _limits(series[:-1], snapshot, disk_bytes, retention)}
    found = (
        replace(limit, is_new=limit.what not in known) for limit in _limits(series, snapshot, disk_bytes, retention)
    )
    return tuple(sorted(found, key=lambda limit: limit.expected))


def _limits(
    series: Series, snapshot: Snapshot, disk_bytes: int | None, retention: Sequence[RetentionStatus]
) -> list[LimitDate]:
    if not series:
        return []
    now = series[-1][0]
    found = [*_sequences(series, snapshot), *_ages(series, snapshot), *_windows(now, retention)]
    found += _sizes(series, retention)
    if disk_bytes is not None:
        found += _reached("the disk", _points(series, "database"), float(disk_bytes), now)
    return [limit for limit in found if limit.expected <= now + HORIZON]


def _reached(what: str, points: Sequence[tuple[datetime, float]], limit: float, now: datetime) -> list[LimitDate]:
    trend = slope(points)
    if trend is None or trend.per_day <= 0 or trend.low <= 0:
        return []
    left = max(limit - trend.value, 0.0)

    def when(per_day: float) -> datetime:
        # A century is as good as never, and dates have an end.
        return now + timedelta(days=min(left / per_day, 36_500))

    return [
        LimitDate(
            what=what,
            used=min(trend.value / limit, 1.0) if limit > 0 else 1.0,
            earliest=when(trend.high),
            expected=when(trend.per_day),
            latest=when(trend.low),
        )
    ]


def _sequences(series: Series, snapshot: Snapshot) -> list[LimitDate]:
    types = {(column.table, column.name): column.type for column in snapshot.columns}
    found: list[LimitDate] = []
    for sequence in snapshot.sequences:
        if sequence.cycle or sequence.increment_by <= 0:
            continue
        limit = sequence.max_value
        if sequence.owned_by is not None and sequence.owned_by_column is not None:
            # An integer column ends before its bigint sequence does.
            limit = min(limit, _INTEGER_LIMITS.get(types.get((sequence.owned_by, sequence.owned_by_column), ""), limit))
        name = f"{sequence.schema}.{sequence.name}"
        found += _reached(f"sequence {name}", _points(series, f"sequence:{name}"), float(limit), series[-1][0])
    return found


def _ages(series: Series, snapshot: Snapshot) -> list[LimitDate]:
    """Return the wraparound where freezing does not keep up.

    Below autovacuum_freeze_max_age autovacuum has not begun, and a rising age means nothing.
    """
    found: list[LimitDate] = []
    for name, what, setting in (
        ("xid_age", "transaction ids (wraparound)", "autovacuum_freeze_max_age"),
        ("mxid_age", "multixact ids (wraparound)", "autovacuum_multixact_freeze_max_age"),
    ):
        points = _points(series, name)
        allowed = snapshot.setting(setting)
        if not points or allowed is None or not (allowed.setting or "").isdigit():
            continue
        if points[-1][1] <= int(allowed.setting or 0):
            continue
        # Each freeze brings the age down; the slope is that since the last one.
        start = max((i for i in range(1, len(points)) if points[i][1] < points[i - 1][1]), default=0)
        found += _reached(what, points[start:], float(_XID_LIMIT), series[-1][0])
    return found


def _sizes(series: Series, retention: Sequence[RetentionStatus]) -> list[LimitDate]:
    """Return when tables reach the size their retention policy declares."""
    found: list[LimitDate] = []
    for status in retention:
        limit = status.evidence.get("limit_bytes")
        if status.rule == "ret.size_limit" and status.severity != "info" and limit:
            what = f"size limit of {status.table.display()}"
            found += _reached(what, _points(series, f"table:{status.table}"), float(limit), series[-1][0])
    return found


def _windows(now: datetime, retention: Sequence[RetentionStatus]) -> list[LimitDate]:
    """Return when the first rows outlive a declared window that nothing enforces: a date without a trend."""
    found = []
    for status in retention:
        if status.rule != "ret.no_enforcement" or status.policy_is_default or status.expired_rows:
            continue
        if status.oldest is None or not status.window_days or status.oldest > now:
            continue
        moment = status.oldest + timedelta(days=min(status.window_days, 36_500))
        age = (now - status.oldest).total_seconds() / 86400
        found.append(
            LimitDate(
                what=f"retention window of {status.table.display()}",
                used=min(age / status.window_days, 1.0),
                earliest=moment,
                expected=moment,
                latest=moment,
            )
        )
    return found


def peak(totals: Sequence[tuple[datetime, Mapping[str, float]]]) -> Peak | None:
    """Return the busy hours and days, from runs at most two hours apart over at least three days; else None."""
    rates: list[tuple[datetime, float]] = []
    for (start, before), (end, now) in pairwise(totals):
        seconds = (end - start).total_seconds()
        name = "exec_ms" if now.get("exec_ms") else "xacts"
        added = now.get(name, 0.0) - before.get(name, 0.0)
        if 0 < seconds <= 7200 and added >= 0:
            rates.append((start + (end - start) / 2, added / seconds))
    if len(rates) < 48 or rates[-1][0] - rates[0][0] < timedelta(days=3):
        return None
    usual = median(rate for _, rate in rates)
    if usual <= 0:
        return None
    by_hour = _medians([(at.astimezone(UTC).hour, rate) for at, rate in rates])
    by_day = _medians([(at.astimezone(UTC).weekday(), rate) for at, rate in rates])
    top = max(by_hour.values())
    hours = tuple(sorted(hour for hour, rate in by_hour.items() if rate >= 0.8 * top)) if top >= 1.5 * usual else ()
    days = tuple(_DAYS[day] for day, rate in sorted(by_day.items()) if len(by_day) > 4 and rate >= 1.5 * usual)
    if not hours and not days:
        return Peak(text="The load is even over the hours of the day.", ratio=top / usual)
    parts = [f"busiest at {_hours(hours)} UTC with {top / usual:.1f} times the median load"] if hours else []
    parts += [f"on {', '.join(days)}"] if days else []
    text = "; ".join(parts)
    return Peak(text=text[:1].upper() + text[1:] + ".", busiest_hours=hours, busiest_days=days, ratio=top / usual)


def _medians(pairs: Sequence[tuple[int, float]]) -> dict[int, float]:
    grouped: dict[int, list[float]] = {}
    for key, rate in pairs:
        grouped.setdefault(key, []).append(rate)
    return {key: median(values) for key, values in grouped.items()}


def _hours(hours: Sequence[int]) -> str:
    """Return hours as ranges: 9–12, 20."""
    parts: list[list[int]] = []
    for hour in hours:
        if parts and hour == parts[-1][-1] + 1:
            parts[-1].append(hour)
        else:
            parts.append([hour])
    return ", ".join(f"{part[0]}–{part[-1] + 1}h" for part in parts)
