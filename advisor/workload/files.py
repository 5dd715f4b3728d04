"""Workload files: SQL statements with constants, $n or a driver's placeholders, as people and psql write them.

A comment `-- calls: 1200` weights the statement after it. psql's own commands and COPY data are kept as texts that
the reading counts as skipped; statements that do not parse stay in too and are reported one by one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from advisor.errors import UsageError
from advisor.model.activity import WorkloadText
from advisor.workload.parse import LONGEST_TEXT, NotParsed, parse_tree
from advisor.workload.placeholders import numbered

_CALLS = re.compile(r"--\s*calls\s*[:=]\s*([0-9][0-9_,]*(?:\.[0-9]+)?)", re.IGNORECASE)
_DOLLAR = re.compile(r"\$(?:[A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]*)?\$")
_COPY_IN = re.compile(r"^\s*copy\b.*\bfrom\s+stdin\b", re.IGNORECASE | re.DOTALL)
_WIDE_ENCODINGS = (b"\xff\xfe", b"\xfe\xff")


def read_workload_file(path: Path) -> tuple[WorkloadText, ...]:
    """Return the statements of a file in order. Raises UsageError when it cannot be read or has no statement."""
    text = _decode(path)
    texts = tuple(
        WorkloadText(query=_readable(piece.text), calls=piece.calls, source=path.name, line=piece.line)
        for piece in split_statements(text)
    )
    if not any(_parses(item.query) for item in texts):
        raise UsageError(
            f"{path} has no valid SQL statement in it.", "Give a file of SQL statements, each ended by a semicolon."
        )
    return texts


def _decode(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
    if data.startswith(_WIDE_ENCODINGS):
        raise UsageError(f"{path} is UTF-16, not UTF-8.", "Save it as UTF-8.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{path} is not UTF-8 (line {line}).", "Save it as UTF-8.") from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _readable(text: str) -> str:
    """Return the text as it is, or with its placeholders as $n where only that makes it SQL."""
    if _parses(text):
        return text
    changed = numbered(text)
    return changed if changed != text and _parses(changed) else text


def _parses(text: str) -> bool:
    if len(text) > LONGEST_TEXT:
        return True  # too long to look at here; the reading says so
    try:
        return bool(parse_tree(text))
    except NotParsed:
        return False


@dataclass(frozen=True, slots=True)
class Piece:
    """One statement, or one psql command, with the line it begins on (from 1)."""

    text: str
    line: int
    calls: float


def split_statements(text: str) -> Iterator[Piece]:
    """Yield the statements of an SQL script: quotes, dollar quotes, nested comments and psql commands are minded."""
    start, position, calls = 0, 0, 1.0
    has_code = False
    while position < len(text):
        char = text[position]
        if text.startswith("--", position):
            end = _end_of_line(text, position)
            match = _CALLS.match(text, position, end)
            if match is not None and not has_code:
                calls = float(match[1].replace("_", "").replace(",", ""))
                start = end
            position = end
        elif text.startswith("/*", position):
            position = _end_of_comment(text, position)
        elif char == ";":
            if has_code:
                yield _piece(text, start, position, calls)
                if _COPY_IN.match(text, start, position):
                    position = _end_of_copy_data(text, position)
            start, calls, has_code = position + 1, 1.0, False
            position += 1
        elif char == "\\":
            end = _end_of_line(text, position)
            if has_code:  # \g, \gset and their like end the statement
                yield _piece(text, start, position, calls)
            yield Piece(text[position:end].strip(), text.count("\n", 0, position) + 1, 1.0)
            start, calls, has_code = end, 1.0, False
            position = end
        else:
            has_code = has_code or not char.isspace()
            position = _after_token(text, position)
    if has_code:
        yield _piece(text, start, len(text), calls)


def _after_token(text: str, position: int) -> int:
    """Return the end of a quoted thing or of one other character; an unclosed quote runs to the end of the text."""
    char = text[position]
    if char in "'\"":
        escapes = char == "'" and position > 0 and text[position - 1] in "eE" and not _in_word(text, position - 1)
        return _end_of_quote(text, position, char, escapes)
    if char == "$" and not (position and (text[position - 1].isalnum() or text[position - 1] == "_")):
        match = _DOLLAR.match(text, position)
        if match is not None:
            closing = text.find(match[0], match.end())
            return len(text) if closing < 0 else closing + len(match[0])
    return position + 1


def _in_word(text: str, position: int) -> bool:
    return position > 0 and (text[position - 1].isalnum() or text[position - 1] == "_")


def _end_of_quote(text: str, position: int, quote: str, escapes: bool) -> int:
    position += 1
    while position < len(text):
        if escapes and text[position] == "\\":
            position += 2
            continue
        if text[position] == quote:
            if not text.startswith(quote, position + 1):
                return position + 1
            position += 1
        position += 1
    return len(text)


def _end_of_comment(text: str, position: int) -> int:
    depth = 0
    while position < len(text):
        if text.startswith("/*", position):
            depth, position = depth + 1, position + 2
        elif text.startswith("*/", position):
            depth, position = depth - 1, position + 2
            if depth == 0:
                return position
        else:
            position += 1
    return len(text)


def _end_of_line(text: str, position: int) -> int:
    end = text.find("\n", position)
    return len(text) if end < 0 else end


def _end_of_copy_data(text: str, position: int) -> int:
    """Return where the data behind COPY … FROM stdin; ends: after its line with \\. alone."""
    match = re.compile(r"^\\\.$", re.MULTILINE).search(text, position)
    return len(text) if match is None else match.end()


def _piece(text: str, start: int, end: int, calls: float) -> Piece:
    raw = text[start:end]
    skipped = len(raw) - len(raw.lstrip())
    return Piece(raw.strip(), text.count("\n", 0, start + skipped) + 1, calls)
