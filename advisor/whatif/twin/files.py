"""Gives the twin's empty relations production's sizes: sparse files, which take no disk.

The planner asks the file system how large a relation is; an all-zero page is a valid empty page.
"""

from __future__ import annotations

import base64
import os
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

import psycopg

from advisor.errors import TwinFailed

BLOCK = 8192
SEGMENT_BYTES = 1 << 30  # PostgreSQL splits a relation into files of 1 GiB


def segments(path: str, size: int) -> list[tuple[str, int]]:
    """Return the files of a relation of `size` bytes with their lengths; the last is always below 1 GiB.

    >>> segments("base/5/16384", 2 * SEGMENT_BYTES + 8192)
    [('base/5/16384', 1073741824), ('base/5/16384.1', 1073741824), ('base/5/16384.2', 8192)]
    """
    full, rest = divmod(size, SEGMENT_BYTES)
    lengths = [SEGMENT_BYTES] * full + [rest]
    return [(path if n == 0 else f"{path}.{n}", length) for n, length in enumerate(lengths)]


class Files(Protocol):
    """The twin's relation files; paths are relative to its data directory, as pg_relation_filepath() gives them."""

    def resize(self, sizes: Mapping[str, int]) -> None:
        """Make each relation `sizes[path]` bytes long; holes read as zero pages."""
        ...

    def write(self, pages: Iterable[tuple[str, int, bytes]]) -> None:
        """Write (path, byte offset, bytes)."""
        ...


class LocalFiles:
    """Files of a server on this machine, reachable for this process."""

    def __init__(self, data_directory: Path) -> None:
        self._root = data_directory

    def resize(self, sizes: Mapping[str, int]) -> None:
        for path, size in sizes.items():
            owner: os.stat_result | None = None
            for name, length in segments(path, size):
                file = self._root / name
                descriptor = os.open(file, os.O_WRONLY | os.O_CREAT, 0o600)
                try:
                    os.ftruncate(descriptor, length)
                    # Segments made here belong to the server's account, also when this process is root.
                    if owner is None:
                        owner = os.fstat(descriptor)
                    elif os.fstat(descriptor).st_uid != owner.st_uid:
                        os.fchown(descriptor, owner.st_uid, owner.st_gid)
                finally:
                    os.close(descriptor)
            self._empty_after(path, len(segments(path, size)))

    def _empty_after(self, path: str, number: int) -> None:
        """Empty the segments beyond the last; the server keeps such files too."""
        while (file := self._root / f"{path}.{number}").exists():
            os.truncate(file, 0)
            number += 1

    def write(self, pages: Iterable[tuple[str, int, bytes]]) -> None:
        for path, offset, data in pages:
            with (self._root / path).open("r+b") as file:
                file.seek(offset)
                file.write(data)


class RemoteFiles:
    """Files of a server elsewhere, changed by its own shell: COPY … TO PROGRAM, for superusers only."""

    # One shell per so many lines: an argument list or a statement of many megabytes is refused somewhere.
    _LINES = 5000

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def resize(self, sizes: Mapping[str, int]) -> None:
        lines = []
        for path, size in sizes.items():
            pieces = segments(path, size)
            lines += [f"truncate -s {length} {shlex.quote(name)}" for name, length in pieces]
            rest = f"{shlex.quote(path)}.{len(pieces)}"
            lines.append(
                f"n={len(pieces)}; while [ -e {shlex.quote(path)}.$n ]; do truncate -s 0 {shlex.quote(path)}.$n;"
                f" n=$((n+1)); done # {rest}"
            )
        self._run(lines)

    def write(self, pages: Iterable[tuple[str, int, bytes]]) -> None:
        self._run(
            [
                f"echo {base64.b64encode(data).decode()} | base64 -d |"
                f" dd of={shlex.quote(path)} bs=512 seek={offset // 512} conv=notrunc status=none"
                for path, offset, data in pages
            ]
        )

    def _run(self, lines: list[str]) -> None:
        try:
            for start in range(0, len(lines), self._LINES):
                part = lines[start : start + self._LINES]
                # COPY writes one row per line and doubles backslashes; none of these lines has one.
                self._connection.execute("create temp table if not exists pgadvise_script (n int, line text)")
                self._connection.execute("truncate pgadvise_script")
                with self._connection.cursor().copy("copy pgadvise_script from stdin") as copy:
                    for number, line in enumerate(part):
                        copy.write_row((number, line))
                self._connection.execute("copy (select line from pgadvise_script order by n) to program 'sh -e'")
        except psycopg.Error as error:
            reason = str(error).strip().splitlines()[0]
            raise TwinFailed(
                f"The twin's server cannot size its files: {reason}.",
                "The role needs to be a superuser, and the server's machine needs sh, truncate, dd and base64.",
            ) from error
