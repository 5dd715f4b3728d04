"""Where in a TOML text each table and key stands: tomllib reports lines for syntax errors only."""

from __future__ import annotations

import re

_HEADER = re.compile(r"^\s*(\[\[?)\s*([^\]#]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(
    r"""^\s*((?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*'))*)\s*="""
)
_NAME = re.compile(r"""[A-Za-z0-9_-]+|"((?:[^"\\]|\\.)*)"|'([^']*)'""")

Path = tuple[str | int, ...]


def line_numbers(text: str) -> dict[Path, int]:
    """Return the line (from 1) of every table header and key: ('tables', 0, 'keep') -> 12.

    >>> line_numbers('a = 1\\n[[t]]\\nk = 2')[('t', 0, 'k')]
    3
    """
    found: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    here: Path = ()
    closing: str | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        if closing is not None:
            if closing in line:
                closing = None
            continue
        header = _HEADER.match(line)
        if header is not None:
            here = _resolve(_names(header[2]), counts, is_array=header[1] == "[[")
            found.setdefault(here, number)
            continue
        key = _KEY.match(line)
        if key is None:
            continue
        path = here
        for name in _names(key[1]):
            path = (*path, name)
            found.setdefault(path, number)
        value = line[key.end() :]
        for quotes in ('"""', "'''"):
            if value.count(quotes) % 2 == 1:
                closing = quotes
    return found


def _names(dotted: str) -> tuple[str, ...]:
    return tuple(
        re.sub(r"\\(.)", r"\1", m[1]) if m[1] is not None else m[2] if m[2] is not None else m[0]
        for m in _NAME.finditer(dotted)
    )


def _resolve(names: tuple[str, ...], counts: dict[Path, int], *, is_array: bool) -> Path:
    """Return the path with the indexes of arrays of tables filled in."""
    path: Path = ()
    for position, name in enumerate(names):
        path = (*path, name)
        last = position == len(names) - 1
        if last and is_array:
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = (*path, counts[path])
    return path


def line_of(lines: dict[Path, int], path: Path) -> int | None:
    """Return the line of `path` or of the nearest thing around it."""
    for length in range(len(path), 0, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return None
