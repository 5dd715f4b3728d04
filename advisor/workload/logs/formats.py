"""The three formats a server writes: stderr, csvlog, jsonlog; each gives the same records."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from advisor.workload.logs.lines import LONGEST_LINE, decoded
from advisor.workload.logs.prefix import choose_pattern
from advisor.workload.logs.records import Lines, Record

# Every record of a csvlog begins so; no line inside a statement does.
_CSV_START = re.compile(
    rb'^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} [^,"]{1,40},(?:"(?:[^"]|"")*")?,(?:"(?:[^"]|"")*")?,\d*,'
)
_CSV_FIELD = re.compile(r'(?:"([^"]*(?:""[^"]*)*)(?:"|$)|([^,]*))(?:,|$)')
_CSV_USER, _CSV_DATABASE, _CSV_PROCESS, _CSV_SEVERITY = 1, 2, 3, 11
_CSV_MESSAGE, _CSV_DETAIL, _CSV_STATEMENT, _CSV_APPLICATION = 13, 14, 19, 22
_JSON_MESSAGE = re.compile(rb'"message"\s*:')
_SUBORDINATE = frozenset(["DETAIL", "HINT", "CONTEXT", "STATEMENT", "QUERY", "LOCATION"])
# "Dauer: 0,123 ms  Anweisung: …": the message that counts, in another language.
_TRANSLATED = re.compile(r"(?:^|:  )(?!duration:)[^:\d]{2,24}: ?\d+[.,]\d+ \S{1,4}(?:$|[ ,])")


def records_of(head: Sequence[bytes], lines: Iterable[bytes], prefix: str | None, counts: Lines) -> Iterator[Record]:
    """Yield the records of a log whose first lines are `head` (they are part of `lines`), in the format found there."""
    if any(line.startswith(b"{") and _JSON_MESSAGE.search(line) for line in head):
        return _read_json(lines, counts)
    if any(_CSV_START.match(line) for line in head):
        return _read_csv(lines, counts)
    return _read_stderr(lines, choose_pattern(prefix, [decoded(line) for line in head]), counts)


def _read_json(lines: Iterable[bytes], counts: Lines) -> Iterator[Record]:
    for line in lines:
        counts.read += 1
        found = _decode_json(line)
        if found is None:
            counts.not_understood += bool(line.strip())
            continue
        message = _text(found, "message")
        severity = _text(found, "error_severity")
        if message is None or severity is None:
            counts.not_understood += 1
            continue
        counts.translated += _TRANSLATED.match(message) is not None
        yield Record(
            severity=severity,
            message=message,
            process=_text(found, "pid", "process_id"),
            user=_text(found, "user", "user_name"),
            database=_text(found, "dbname", "database_name"),
            application=_text(found, "application_name"),
            detail=_text(found, "detail"),
            statement=_text(found, "statement", "query"),
        )


def _decode_json(line: bytes) -> dict[str, Any] | None:
    try:
        found = msgspec.json.decode(line)
    except UnicodeDecodeError:
        # In JSON the backslash is itself escaped: an odd byte becomes the four characters \xe9, as elsewhere.
        return _decode_json("".join(_escaped(char) for char in line.decode("utf-8", "surrogateescape")).encode())
    except msgspec.DecodeError:
        return None
    if isinstance(found, dict) and isinstance(found.get("record"), dict):
        found = found["record"]  # CloudNativePG wraps the server's own fields
    return found if isinstance(found, dict) else None


def _escaped(char: str) -> str:
    return f"\\\\x{ord(char) - 0xDC00:02x}" if 0xDC80 <= ord(char) <= 0xDCFF else char


def _text(found: dict[str, Any], *names: str) -> str | None:
    value = next((found[name] for name in names if found.get(name) not in (None, "")), None)
    return None if value is None else str(value)


def _read_csv(lines: Iterable[bytes], counts: Lines) -> Iterator[Record]:
    parts: list[bytes] = []
    size = 0
    for line in lines:
        counts.read += 1
        if _CSV_START.match(line):
            if parts:
                yield from _csv_record(b"\n".join(parts), counts)
            parts, size = [line], len(line)
        elif parts and size < LONGEST_LINE:
            parts.append(line)
            size += len(line)
        elif not parts:
            counts.not_understood += 1  # the file begins inside a record
    if parts:
        yield from _csv_record(b"\n".join(parts), counts)


def _csv_record(raw: bytes, counts: Lines) -> Iterator[Record]:
    fields = [
        match[1].replace('""', '"') if match[1] is not None else match[2] for match in _CSV_FIELD.finditer(decoded(raw))
    ]
    if len(fields) <= _CSV_MESSAGE:
        counts.not_understood += 1
        return
    fields += [""] * (_CSV_APPLICATION + 1 - len(fields))
    message = fields[_CSV_MESSAGE]
    counts.translated += _TRANSLATED.match(message) is not None
    yield Record(
        severity=fields[_CSV_SEVERITY],
        message=message,
        process=fields[_CSV_PROCESS] or None,
        user=fields[_CSV_USER] or None,
        database=fields[_CSV_DATABASE] or None,
        application=fields[_CSV_APPLICATION] or None,
        detail=fields[_CSV_DETAIL] or None,
        statement=fields[_CSV_STATEMENT] or None,
    )


class _Growing:
    """A record of a stderr log while its lines arrive: they are joined once, at the end."""

    def __init__(self, record: Record, first: str) -> None:
        self.record = record
        self.parts: dict[str, list[str]] = {"LOG": [first]}
        self.open = "LOG"  # which part a continuation line belongs to
        self.size = len(first)

    def begin(self, part: str, text: str) -> None:
        self.open = part
        self.parts.setdefault(part, []).append(text)
        self.size += len(text)

    def go_on(self, text: str) -> None:
        if self.size < LONGEST_LINE:
            self.parts[self.open].append(text)
            self.size += len(text)

    def finished(self) -> Record:
        record = self.record
        record.message = "\n".join(self.parts["LOG"])
        record.detail = "\n".join(self.parts["DETAIL"]) if "DETAIL" in self.parts else None
        record.statement = "\n".join(self.parts["STATEMENT"]) if "STATEMENT" in self.parts else None
        return record


def _read_stderr(lines: Iterable[bytes], pattern: re.Pattern[str], counts: Lines) -> Iterator[Record]:
    """A message and its DETAIL are neighbours; continuation lines begin with a tab."""
    current: _Growing | None = None
    known = pattern.groupindex
    process_group = "process" if "process" in known else "session" if "session" in known else None
    for raw in lines:
        counts.read += 1
        line = decoded(raw)
        if line.startswith("\t"):
            if current is not None:
                current.go_on(line[1:])
            continue
        match = pattern.match(line)
        if match is None:
            if line.strip():
                counts.not_understood += 1
                counts.translated += _TRANSLATED.search(line) is not None
            continue
        severity, text = match["severity"], line[match.end() :]
        process = match[process_group] if process_group is not None else None
        if severity in _SUBORDINATE:
            if current is not None and current.record.process == process:
                current.begin(severity, text)
            continue
        if current is not None:
            yield current.finished()
        counts.translated += _TRANSLATED.match(text) is not None
        record = Record(severity=severity, message="", process=process)
        record.user = (match["user"] or None) if "user" in known else None
        record.database = (match["database"] or None) if "database" in known else None
        record.application = (match["application"] or None) if "application" in known else None
        current = _Growing(record, text)
    if current is not None:
        yield current.finished()
