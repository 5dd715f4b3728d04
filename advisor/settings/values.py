"""Reading and writing values as PostgreSQL does: '64MB' for a setting counted in kB is 65536."""

from __future__ import annotations

import re
from fractions import Fraction

from advisor.settings.facts import Fact

_MEMORY = {"B": 1, "kB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40}
# In microseconds, the smallest unit of time.
_TIME = {
    "us": 1,
    "ms": 1000,
    "s": 1_000_000,
    "min": 60_000_000,
    "h": 3_600_000_000,
    "d": 86_400_000_000,
}
_UNIT = re.compile(r"^(\d*)([A-Za-z]+)$")
_NUMBER = re.compile(r"^\s*([+-]?(?:0[xX][0-9a-fA-F]+|\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?))\s*(\S*)\s*$")
_TRUE = ("on", "true", "yes", "1")
_FALSE = ("off", "false", "no", "0")


# The largest double stands for "no limit".
_ENDLESS = 1e300


class ValueRefused(ValueError):
    """A value that PostgreSQL would refuse; the message is one sentence."""


def _base(unit: str) -> tuple[dict[str, int], int]:
    """Return the family of a setting's unit and its size in the family's smallest unit: '8kB' is 8192 bytes."""
    match = _UNIT.match(unit)
    if match is None:
        raise ValueError(f"{unit} is no unit of pg_settings")
    family = _MEMORY if match[2] in _MEMORY else _TIME
    return family, int(match[1] or 1) * family[match[2]]


def unit_bytes(fact: Fact) -> int:
    """Return how many bytes one step of a memory setting is."""
    family, factor = _base(fact.unit or "B")
    if family is not _MEMORY:
        raise ValueError(f"{fact.name} is not a size")
    return factor


def parse_number(fact: Fact, text: str) -> float:
    """Return a number, in the setting's unit, for `text` as a configuration file has it. Raises ValueRefused.

    >>> from advisor.settings.facts import settings_of
    >>> parse_number(settings_of(15)["work_mem"], "64MB")
    65536
    """
    match = _NUMBER.match(text)
    if match is None:
        raise ValueRefused(f"{fact.name}: '{text}' is not a number.")
    digits, unit = match[1], match[2]
    amount = Fraction(int(digits, 16)) if "x" in digits.lower() else Fraction(digits)
    if unit:
        amount = _convert(fact, amount, unit, text)
    value = amount if fact.vartype == "real" else round(amount)
    if (fact.minimum is not None and value < fact.minimum) or (fact.maximum is not None and value > fact.maximum):
        low = show_number(fact, fact.minimum or 0)
        if fact.maximum is None or fact.maximum > _ENDLESS:
            raise ValueRefused(f"{fact.name}: {text[:40]} is outside the legal range, from {low} up.")
        high = show_number(fact, fact.maximum)
        raise ValueRefused(f"{fact.name}: {text[:40]} is outside the legal range of {low} to {high}.")
    return float(value) if fact.vartype == "real" else int(value)


def _convert(fact: Fact, amount: Fraction, unit: str, text: str) -> Fraction:
    if fact.unit is None:
        raise ValueRefused(f"{fact.name}: '{text}' has a unit, but the setting is a plain number.")
    family, factor = _base(fact.unit)
    if unit in family:
        return amount * family[unit] / factor
    known = ", ".join(family)
    guess = next((u for u in family if u.lower() in (unit.lower(), f"{unit.lower()}b")), None)
    hint = f" (did you mean {match_number(text)}{guess}?)" if guess else ""
    what = "a time" if "ms" in family else "a size"
    raise ValueRefused(f"{fact.name}: '{text.strip()}' is not {what}; PostgreSQL's units are {known}{hint}.")


def match_number(text: str) -> str:
    """Return the digits of a value with a unit."""
    match = _NUMBER.match(text)
    return match[1] if match else text


def parse_bool(fact: Fact, text: str) -> str:
    """Return 'on' or 'off' for any spelling PostgreSQL takes (unambiguous prefixes too). Raises ValueRefused."""
    word = text.strip().lower()
    truths = [w for w in _TRUE if word and w.startswith(word)]
    lies = [w for w in _FALSE if word and w.startswith(word)]
    if bool(truths) == bool(lies):
        raise ValueRefused(f"{fact.name}: '{text}' is neither on nor off.")
    return "on" if truths else "off"


def normalise(fact: Fact, text: str) -> str:
    """Return `text` as pg_settings.setting would show it. Raises ValueRefused."""
    if fact.vartype == "bool":
        return parse_bool(fact, text)
    if fact.vartype == "enum":
        for known in fact.enumvals:
            if known.lower() == text.strip().lower():
                return known
        if text.strip().lower() in (*_TRUE, *_FALSE):
            # Hidden spellings of enums that used to be boolean: "true", "1" …
            return parse_bool(fact, text)
        raise ValueRefused(f"{fact.name}: '{text}' is not one of {', '.join(fact.enumvals)}.")
    if fact.vartype in ("integer", "real"):
        return plain(parse_number(fact, text))
    return text


def plain(value: float) -> str:
    """Return a number without a needless fraction."""
    return str(int(value)) if value == int(value) else f"{value:g}"


def show_number(fact: Fact, value: float) -> str:
    """Return a number of the setting's unit as a configuration file would have it, in the largest exact unit.

    >>> from advisor.settings.facts import settings_of
    >>> show_number(settings_of(15)["work_mem"], 65536), show_number(settings_of(15)["checkpoint_timeout"], 900)
    ('64MB', '15min')
    """
    # -1 and 0 are words in disguise (automatic, off): a unit would only hide that.
    if fact.unit is None or value <= 0 or value != int(value):
        return plain(value)
    family, factor = _base(fact.unit)
    total = int(value) * factor
    for name in reversed(family):
        if total % family[name] == 0:
            return f"{total // family[name]}{name}"
    return plain(value)


def show(fact: Fact, setting: str) -> str:
    """Return pg_settings.setting in the form people write."""
    if fact.vartype in ("integer", "real"):
        try:
            return show_number(fact, float(setting))
        except ValueError:
            return setting
    return setting


def round_down(value: float, significant_bits: int) -> int:
    """Return `value` rounded down to a number with few binary digits, as people write sizes: 15257 -> 14336.

    Monotone, never above `value`.

    >>> round_down(15257, 4), round_down(34713, 4)
    (14336, 32768)
    """
    whole = max(0, int(value))
    step = 1 << max(0, whole.bit_length() - significant_bits)
    return whole // step * step
