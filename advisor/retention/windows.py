"""Windows of time as people write them in a policy: "90 days", "6 months", "30d"; a unit is mandatory."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from advisor.errors import UsageError
from advisor.model.names import quote_literal

_PART = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-zµ]*)\s*,?")
# unit -> (months, days, seconds); "m" is left out on purpose: minutes or months?
_UNITS: dict[str, tuple[int, int, int]] = {
    name: value
    for names, value in (
        ("s sec secs second seconds", (0, 0, 1)),
        ("min mins minute minutes", (0, 0, 60)),
        ("h hr hrs hour hours", (0, 0, 3600)),
        ("d day days", (0, 1, 0)),
        ("w week weeks", (0, 7, 0)),
        ("mo mon mons month months", (1, 0, 0)),
        ("quarter quarters", (3, 0, 0)),
        ("y yr yrs year years", (12, 0, 0)),
    )
    for name in names.split()
}
# PostgreSQL counts 30 days to a month when it must compare intervals; 365.25 / 12 is closer for estimates.
_DAYS_PER_MONTH = 365.25 / 12
_EARLIEST = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Window:
    """A span with calendar parts kept apart, so that "6 months" means what the server's interval means."""

    months: int = 0
    days: int = 0
    seconds: int = 0

    def __str__(self) -> str:
        parts = []
        years, months = divmod(self.months, 12)
        hours, rest = divmod(self.seconds, 3600)
        minutes, seconds = divmod(rest, 60)
        for count, unit in (
            (years, "year"), (months, "month"), (self.days, "day"),
            (hours, "hour"), (minutes, "minute"), (seconds, "second"),
        ):  # fmt: skip
            if count:
                parts.append(f"{count} {unit}{'' if count == 1 else 's'}")
        return " ".join(parts) or "0 days"

    @property
    def total_days(self) -> float:
        """The length in days, a month counted as a twelfth of a year."""
        return self.months * _DAYS_PER_MONTH + self.days + self.seconds / 86400

    def sql(self) -> str:
        """Return the SQL interval constant: `interval '6 months'`."""
        return f"interval {quote_literal(str(self))}"

    def before(self, moment: datetime) -> datetime:
        """Return `moment` minus the window the way PostgreSQL subtracts an interval: months, days, seconds.

        >>> Window(months=1).before(datetime(2026, 3, 31, tzinfo=UTC)).date().isoformat()
        '2026-02-28'
        """
        index = moment.year * 12 + moment.month - 1 - self.months
        year, month = index // 12, index % 12 + 1
        if year < 1:
            return _EARLIEST
        day = min(moment.day, calendar.monthrange(year, month)[1])
        try:
            return moment.replace(year=year, month=month, day=day) - timedelta(days=self.days, seconds=self.seconds)
        except OverflowError:
            return _EARLIEST

    def plus(self, other: Window) -> Window:
        """Return the sum, part by part."""
        return Window(self.months + other.months, self.days + other.days, self.seconds + other.seconds)


def parse_window(text: object) -> Window:
    """Return the window written in `text`. Raises UsageError that says how to write it.

    >>> str(parse_window("1 year 6 months")), str(parse_window("30d"))
    ('1 year 6 months', '30 days')
    """
    if isinstance(text, bool) or not isinstance(text, str | int | float):
        raise UsageError(f"{text!r} is not a window of time.", 'Write it like "90 days", "6 months" or "30d".')
    if not isinstance(text, str):
        raise UsageError(
            f"{text} has no unit.",
            f'Write "{text} days" or another unit: a bare number would mean seconds to PostgreSQL.',
        )
    stripped = text.strip()
    months, days, seconds, position = 0.0, 0.0, 0.0, 0
    while position < len(stripped):
        match = _PART.match(stripped, position)
        if match is None:
            raise UsageError(f'"{text}" is not a window of time.', 'Write it like "90 days", "6 months" or "30d".')
        number, unit = float(match[1]), match[2].lower()
        if not unit:
            raise UsageError(
                f'"{text}" has no unit.',
                f'Write "{match[1]} days" or another unit: a bare number would mean seconds to PostgreSQL.',
            )
        if unit == "m":
            raise UsageError(f'"{text}" is ambiguous: m could be minutes or months.', 'Write "min" or "months".')
        if unit not in _UNITS:
            raise UsageError(
                f'"{text}" has the unknown unit "{match[2]}".',
                "Known units: seconds, min, h, days, weeks, months, years.",
            )
        of_months, of_days, of_seconds = _UNITS[unit]
        if of_months and number * of_months != int(number * of_months):
            raise UsageError(f'"{text}" is not a whole number of months.', "Write it in months or days.")
        months += number * of_months
        days += number * of_days
        seconds += number * of_seconds
        position = match.end()
    if not stripped:
        raise UsageError("An empty text is not a window of time.", 'Write it like "90 days", "6 months" or "30d".')
    whole_days = int(days)
    window = Window(int(months), whole_days, round(seconds + (days - whole_days) * 86400))
    if window.total_days > 366 * 1000:
        raise UsageError(f'"{text}" is longer than a thousand years.', 'Write "permanent" to keep rows for ever.')
    return window
