"""How wide a partition should be, and where its bounds lie."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from advisor.retention.windows import Window

_HOUR, _DAY, _WEEK = Window(seconds=3600), Window(days=1), Window(days=7)
_MONTH, _QUARTER, _YEAR = Window(months=1), Window(months=3), Window(months=12)
_WIDTHS = (_YEAR, _QUARTER, _MONTH, _WEEK, _DAY, _HOUR)
# A leaf should stay small enough for its indexes to be cached and for VACUUM to finish.
_LARGEST_LEAF = 10 << 30
# Every partition costs planning time and locks: 92 daily ones made an unpruned query 20 times dearer to plan.
_MOST_LEAVES = 50


def choose_interval(keep: Window, tolerance: Window, bytes_per_day: float | None) -> Window:
    """Return the widest interval that keeps expired rows no longer than a sixth of the window or the tolerance.

    Narrower where a leaf would pass 10 GB, wider where there would be more than 50 leaves.
    """
    limit = max(tolerance.total_days, keep.total_days / 6) * 1.01
    fitting = [w for w in _WIDTHS if w.total_days <= limit] or [_HOUR]
    for width in fitting:
        small_enough = bytes_per_day is None or bytes_per_day * width.total_days <= _LARGEST_LEAF
        if small_enough or keep.total_days / width.total_days > _MOST_LEAVES:
            chosen = width
            break
    else:
        chosen = fitting[-1]
    while keep.total_days / chosen.total_days > _MOST_LEAVES and chosen != _YEAR:
        chosen = _WIDTHS[_WIDTHS.index(chosen) - 1] if chosen in _WIDTHS else _YEAR
    return chosen


def candidate_intervals(keep: Window, tolerance: Window, bytes_per_day: float | None) -> tuple[Window, ...]:
    """Return the usual interval and its neighbours that still keep expired rows no longer than the tolerance allows,
    at most three of at most 100 partitions each."""
    usual = choose_interval(keep, tolerance, bytes_per_day)
    limit = max(tolerance.total_days, keep.total_days / 6) * 1.01
    place = _WIDTHS.index(usual)
    near = [
        width
        for width in _WIDTHS[max(place - 1, 0) : place + 2]
        if width != usual and width.total_days <= limit and keep.total_days / width.total_days <= 2 * _MOST_LEAVES
    ]
    return (usual, *near)


def boundary_after(moment: datetime, interval: Window) -> datetime:
    """Return the first bound after `moment`, aligned to hours, days, Mondays, months, quarters or years in UTC."""
    at = moment.astimezone(UTC)
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    if interval.months:
        index = (at.year * 12 + at.month - 1) // interval.months * interval.months + interval.months
        return midnight.replace(year=index // 12, month=index % 12 + 1, day=1)
    if interval.days and interval.days % 7 == 0:
        return midnight - timedelta(days=at.weekday()) + timedelta(days=interval.days)
    if interval.days:
        return midnight + timedelta(days=interval.days)
    seconds = max(interval.seconds, 3600)
    passed = (at - midnight).total_seconds()
    return midnight + timedelta(seconds=(int(passed) // seconds + 1) * seconds)


def bounds_from(first: datetime, interval: Window, count: int) -> list[tuple[datetime, datetime]]:
    """Return `count` neighbouring ranges from `first` on."""
    found = []
    lower = first
    for _ in range(count):
        if interval.months:
            index = lower.year * 12 + lower.month - 1 + interval.months
            upper = lower.replace(year=index // 12, month=index % 12 + 1)
        else:
            upper = lower + timedelta(days=interval.days, seconds=interval.seconds)
        found.append((lower, upper))
        lower = upper
    return found


def leaf_suffix(lower: datetime, step: timedelta) -> str:
    """Return the end of a partition's name by its width: _p2026_03, _p20260302, _p20260302_14."""
    if step >= timedelta(days=365):
        return f"_p{lower:%Y}"
    if step >= timedelta(days=28):
        return f"_p{lower:%Y_%m}"
    return f"_p{lower:%Y%m%d}" if step >= timedelta(days=1) else f"_p{lower:%Y%m%d_%H}"
