"""From a migration file's text to its statements: psql commands, COPY data and placeholders set aside, lines kept.

Everything that is not SQL is replaced by spaces of the same length, so that line numbers stay those of the file.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass

import pglast

from advisor.gate.actions import Functions, actions_of
from advisor.gate.dialects import other_dialect
from advisor.gate.long_names import cut_names
from advisor.model.migration import Action, Step

# psql meta-commands stand on a line of their own, or end the line's statement (\gexec, \gset, \;).
_META = re.compile(r"^[ \t]*\\[A-Za-z?!.].*$", re.MULTILINE)
_META_TAIL = re.compile(r"\\(g|gx|gexec|gset|gdesc|crosstabview)\b[^\n]*", re.IGNORECASE)
_COPY = re.compile(r"^[ \t]*copy\b[^;]*\bfrom\s+stdin\b[^;]*;[^\n]*\n", re.IGNORECASE | re.MULTILINE)
_COPY_END = re.compile(r"^\\\.[ \t]*$", re.MULTILINE)
# Beyond this length the rows of INSERT … VALUES are not parsed: the statement is known by what stands before them.
_LONG = 20_000
_INSERT = re.compile(
    r"insert\s+into\s+[^;'(]*?(?:\([^;'()]*\)\s*)?(?:overriding\s+\w+\s+value\s+)?values\s*(?=\()", re.IGNORECASE
)
# :name, :'name', :"name" (psql); ${name} (Flyway, shell); {{ name }} (Jinja, dbt); %(name)s is left: it is Python's.
_VARIABLE = re.compile(r"(?<![:\w]):('[A-Za-z_]\w*'|\"[A-Za-z_]\w*\"|[A-Za-z_]\w*)")
_BRACED = re.compile(r"\$\{[^}\n]*\}|\{\{[^}\n]*\}\}")
# A function with a body in standard SQL: the semicolons in it end no statement.
_ATOMIC = re.compile(r"\bbegin\s+atomic\b", re.IGNORECASE)
_CREATES_ROUTINE = re.compile(r"create\s+(or\s+replace\s+)?(function|procedure)\b", re.IGNORECASE)
_LEAD = re.compile(r"(?:\s|;|--[^\n]*(?:\n|$)|/\*.*?\*/)*", re.S)
_STRINGS = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|\$(\w*)\$.*?\$\1\$|--[^\n]*|/\*.*?\*/", re.S)


@dataclass(frozen=True, slots=True)
class Ignore:
    """`-- pgadvise: ignore RULE reason`: mutes a rule on the next statement (or the one on its own line)."""

    rule: str
    reason: str
    line: int


@dataclass(frozen=True, slots=True)
class Script:
    """A file's statements, in order."""

    steps: tuple[Step, ...]
    ignores: tuple[Ignore, ...]
    error: str | None = None  # the first text that does not parse
    error_line: int | None = None


_IGNORE = re.compile(r"--\s*pgadvise\s*:\s*ignore[ \t]+([\w/,-]+)[ \t]*(.*)$", re.IGNORECASE | re.MULTILINE)


def _blank(match: re.Match[str]) -> str:
    """Return spaces for a match, newlines kept."""
    return re.sub(r"[^\n]", " ", match[0])


def _without_copy_data(text: str) -> tuple[str, dict[int, str]]:
    """Return the text with the lines of COPY … FROM STDIN left empty, and those lines by the end of their statement."""
    kept: list[str] = []
    data: dict[int, str] = {}
    length = position = 0
    while (match := _COPY.search(text, position)) is not None:
        end = _COPY_END.search(text, match.end())
        if end is None:
            break
        semicolon = match[0].rindex(";") + 1
        head = text[position : match.start() + semicolon]
        rows = text[match.end() : end.start()]
        blank = "\n" * (rows.count("\n") + 1)
        kept += [head, blank]
        data[length + len(head.rstrip(" ;"))] = rows
        length += len(head) + len(blank)
        position = end.end()
    return "".join([*kept, text[position:]]), data


def plain_sql(text: str) -> str:
    """Return the text with everything that is psql's or a template's replaced, position by position."""
    protected = [match.span() for match in _STRINGS.finditer(text)]

    starts = [start for start, _ in protected]

    def inside(position: int) -> bool:
        number = bisect_left(starts, position) - 1
        return number >= 0 and position < protected[number][1]

    def outside(pattern: re.Pattern[str], replacement: str | None, source: str) -> str:
        def swap(match: re.Match[str]) -> str:
            if inside(match.start()):
                return match[0]
            if replacement is None:
                return _blank(match)
            # A placeholder may be a name or a value; an identifier of the same length parses as most of them.
            return (replacement * len(match[0]))[: len(match[0])]

        return pattern.sub(swap, source)

    text = outside(_META, None, text)
    # \gexec and the like end a statement as a semicolon does.
    tails = [m for m in _META_TAIL.finditer(text) if not inside(m.start())]
    for match in reversed(tails):
        text = text[: match.start()] + ";" + " " * (len(match[0]) - 1) + text[match.end() :]
    text = outside(_BRACED, "x", text)
    return outside(_VARIABLE, "x", text)


