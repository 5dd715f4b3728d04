"""Opens a log file, compressed or not, and gives its lines within a bounded memory."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from advisor.errors import UsageError

# A longer line is cut: no statement as long as this can be analysed anyway.
LONGEST_LINE = 1 << 20
_HEAD = 1 << 16
_GZIP = b"\x1f\x8b"
_WIDE = (b"\xff\xfe", b"\xfe\xff")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# PostgreSQL never writes these; compressed and other binary files are full of them.
_NEVER_IN_TEXT = bytes(set(range(32)) - set(b"\t\n\r\f\v\b\x1b"))
_MOST_ODD_BYTES = 0.01
_NEARLY_ALL = 0.9


@contextmanager
def open_lines(path: Path) -> Iterator[Iterator[bytes]]:
    """A context with the lines of a log without their line ends. Raises UsageError where it is no text to read."""
    try:
        with path.open("rb") as file, _decompressed(file) as stream:
            head = stream.peek(_HEAD)[:_HEAD]
            _check_text(head, path)
            if head.startswith(_BYTE_ORDER_MARK):
                stream.read(len(_BYTE_ORDER_MARK))
            # Windows ends every line so; elsewhere it belongs to a statement's own text.
            windows = head.count(b"\r\n") > _NEARLY_ALL * head.count(b"\n")
            yield _lines(stream, b"\r\n" if windows else b"\n")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UsageError(f"{path} is damaged: it cannot be decompressed to its end.", "Copy it again.") from error
    except OSError as error:
        raise UsageError(f"The log {path} cannot be read: {error.strerror or error}.") from error


@contextmanager
def _decompressed(file: io.BufferedReader) -> Iterator[io.BufferedReader | gzip.GzipFile]:
    if not file.peek(2).startswith(_GZIP):
        yield file
        return
    with gzip.GzipFile(fileobj=file) as stream:
        yield stream


def _check_text(head: bytes, path: Path) -> None:
    if head.startswith(_WIDE):
        raise UsageError(f"{path} is UTF-16, not a log as PostgreSQL writes it.", "Save it as UTF-8.")
    odd = len(head) - len(head.translate(None, _NEVER_IN_TEXT))
    if odd > _MOST_ODD_BYTES * len(head):
        raise UsageError(
            f"{path} is a binary file, not a log of PostgreSQL.",
            "Give a file of log_directory: stderr, csvlog or jsonlog, plain or .gz.",
        )


def _lines(stream: io.BufferedReader | gzip.GzipFile, end: bytes) -> Iterator[bytes]:
    while line := stream.readline(LONGEST_LINE):
        if not line.endswith(b"\n") and len(line) == LONGEST_LINE:
            while (rest := stream.readline(LONGEST_LINE)) and not rest.endswith(b"\n"):
                pass
        yield line.removesuffix(end).removesuffix(b"\n")


def decoded(raw: bytes) -> str:
    """Return the text of a line; bytes that are not UTF-8 (databases in other encodings) show as \\xNN."""
    return raw.decode("utf-8", "backslashreplace").replace("\0", "\\x00")
