"""Moments in the forms in which columns hold them: timestamps, dates, epoch numbers; as text from the server."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from advisor.model.catalog import Column
from advisor.model.names import quote_ident, quote_literal
from advisor.retention.windows import Window

EPOCH_FACTORS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBER = re.compile(r"^-?\d+(\.\d+)?([eE][+-]?\d+)?$")


def epoch_unit_of(value: float) -> str | None:
    """Return the unit in which `value` is a moment between 1990 and 2100, None when there is none.

    >>> epoch_unit_of(1_760_000_000), epoch_unit_of(1_760_000_000_000), epoch_unit_of(42)
    ('s', 'ms', None)
    """
    for unit, factor in EPOCH_FACTORS.items():
        if 631_152_000 * factor <= value <= 4_102_444_800 * factor:
            return unit
    return None


def parse_moment(text: str | None, unit: str | None = None) -> datetime | None:
    """Return the moment in PostgreSQL's ISO text under TimeZone UTC, or in an epoch number of `unit`.

    None for NULL, infinity, years that Python cannot hold and anything else that is not a moment.
    """
    if text is None:
        return None
    if unit is not None or _NUMBER.match(text):
        return _from_epoch(text, unit)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _from_epoch(text: str, unit: str | None) -> datetime | None:
    if not _NUMBER.match(text):
        return None
    number = float(text)
    unit = unit or epoch_unit_of(number)
    if unit is None:
        return None
    try:
        return _EPOCH + timedelta(seconds=number / EPOCH_FACTORS[unit])
    except OverflowError:
        return None


def cutoff_sql(column: Column, window: Window, unit: str | None, timezone: str) -> str:
    """Return SQL for "the moment `window` ago" in the column's own type, so that an index on it can be used."""
    return moment_sql(column, f"now() - {window.sql()}", unit, timezone)


def moment_sql(column: Column, moment: str, unit: str | None, timezone: str) -> str:
    """Return the SQL expression `moment` (a timestamptz) in the column's own type."""
    kind = column.base_type.name
    if kind == "timestamptz":
        return moment
    if kind == "timestamp":
        return f"({moment}) at time zone {quote_literal(timezone)}"
    if kind == "date":
        return f"(({moment}) at time zone {quote_literal(timezone)})::date"
    factor = EPOCH_FACTORS[unit or "s"]
    number = f"extract(epoch from {moment})"
    scaled = number if factor == 1 else f"{number} * {factor}"
    return f"({scaled})::{'bigint' if kind in ('int4', 'int8') else kind}"


def literal_sql(column: Column, moment: datetime, unit: str | None) -> str:
    """Return `moment` as a constant of the column's type, for partition bounds and CHECK constraints."""
    kind = column.base_type.name
    at = moment.astimezone(UTC)
    if kind == "timestamptz":
        return quote_literal(at.strftime("%Y-%m-%d %H:%M:%S+00"))
    if kind == "timestamp":
        return quote_literal(at.strftime("%Y-%m-%d %H:%M:%S"))
    if kind == "date":
        return quote_literal(at.strftime("%Y-%m-%d"))
    return str(int((at - _EPOCH).total_seconds()) * EPOCH_FACTORS[unit or "s"])


def predicate_sql(column: Column, window: Window, unit: str | None, timezone: str) -> str:
    """Return `column < cutoff`."""
    return f"{quote_ident(column.name)} < {cutoff_sql(column, window, unit, timezone)}"
