"""Numbers and times as people read them; shared by every format so that all say the same."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from advisor.units import format_count, format_duration, format_size

_LITTLE = 0.001


def number(value: float | None) -> str:
    """Return a cost or count with three significant digits and thousands separators; '?' when unknown.

    >>> number(1234567.8), number(8.293), number(0), number(None)
    ('1,234,568', '8.29', '0', '?')
    """
    if value is None or not math.isfinite(value):
        return "?"
    if abs(value) >= 1e15:
        return f"{value:.3g}"
    if abs(value) >= 100 or value == int(value):
        return format_count(value)
    return f"{value:.3g}" if abs(value) >= _LITTLE else f"{value:.1g}"


_LARGE = ((1e12, " tn"), (1e9, " bn"), (1e6, " M"))


def cost(value: float | None) -> str:
    """Return a planner cost, short.

    >>> cost(9.72e9), cost(48211.75), cost(8.457), cost(None)
    ('9.72 bn', '48,212', '8.46', '?')
    """
    if value is None or not math.isfinite(value):
        return "?"
    if abs(value) >= 1e15:
        return f"{value:.2g}"
    for factor, name in _LARGE:
        if abs(value) >= factor:
            return f"{value / factor:.3g}{name}"
    return number(value)


def percent(share: float | None) -> str:
    """Return a share (0..1) as percent.

    >>> percent(0.4167), percent(0.031), percent(0.0004), percent(None)
    ('42 %', '3.1 %', '<0.1 %', '?')
    """
    if share is None or not math.isfinite(share):
        return "?"
    if 0 < share < 0.001:
        return "<0.1 %"
    value = share * 100
    return f"{value:.1f} %" if 0 < value < 9.95 and round(value, 1) != round(value) else f"{value:.0f} %"


def times_less(before: float, after: float) -> str:
    """Return how much less `after` is.

    >>> times_less(1000, 8), times_less(100, 60), times_less(100, 130), times_less(5, 5)
    ('125× less', '40 % less', '30 % more', 'the same')
    """
    if not (math.isfinite(before) and math.isfinite(after)) or before <= 0:
        return "?"
    if abs(before - after) <= before * 0.0005:
        return "the same"
    if after > before:
        return f"{percent(after / before - 1)} more" if after < before * 10 else f"{after / before:,.0f}× more"
    if after <= 0:
        return "all of it"
    return f"{before / after:,.0f}× less" if before / after >= 10 else f"{percent(1 - after / before)} less"


def change(before: float | None, after: float | None) -> str:
    """Return costs as 'before → after', or what is known of them."""
    if before is None and after is None:
        return "–"
    return f"{cost(before)} → {cost(after)}" if after is not None else cost(before)


def plural(count: float, word: str, words: str | None = None) -> str:
    """Return '1 index', '3 indexes'.

    >>> plural(1, "index", "indexes"), plural(1200, "row")
    ('1 index', '1,200 rows')
    """
    return f"{format_count(count)} {word if count == 1 else words or word + 's'}"


def utc(moment: datetime) -> datetime:
    """Return `moment` in UTC; one without a zone is taken to be in UTC, as the collector's session is."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def minute(moment: datetime | None) -> str:
    """Return '2026-11-21 06:58 UTC'."""
    return "unknown" if moment is None else f"{utc(moment):%Y-%m-%d %H:%M} UTC"


def day(moment: datetime | None) -> str:
    """Return '2026-11-21'."""
    return "unknown" if moment is None else f"{utc(moment):%Y-%m-%d}"


def span(since: datetime | None, until: datetime | None) -> str:
    """Return what the counters cover, in words."""
    if since is None or until is None:
        return "unknown since when the statistics count"
    return f"{format_duration((utc(until) - utc(since)).total_seconds())} of statistics, since {minute(since)}"


def size(size_bytes: float | None) -> str:
    """Return a human size, '?' when unknown."""
    return "?" if size_bytes is None else format_size(size_bytes)


def milliseconds(value: float | None) -> str:
    """Return a human duration for milliseconds, '?' when unknown."""
    return "?" if value is None or not math.isfinite(value) else format_duration(value / 1000)