def read_script(text: str, functions: Functions | None = None) -> Script:
    """Return the statements of a file. A statement that does not parse is a step with `error`; the rest stands."""
    functions = {} if functions is None else functions
    text = text.removeprefix("﻿").replace("\r\n", "\n").replace("\r", "\n")
    ignores = tuple(
        Ignore(rule, match[2].strip(), text.count("\n", 0, match.start()) + 1)
        for match in _IGNORE.finditer(text)
        for rule in match[1].split(",")
    )
    text, data = _without_copy_data(text)
    sql = plain_sql(text)
    steps: list[Step] = []
    rows: dict[str, tuple[Action, ...]] = {}
    error, error_line = None, None
    line_here, counted = 1, 0
    for start, statement in _statements(sql):
        line_here, counted = line_here + sql.count("\n", counted, start), start
        line = line_here
        try:
            shape = _shape_of_rows(statement)
            if shape in rows:
                steps.append(
                    Step(sql=statement.strip(), line=line, actions=rows[shape], raw=_raw(text, start, statement))
                )
                continue
            parsed = pglast.parse_sql(_short(statement))
        except pglast.parser.ParseError as problem:
            message = str(problem.args[0])
            if isinstance(problem.args[-1], int) and problem.args[-1] >= 0:
                line += statement.count("\n", 0, problem.args[-1])
                # The parser's position is one of bytes; it is a column where they are characters.
                column = f", column {_column(sql, start + problem.args[-1])}" if statement.isascii() else ""
                message = f"{message}, line {line}{column}{other_dialect(statement)}"
            steps.append(Step(sql=statement, line=line, actions=(), error=message))
            if error is None:
                error, error_line = message, line
            continue
        for parse_tree in parsed:
            actions = actions_of(parse_tree.stmt, functions)
            steps.append(
                Step(
                    sql=statement.strip(),
                    line=line,
                    actions=(*actions, *cut_names(statement, actions)),
                    raw=_raw(text, start, statement),
                    data=data.get(start + len(statement.rstrip(" ;"))),
                )
            )
        if shape is not None and len(parsed) == 1:
            rows[shape] = steps[-1].actions
    return Script(tuple(steps), ignores, error, error_line)


def _column(sql: str, offset: int) -> int:
    """Return the column of a position, from 1 on."""
    return offset - sql.rfind("\n", 0, offset)


def _raw(text: str, start: int, statement: str) -> str | None:
    """Return the file's own text of a statement, where it differs from what is judged."""
    written = text[start : start + len(statement)]
    return written if written != statement else None


def _shape_of_rows(statement: str) -> str | None:
    """Return what INSERT … VALUES has in common with its like: files of data have the same one many thousand times.

    Raises ParseError. The fingerprint alone would take tables for one that differ in their numbers.
    """
    match = _INSERT.match(statement) if len(statement) <= _LONG else None
    return None if match is None else f"{match[0]}{pglast.parser.fingerprint(statement)}"


def _short(statement: str) -> str:
    """Return a long INSERT … VALUES with one row instead of its own."""
    match = _INSERT.match(statement) if len(statement) > _LONG else None
    return statement if match is None else f"{match[0]} (null)"


def _statements(sql: str) -> list[tuple[int, str]]:
    """Return (offset, text) of each statement. Found by the scanner, which survives statements that do not parse."""
    try:
        slices = _whole_bodies(sql, _with_gaps(sql, pglast.split(sql, with_parser=False, only_slices=True)))
    except pglast.parser.ParseError:
        slices = _rough_slices(sql)
    found = []
    for part in slices:
        body = sql[part]
        # Leading comments and blanks belong to nobody: the line of a statement is that of its first token.
        lead = _LEAD.match(body)
        offset = lead.end() if lead else 0
        if body[offset:].strip():
            found.append((part.start + offset, body[offset:]))
    return found


def _with_gaps(sql: str, slices: tuple[slice, ...]) -> list[slice]:
    """Return the slices with what lies between them: the scanner passes over statements without any SQL keyword."""
    found: list[slice] = []
    position = 0
    for part in (*slices, slice(len(sql), len(sql))):
        gap = sql[position : part.start]
        if gap not in ("", ";", ";\n"):
            found += [slice(position + inner.start, position + inner.stop) for inner in _rough_slices(gap)]
        found.append(part)
        position = part.stop
    return found


def _whole_bodies(sql: str, slices: list[slice]) -> list[slice]:
    """Return the slices with those of a function's body in standard SQL (BEGIN ATOMIC … END) put together."""
    if _ATOMIC.search(sql) is None:
        return slices
    found: list[slice] = []
    begin: int | None = None
    for part in slices:
        text = sql[part]
        if begin is None and _ATOMIC.search(text) and _CREATES_ROUTINE.match(_without_lead(text)):
            begin = part.start
        if begin is None or text.strip().lower() == "end":
            found.append(part if begin is None else slice(begin, part.stop))
            begin = None
    return found if begin is None else slices


def _without_lead(text: str) -> str:
    lead = _LEAD.match(text)
    return text[lead.end() :] if lead else text


def _rough_slices(sql: str) -> list[slice]:
    """Split at semicolons outside strings and comments: for texts that even the scanner refuses."""
    spans = [match.span() for match in _STRINGS.finditer(sql)]
    slices, start = [], 0
    starts = [begin for begin, _ in spans]
    for match in re.finditer(";", sql):
        number = bisect_right(starts, match.start()) - 1
        if number < 0 or match.start() >= spans[number][1]:
            slices.append(slice(start, match.start()))
            start = match.end()
    slices.append(slice(start, len(sql)))
    return slices
