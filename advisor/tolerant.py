"""Reads text that is not valid in its encoding: such bytes are shown as \\xNN instead of failing a whole result.

They occur in SQL_ASCII databases, in pg_stat_activity (other databases' sessions) and in damaged texts.
"""

from __future__ import annotations

from typing import Any

import msgspec
from psycopg.abc import Buffer
from psycopg.adapt import AdaptersMap, Loader

# 705 is "unknown"; 0 stands for every type psycopg has no loader for (enums, composites, aclitem): text too.
_TEXT_TYPES: tuple[str | int, ...] = ("text", "varchar", "bpchar", "name", '"char"', 705, 0)
_ENCODING = "utf-8"  # client_encoding is UTF8, or SQL_ASCII with any bytes


class TolerantTextLoader(Loader):
    """Text as str, whatever its bytes."""

    def load(self, data: Buffer) -> str:
        return str(data, _ENCODING, "backslashreplace")


class TolerantJsonLoader(Loader):
    """JSON as Python objects; odd bytes inside its strings become \\xNN there too."""

    def load(self, data: Buffer) -> Any:
        raw = bytes(data)
        try:
            return msgspec.json.decode(raw)
        except UnicodeDecodeError:
            # In JSON the backslash itself is escaped, so that \\xe9 arrives as the four characters \xe9.
            return msgspec.json.decode(_escape_odd_bytes(raw))


def _escape_odd_bytes(raw: bytes) -> str:
    text = raw.decode(_ENCODING, "surrogateescape")
    return "".join(f"\\\\x{ord(c) - 0xDC00:02x}" if 0xDC80 <= ord(c) <= 0xDCFF else c for c in text)


def install_tolerant_loaders(adapters: AdaptersMap) -> None:
    """Make `adapters` read every text and JSON type tolerantly."""
    for name in _TEXT_TYPES:
        adapters.register_loader(name, TolerantTextLoader)
    adapters.register_loader("json", TolerantJsonLoader)
    adapters.register_loader("jsonb", TolerantJsonLoader)
