"""The same hour of earlier days, the same weekday of earlier weeks: what is usual at this time. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import median

from advisor.model.history import Usual

# So many windows of the same time say what is usual; the newest of them count.
LEAST, _MOST = 3, 4
_DAY, _WEEK = timedelta(days=1), timedelta(weeks=1)
# Windows up to this long have a time of day, windows up to that long a day of the week.
_HOURLY, _DAILY = timedelta(hours=12), timedelta(hours=36)
_UNUSUAL_LOAD = 2.0
_DAYS = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")


@dataclass(frozen=True, slots=True, kw_only=True)
class Season:
    """Earlier windows like the present one, oldest first: the run each begins with; it ends with the next run."""

    words: str  # "on Saturdays at 13h UTC", "at 13h UTC", "on Saturdays"
    begins: tuple[int, ...]


def season(times: Sequence[datetime], begin: datetime, end: datetime) -> Season | None:
    """Return the windows between neighbouring runs that lie as the window from `begin` to `end` does.

    Those of the same weekday where there are three of them, else for short windows those of the same time of day; None
    where there are fewer. `times` are those of the runs, oldest first, up to `begin`.

    >>> nights = [datetime(2026, 1, 5, 2) + timedelta(days=n) for n in range(29)]
    >>> season(nights, nights[-1], nights[-1] + timedelta(days=1)).words
    'on Mondays'
    """
    length = end - begin
    if length <= timedelta(0) or length > _DAILY:
        return None
    middle = begin + length / 2
    hourly = length <= _HOURLY
    day, hour = _DAYS[middle.weekday()], f"at {middle.astimezone(UTC):%H}h UTC"
    choices = [(_WEEK, f"on {day} {hour}" if hourly else f"on {day}")]
    if hourly:
        choices.append((_DAY, hour))
    for period, words in choices:
        found = [
            position
            for position, (start, stop) in enumerate(pairwise(times))
            if 0.5 * length <= stop - start <= 2 * length
            and _fits(middle - (start + (stop - start) / 2), period, length)
        ]
        if len(found) >= LEAST:
            return Season(words=words, begins=tuple(found[-_MOST:]))
    return None


def _fits(apart: timedelta, period: timedelta, length: timedelta) -> bool:
    """Whether two middles are a whole number of periods apart, give or take half a window."""
    rounds = round(apart / period)
    return rounds >= 1 and abs(apart - rounds * period) <= min(length / 2, timedelta(hours=6))


def usual_load(
    found: Season | None,
    runs: Sequence[tuple[datetime, Mapping[str, float]]],
    now: tuple[datetime, Mapping[str, float]],
) -> Usual | None:
    """Return the load of the present window beside that of the same time before; None where too little is known.

    `runs` are those `found` counts, `now` is the end of the present window.
    """
    if found is None:
        return None
    for name, unit in (("calls", "calls"), ("xacts", "transactions")):
        present = _rate(runs[-1], now, name)
        before = [rate for at in found.begins if (rate := _rate(runs[at], runs[at + 1], name)) is not None]
        if present is None or len(before) < LEAST or median(before) <= 0:
            continue
        odd = present > _UNUSUAL_LOAD * max(before) or present < min(before) / _UNUSUAL_LOAD
        return Usual(
            when=found.words,
            unit=unit,
            per_second=present,
            usual=median(before),
            low=min(before),
            high=max(before),
            windows=len(before),
            unusual=odd,
        )
    return None


def _rate(
    start: tuple[datetime, Mapping[str, float]], end: tuple[datetime, Mapping[str, float]], name: str
) -> float | None:
    if name not in start[1] or name not in end[1] or end[1][name] < start[1][name]:
        return None
    seconds = (end[0] - start[0]).total_seconds()
    return (end[1][name] - start[1][name]) / seconds if seconds > 0 else None
