"""PostgreSQL's text form of one-dimensional arrays."""

from __future__ import annotations

import re

_ELEMENT = re.compile(r'"((?:[^"\\]|\\.)*)"|([^,{}"]+)', re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


def parse_array(text: str | None) -> tuple[str | None, ...]:
    """Return the elements of an array text; NULL becomes None, nested arrays stay as their own text.

    >>> parse_array('{a,"b, c",NULL,"x\\\\"y"}')
    ('a', 'b, c', None, 'x"y')
    """
    if text is None:
        return ()
    body = text[text.index("{") + 1 : text.rindex("}")]
    if body.startswith("{"):
        return _nested(body)
    elements: list[str | None] = []
    for match in _ELEMENT.finditer(body):
        if match[1] is not None:
            elements.append(_ESCAPE.sub(r"\1", match[1]))
        else:
            elements.append(None if match[2] == "NULL" else match[2].strip())
    return tuple(elements)


def _nested(body: str) -> tuple[str | None, ...]:
    """Split '{1,2},{3,4}' at the top level, minding quotes."""
    parts: list[str | None] = []
    depth, start, quoted, position = 0, 0, False, 0
    while position < len(body):
        char = body[position]
        if char == "\\":
            position += 1
        elif char == '"':
            quoted = not quoted
        elif not quoted and char in "{}":
            if char == "{" and depth == 0:
                start = position
            depth += 1 if char == "{" else -1
            if depth == 0:
                parts.append(body[start : position + 1])
        position += 1
    return tuple(parts)


def format_array(elements: tuple[str | None, ...] | list[str | None]) -> str:
    """Return the array text of `elements`, every value quoted.

    >>> format_array(["a", None, 'x"y'])
    '{"a",NULL,"x\\\\"y"}'
    """
    quoted = (
        "NULL" if element is None else '"' + element.replace("\\", "\\\\").replace('"', '\\"') + '"'
        for element in elements
    )
    return "{" + ",".join(quoted) + "}"
