"""What ALTER COLUMN TYPE costs, from the two types: measured on PostgreSQL 13 to 18."""

from __future__ import annotations

import re

_TYPE = re.compile(r"^([a-z_][a-z_ ]*?)\s*(?:\(([\d,\s-]+)\))?((?: with(?:out)? time zone)?)((?:\[\])*)$")
# A length or precision that only grows changes nothing of what is stored.
_GROWING = frozenset({"character varying", "bit varying", "varchar"})
_PRECISION = frozenset({"timestamp", "time", "interval", "timestamp with time zone", "timestamp without time zone"})
_TEXTS = frozenset({"text", "character varying", "varchar"})


def _split(text: str) -> tuple[str, tuple[int, ...] | None, str]:
    """Return (base type, modifiers, array brackets)."""
    match = _TYPE.match(text.strip().lower())
    if match is None:
        return text.strip().lower(), None, ""
    modifiers = tuple(int(part) for part in match[2].split(",")) if match[2] else None
    return match[1].strip() + match[3], modifiers, match[4]


def type_change(old: str | None, new: str, column: str, using: str | None = None) -> str:
    """Return 'none' (only the catalog changes), 'rewrite', or 'unknown' (the old type would decide).

    `old` and `new` are written as format_type() prints them; `using` is the USING expression.
    """
    if using is not None and not _is_plain_cast(using, column):
        return "rewrite"
    new_base, new_modifiers, new_array = _split(new)
    if old is None:
        if new_base in _TEXTS:
            return "none" if new_modifiers is None else "unknown"
        return "unknown" if new_base in ("numeric", "inet") or new_base in _PRECISION else "rewrite"
    old_base, old_modifiers, old_array = _split(old)
    if (old_base, old_modifiers, old_array) == (new_base, new_modifiers, new_array):
        return "none"
    if old_array or new_array:
        return "rewrite"  # also a longer limit of the elements
    if old_base in _TEXTS and new_base in _TEXTS:
        # text and varchar without a limit are the same; a limit must not shrink.
        if new_modifiers is None:
            return "none"
        limited = old_modifiers is not None and old_base != "text"
        return "none" if limited and old_modifiers is not None and new_modifiers[0] >= old_modifiers[0] else "rewrite"
    if old_base == new_base:
        return _same_base(old_base, old_modifiers, new_modifiers)
    if (old_base, new_base) == ("cidr", "inet"):
        return "none"
    return "rewrite"


def _same_base(base: str, old: tuple[int, ...] | None, new: tuple[int, ...] | None) -> str:
    if new is None:
        return "none" if base in _GROWING or base == "numeric" or base in _PRECISION else "rewrite"
    if old is None:
        return "rewrite"
    if base in _GROWING or base in _PRECISION:
        return "none" if new[0] >= old[0] else "rewrite"
    if base == "numeric":
        same_scale = (old[1] if len(old) > 1 else 0) == (new[1] if len(new) > 1 else 0)
        return "none" if same_scale and new[0] >= old[0] else "rewrite"
    return "rewrite"


def _is_plain_cast(using: str, column: str) -> bool:
    """Whether USING only names the column, possibly with a cast: then it decides nothing."""
    text = using.strip().strip("()").lower()
    head = re.split(r"::|\s+as\s+", text.removeprefix("cast(").strip("( "), maxsplit=1)[0]
    return head.strip('" )') == column.lower()
