"""One message of the server, whatever the format of its log."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class Record:
    """One message with what belongs to it. None where the log does not say."""

    severity: str
    message: str
    process: str | None = None
    user: str | None = None
    database: str | None = None
    application: str | None = None
    detail: str | None = None
    statement: str | None = None  # what was running when an error was reported


@dataclass(slots=True)
class Lines:
    """What became of a log's lines."""

    read: int = 0
    not_understood: int = 0
    translated: int = 0  # they report a time, but in the words of another language
