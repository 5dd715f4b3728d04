"""What a person sees while waiting, and how results leave: bars on a terminal, files whole or not at all."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from advisor.errors import UsageError
from advisor.progress import Progress as ProgressPort
from advisor.progress import Silent, Step

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_ENDINGS = {
    ".json": "json",
    ".md": "markdown",
    ".markdown": "markdown",
    ".html": "html",
    ".htm": "html",
    ".txt": "text",
    ".sql": "sql",
    ".csv": "csv",
    ".sarif": "sarif",
    ".xml": "junit",
    ".prom": "prometheus",
}


class _BarStep:
    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def advance(self, amount: float = 1) -> None:
        self._progress.advance(self._task, amount)

    def set_total(self, total: float) -> None:
        self._progress.update(self._task, total=total)


class Bars:
    """Progress bars on standard error."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    @contextmanager
    def step(self, title: str, total: float | None = None) -> Iterator[Step]:
        task = self._progress.add_task(title, total=total)
        try:
            yield _BarStep(self._progress, task)
        finally:
            self._progress.remove_task(task)


@contextmanager
def show_progress(quiet: bool) -> Iterator[ProgressPort]:
    """Yield bars where standard error is a terminal, else silence."""
    if quiet or not sys.stderr.isatty():
        yield Silent()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield Bars(progress)


def wants_color(no_color: bool) -> bool:
    """Return whether standard output should be coloured."""
    return not no_color and not os.environ.get("NO_COLOR") and sys.stdout.isatty()


def terminal_width() -> int | None:
    """Return the terminal's width, or None in a pipe (renderers then use 80 columns)."""
    if not sys.stdout.isatty():
        return None
    from rich.console import Console

    return max(60, min(Console().width, 120))


def format_of(path: Path, formats: tuple[str, ...], chosen: str | None) -> str:
    """Return the format for an output file: the one chosen, else by its ending. Raises UsageError."""
    name = chosen or _ENDINGS.get(path.suffix.lower()) or "text"
    return check_format(name, formats)


def check_format(name: str, formats: tuple[str, ...]) -> str:
    """Return `name` when it is one of `formats`. Raises UsageError."""
    if name not in formats:
        raise UsageError(f"There is no format '{name}' here.", f"Choose one of: {', '.join(formats)}.")
    return name


def write_file(path: Path, text: str) -> None:
    """Write the file through a rename, so that a reader never sees half of it. Raises UsageError.

    What is there and no plain file (/dev/stdout, a named pipe, a symbolic link) is written to, never replaced.
    """
    from advisor.model.snapshot import stays_in_place

    temporary = path.with_name(f".{path.name}.tmp")
    try:
        if stays_in_place(path):
            path.write_text(text, encoding="utf-8")
            return
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):  # the same folder that refused the file refuses this
            temporary.unlink(missing_ok=True)
        raise UsageError(f"{path} cannot be written: {error.strerror}.") from error


def print_text(text: str) -> None:
    """Write a result to standard output, in whatever encoding the terminal or pipe has."""
    from advisor.render.clean import for_encoding

    sys.stdout.write(for_encoding(text, sys.stdout.encoding))
    sys.stdout.flush()


def note(text: str, quiet: bool = False) -> None:
    """Print a note for people on standard error."""
    if not quiet:
        sys.stderr.write(text + "\n")
