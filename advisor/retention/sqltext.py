"""What can be said of an SQL text from its tokens alone: which tables it empties, which names it mentions.

Job commands, function bodies and statements of pg_stat_statements are read here. Only advisor.workload has a
parser; a policy must also be judged where that parser refuses a text (PL/pgSQL bodies, truncated statements), so
this reads tokens: comments are dropped, strings and quoted identifiers are respected, the rest is a word or a sign.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

_TOKEN = re.compile(
    r"""
    (?P<comment>--[^\n]*|/\*.*?\*/)
  | (?P<string>[eE]?'(?:[^'\\]|''|\\.)*(?:'|$))
  | (?P<quoted>"(?:[^"]|"")*")
  | (?P<dollar>\$(?P<tag>[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$)
  | (?P<word>[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)
  | (?P<parameter>\$\d+)
  | (?P<number>\d+(?:\.\d+)?)
  | (?P<sign>[^\s])
    """,
    re.VERBOSE | re.DOTALL,
)
_NAME = re.compile(r"(?:(?:\w+|\"[^\"]+\")\.)?(?:\w+|\"[^\"]+\")")
# A megabyte of generated IN list tells nothing more about what a statement deletes from.
_LONGEST = 100_000


@dataclass(frozen=True, slots=True)
class Token:
    """One token; `text` is folded to lower case for words, unquoted for identifiers."""

    kind: str  # word quoted string number parameter sign
    text: str

    @property
    def is_name(self) -> bool:
        return self.kind in ("word", "quoted")


def tokens(text: str) -> tuple[Token, ...]:
    """Return the tokens of `text` without comments; dollar quotes are opened, their content is read as SQL.

    >>> [t.text for t in tokens('DELETE FROM "A b" -- x')]
    ['delete', 'from', 'A b']
    """
    found: list[Token] = []
    for match in _TOKEN.finditer(text[:_LONGEST]):
        kind = match.lastgroup if match["dollar"] is None else "dollar"
        value = match[0]
        if kind in ("comment", "dollar"):
            continue
        if kind == "word":
            found.append(Token("word", value.lower()))
        elif kind == "quoted":
            found.append(Token("quoted", value[1:-1].replace('""', '"')))
        elif kind == "string":
            found.append(Token("string", value[value.index("'") + 1 :].removesuffix("'").replace("''", "'")))
        else:
            found.append(Token(str(kind), value))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Removal:
    """A statement that takes rows away. `names` are all identifiers in the rest of that statement."""

    verb: str  # delete truncate drop detach
    schema: str | None
    table: str
    names: frozenset[str]
    has_where: bool
    windows: tuple[str, ...]  # interval constants found in it: '30 days'
    limited: bool = False
    joined_by_ctid: bool = False  # the CTE form that reads the whole table for every batch
    only: bool = False  # DELETE FROM ONLY: nothing of a partitioned table's partitions
    dynamic: bool = False  # put together when it runs: the table is one that the text speaks of


def removals(text: str) -> tuple[Removal, ...]:
    """Return every DELETE, TRUNCATE, DROP TABLE and DETACH PARTITION in `text`, also inside function bodies."""
    stream = tokens(text)
    found: list[Removal] = []
    for position, token in enumerate(stream):
        if token.kind != "word":
            continue
        following = tuple(t.text for t in stream[position + 1 : position + 4])
        if token.text == "delete" and following[:1] == ("from",):
            found += _targets(stream, position + 2, "delete", several=False)
        elif token.text == "truncate":
            found += _targets(
                stream, position + 2 if following[:1] == ("table",) else position + 1, "truncate", several=True
            )
        elif token.text == "drop" and following[:1] == ("table",):
            start = position + 4 if following[1:3] == ("if", "exists") else position + 2
            found += _targets(stream, start, "drop", several=True)
        elif token.text == "detach" and following[:1] == ("partition",):
            found += _targets(stream, position + 2, "detach", several=False)
    return tuple(found)


def _targets(stream: tuple[Token, ...], start: int, verb: str, *, several: bool) -> list[Removal]:
    position = start
    only = position < len(stream) and stream[position] == Token("word", "only")
    position += only
    end = next(
        (i for i in range(position, len(stream)) if stream[i].text == ";" and stream[i].kind == "sign"), len(stream)
    )
    rest = stream[position:end]
    names = frozenset(t.text for t in rest if t.is_name)
    words = [t.text for t in rest if t.kind == "word"]
    windows = tuple(
        after.text for this, after in pairwise(rest) if this == Token("word", "interval") and after.kind == "string"
    ) + tuple(
        before.text
        for before, sign, sign2, after in zip(rest, rest[1:], rest[2:], rest[3:], strict=False)
        if before.kind == "string" and sign.text == sign2.text == ":" and after == Token("word", "interval")
    )
    first = next((i for i in range(start - 1, -1, -1) if stream[i].text == ";" and stream[i].kind == "sign"), -1) + 1
    whole = {t.text for t in stream[first:end] if t.is_name}
    joined = verb == "delete" and {"ctid", "skip", "locked"} <= whole and "using" in words
    found: list[Removal] = []
    while position < end and stream[position].is_name:
        schema, table = None, stream[position].text
        if position + 2 < end and stream[position + 1].text == "." and stream[position + 2].is_name:
            schema, table = table, stream[position + 2].text
            position += 2
        position += 1
        found.append(Removal(verb, schema, table, names, "where" in words, windows, "limit" in words, joined, only))
        if not several or position >= end or stream[position].text != ",":
            break
        position += 1
    return found


_DYNAMIC = re.compile(
    r"\s*(drop\s+table|truncate|delete\s+from|alter\s+table\b.*\bdetach\s+partition)\b.*%", re.IGNORECASE | re.DOTALL
)


def dynamic_removals(text: str) -> tuple[Removal, ...]:
    """Return, for a body that puts such a statement together (EXECUTE format('DROP TABLE %s', …)), one removal for each
    name it speaks of: which table it means is only known when it runs."""
    if "execute" not in text.lower():
        return ()
    stream = tokens(text)
    if not any(t.kind == "string" and _DYNAMIC.match(t.text) for t in stream):
        return ()
    windows = tuple(
        after.text for this, after in pairwise(stream) if this == Token("word", "interval") and after.kind == "string"
    )
    names = {t.text for t in stream if t.is_name or (t.kind == "string" and _NAME.fullmatch(t.text))}
    return tuple(
        Removal("drop", None, name.rpartition(".")[2].strip('"'), frozenset(names), True, windows, dynamic=True)
        for name in sorted(names)
    )


def mentioned(text: str) -> frozenset[str]:
    """Return every identifier and every string of `text`, for a rough "does it speak of this table"."""
    return frozenset(t.text for t in tokens(text) if t.is_name or t.kind == "string")


def called_functions(text: str) -> frozenset[tuple[str | None, str]]:
    """Return (schema, name) of everything that looks like a call: `CALL x(…)`, `SELECT s.x(…)`."""
    stream = tokens(text)
    found: set[tuple[str | None, str]] = set()
    for position, token in enumerate(stream[:-1]):
        if token.is_name and stream[position + 1].text == "(":
            qualified = position >= 2 and stream[position - 1].text == "." and stream[position - 2].is_name
            found.add((stream[position - 2].text if qualified else None, token.text))
    return frozenset(found)
