"""Reports that are shown as text or as their own fields in JSON, and as nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from advisor.errors import UsageError

FORMATS = ("text", "json")
_Shown = TypeVar("_Shown")


def text_or_json(report: _Shown, format: str, lines: Callable[[_Shown], Sequence[str]]) -> str:
    """Return the report in `format`; `lines` makes its text. Raises UsageError for a format that does not exist."""
    if format == "json":
        data = {"schema_version": 1, **msgspec.to_builtins(report)}
        return msgspec.json.format(msgspec.json.encode(data), indent=2).decode() + "\n"
    if format != "text":
        raise UsageError(f"There is no format '{format}' here.", f"Choose one of: {', '.join(FORMATS)}.")
    return "\n".join(lines(report)) + "\n"
