"""How often a cron schedule runs, roughly: enough to say that a job is overdue."""

from __future__ import annotations

import re
from datetime import timedelta

_SECONDS = re.compile(r"^\s*(\d+)\s*seconds?\s*$", re.IGNORECASE)
_NAMED = {
    "@hourly": timedelta(hours=1), "@daily": timedelta(days=1), "@midnight": timedelta(days=1),
    "@weekly": timedelta(weeks=1), "@monthly": timedelta(days=31),
    "@yearly": timedelta(days=366), "@annually": timedelta(days=366),
}  # fmt: skip


def period_of(schedule: str) -> timedelta | None:
    """Return the longest usual pause between two runs, None for a schedule that is not understood.

    >>> period_of("17 3 * * *"), period_of("*/5 * * * *"), period_of("30 seconds").seconds
    (datetime.timedelta(days=1), datetime.timedelta(seconds=3600), 30)
    """
    seconds = _SECONDS.match(schedule)
    if seconds is not None:
        return timedelta(seconds=int(seconds[1]))
    if schedule.strip().lower() in _NAMED:
        return _NAMED[schedule.strip().lower()]
    fields = schedule.split()
    if len(fields) != 5:
        return None
    _, hour, day, month, weekday = fields
    if month != "*":
        return timedelta(days=366)
    if day != "*":
        return timedelta(days=31)
    if weekday != "*":
        return timedelta(weeks=1)
    # Within an hour the exact minutes do not matter: nobody calls a job late by less than two hours.
    return timedelta(hours=1) if hour == "*" else timedelta(days=1)
