"""Sizes and durations as PostgreSQL writes them: 8GB is 8 · 1024³ bytes, 5min is 300 seconds."""

from __future__ import annotations

import re

from advisor.errors import UsageError

_SIZE_UNITS = {"B": 1, "kB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40, "PB": 1 << 50}
_SIZE_LOOKUP = {name.lower(): factor for name, factor in _SIZE_UNITS.items()} | {
    "k": 1 << 10,
    "m": 1 << 20,
    "g": 1 << 30,
    "t": 1 << 40,
    "": 1,
}
_DURATION_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_NUMBER_UNIT = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*([A-Za-zµ]*)\s*$")


def parse_size(text: str) -> int:
    """Return bytes for '8GB', '512 MB', '128kB' or a plain number of bytes.

    >>> parse_size("8GB")
    8589934592
    """
    match = _NUMBER_UNIT.match(text)
    if match is None or match[2].lower() not in _SIZE_LOOKUP:
        raise UsageError(f"'{text}' is not a size.", "Write it like 8GB, 512MB or 128kB.")
    return int(float(match[1]) * _SIZE_LOOKUP[match[2].lower()])


def parse_duration(text: str) -> float:
    """Return seconds for '30s', '5min', '90d'; a unit is mandatory.

    >>> parse_duration("5min")
    300.0
    """
    match = _NUMBER_UNIT.match(text)
    if match is None or match[2] not in _DURATION_UNITS:
        raise UsageError(f"'{text}' is not a duration.", "Write it with a unit, like 30s, 5min, 12h or 90d.")
    return float(match[1]) * _DURATION_UNITS[match[2]]


def format_size(size_bytes: float) -> str:
    """Return a short human size: three significant digits, 1024-based.

    >>> format_size(123_456_789)
    '118 MB'
    """
    sign, value = ("-", -size_bytes) if size_bytes < 0 else ("", size_bytes)
    for name in ("B", "kB", "MB", "GB", "TB"):
        if value < 1000 or name == "TB":
            break
        value /= 1024
    digits = 0 if value >= 100 or name == "B" or value == int(value) else 1
    return f"{sign}{value:.{digits}f} {name}"


def format_setting_size(size_bytes: int) -> str:
    """Return a size as a value for postgresql.conf: the largest unit that is exact.

    >>> format_setting_size(3 << 29)
    '1536MB'
    """
    for name in ("TB", "GB", "MB", "kB"):
        if size_bytes and size_bytes % _SIZE_UNITS[name] == 0:
            return f"{size_bytes // _SIZE_UNITS[name]}{name}"
    return f"{size_bytes}B"


def format_duration(seconds: float) -> str:
    """Return a short human duration.

    >>> format_duration(0.0123), format_duration(5400), format_duration(86400 * 40)
    ('12.3 ms', '1.5 h', '40 days')
    """
    for limit, factor, name in (
        (1e-3, 1e-6, "µs"),
        (1, 1e-3, "ms"),
        (60, 1, "s"),
        (3600, 60, "min"),
        (86400, 3600, "h"),
        (float("inf"), 86400, "days"),
    ):
        if abs(seconds) < limit:
            value = seconds / factor
            return f"{value:.3g} {name}" if value < 100 else f"{value:.0f} {name}"
    raise AssertionError("unreachable: the last limit is infinite")


def format_count(value: float) -> str:
    """Return a count with thousands separators, rounded when large.

    >>> format_count(1234567.0)
    '1,234,567'
    """
    return f"{value:,.0f}" if abs(value) >= 10 or value == int(value) else f"{value:.2g}"
