"""Text from a database made safe to show: no control sequence, no spoofed direction, no megabyte."""

from __future__ import annotations

import re

# C0 and C1 controls, DEL, direction overrides and isolates, line and paragraph separators, lone surrogates.
# Newline and tab are handled by the callers: prose collapses them, SQL keeps them.
_DANGEROUS = "\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff\ud800-\udfff"
CONTROL = re.compile(f"[{_DANGEROUS}]")
_BLANK = re.compile(r"\s+")
# Collapsing a megabyte of blanks to print a line of it would be waste: look at this much per wanted character.
_LOOK = 4


def _picture(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)  # ␛ for ESC, ␀ for NUL
    return "␡" if code == 0x7F else f"⟨U+{code:04X}⟩"


def visible(text: str) -> str:
    """Return `text` with every control character replaced by a picture of it; newlines and tabs stay.

    >>> visible("a\\x1b[31mb")
    'a␛[31mb'
    """
    return CONTROL.sub(_picture, text)


def is_exact(sql: str) -> bool:
    """True when `visible` shows the statement as it is, so that it may be copied from the screen."""
    return CONTROL.search(sql) is None


_ASCII = str.maketrans(
    {"→": "->", "─": "-", "–": "-", "−": "-", "×": "x", "…": "...", "·": "-", "µ": "u", "✓": "+", "✗": "x", "▸": ">"}
)


def for_encoding(text: str, encoding: str | None) -> str:
    """Return `text` as a stream of `encoding` can write it: arrows and rules in ASCII, unknown characters as '?'.

    >>> for_encoding("cost 10 → 1 …", "latin-1"), for_encoding("10 → 1", "utf-8"), for_encoding("漢", "ascii")
    ('cost 10 -> 1 ...', '10 → 1', '?')
    """
    name = encoding or "ascii"
    try:
        text.encode(name)
    except UnicodeEncodeError:
        return text.translate(_ASCII).encode(name, "replace").decode(name)
    return text


def one_line(text: str, limit: int | None = None) -> str:
    """Return `text` on one line, blanks collapsed, controls shown, cut with '…' at `limit` characters.

    >>> one_line("select 1,\\n       2", 10)
    'select 1,…'
    """
    head = text if limit is None else text[: limit * _LOOK + 64]
    flat = visible(_BLANK.sub(" ", head).strip())
    if limit is not None and (len(flat) > limit or len(head) < len(text)):
        return flat[: limit - 1].rstrip() + "…"
    return flat


def sentences(text: str, limit: int) -> str:
    """Return as many whole sentences of `text`, on one line, as fit into `limit` characters; at least a part of one.

    >>> sentences("One is here. Two is here. Three.", 26)
    'One is here. Two is here.'
    """
    flat = one_line(text, limit * 2)
    if len(flat) <= limit:
        return flat
    end = flat.rfind(". ", 0, limit)
    return flat[: end + 1] if end > limit // 4 else one_line(flat, limit)


def shorten(text: str, limit: int) -> str:
    """Return `text` as it is, or its first `limit` characters with a note of how many were left out.

    >>> shorten("abcdefgh", 3)
    'abc… (5 more characters)'
    """
    if len(text) <= limit:
        return text
    return f"{text[:limit]}… ({len(text) - limit:,} more characters)"
