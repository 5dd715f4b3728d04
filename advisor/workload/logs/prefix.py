"""log_line_prefix as a regular expression: finds where a line's message begins and who caused it."""

from __future__ import annotations

import re
from collections.abc import Sequence

_SEVERITY = (
    r"(?P<severity>DEBUG[1-5]?|LOG|INFO|NOTICE|WARNING|ERROR|FATAL|PANIC|DETAIL|HINT|CONTEXT|STATEMENT|QUERY|LOCATION)"
)
_TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
# Names may hold anything, so they are lazy and what follows them decides; their length is bounded, so that a foreign
# line of a megabyte takes no time.
_ESCAPES = {
    "a": "(?P<application>.{0,130}?)",
    "u": "(?P<user>.{0,130}?)",
    "d": "(?P<database>.{0,130}?)",
    "r": ".{0,260}?",
    "h": ".{0,260}?",
    "L": ".{0,260}?",
    "b": "[^:]{0,60}?",
    "p": r"(?P<process>\d+)",
    "P": r"\d*",
    "t": rf"{_TIME} [^\s:\]]+",
    "m": rf"{_TIME}\.\d+ [^\s:\]]+",
    "n": r"\d+\.\d+",
    "i": "[^:]{0,60}?",
    "e": "[0-9A-Z]{5}",
    "c": r"(?P<session>[0-9a-f]+\.[0-9a-f]+)",
    "l": r"\d+",
    "s": rf"{_TIME} [^\s:\]]+",
    "v": r"(?:-?\d+/-?\d+)?",
    "x": r"\d*",
    "Q": r"-?\d*",
}
_ESCAPE = re.compile(r"%(-?\d+)?([A-Za-z%])")
_GROUP = re.compile(r"\(\?P<\w+>")
# The default, Debian's, RDS's, and the ones log analysers recommend; tried where the setting is not known.
_COMMON = (
    "%m [%p] ",
    "%m [%p] %q%u@%d ",
    "%m [%p] %q%u@%d/%a ",
    "%t:%r:%u@%d:[%p]:",
    "%t [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ",
    "%t [%p]: user=%u,db=%d,app=%a,client=%h ",
    "%t [%p]: [%l-1] user=%u,db=%d ",
    "%m [%p]: [%l-1] db=%d,user=%u,app=%a,client=%h ",
    "%t [%p]: ",
    "%t ",
    "%m ",
    "",
)
# Any prefix at all; a process in brackets is understood.
_ANY = re.compile(rf"^(?:.{{0,300}}?\[(?P<process>\d+)\])?.{{0,300}}?\b{_SEVERITY}:  ")
_ENOUGH = 0.9


def pattern_of(prefix: str) -> re.Pattern[str]:
    """Return the pattern of a line's beginning, up to the message, under this log_line_prefix.

    >>> pattern_of("%m [%p] %q%u@%d ").match("2026-01-02 03:04:05.678 UTC [99] ann@shop LOG:  hi")["database"]
    'shop'
    """
    parts: list[str] = []
    seen: set[str] = set()
    position, optional = 0, False
    for escape in _ESCAPE.finditer(prefix):
        parts.append(re.escape(prefix[position : escape.start()]))
        position = escape.end()
        letter = escape[2]
        if letter == "%":
            parts.append("%")
        elif letter == "q" and not optional:
            parts.append("(?:")
            optional = True
        elif letter in _ESCAPES:
            # A group's name can stand only once in a pattern.
            word = _GROUP.sub("(?:", _ESCAPES[letter]) if letter in seen else _ESCAPES[letter]
            parts.append(f" *{word} *" if escape[1] else word)
            seen.add(letter)
    parts.append(re.escape(prefix[position:]))
    return re.compile("^" + "".join(parts) + (")?" if optional else "") + _SEVERITY + ":  ")


def choose_pattern(prefix: str | None, lines: Sequence[str]) -> re.Pattern[str]:
    """Return the pattern that fits the log's first lines: the server's own, a common one, else any prefix.

    The setting may have changed since the log was written, so that it must prove itself too.
    """
    begun = [line for line in lines if _ANY.match(line) is not None]
    best, most = _ANY, _ENOUGH * len(begun)
    for candidate in dict.fromkeys((*((prefix,) if prefix is not None else ()), *_COMMON)):
        pattern = pattern_of(candidate)
        fitting = sum(pattern.match(line) is not None for line in begun)
        if begun and (fitting > most or (best is _ANY and fitting >= most)):
            best, most = pattern, fitting
    return best
