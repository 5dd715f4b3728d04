"""Progress of long work: a bar on a terminal, silence in a pipe."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Step(Protocol):
    """One running step; `advance` moves it on, `total` may become known late."""

    def advance(self, amount: float = 1) -> None: ...

    def set_total(self, total: float) -> None: ...


class Progress(Protocol):
    """What every stage reports to. The command line decides whether anybody sees it."""

    @contextmanager
    def step(self, title: str, total: float | None = None) -> Iterator[Step]:
        """A context for one step; leaving it marks the step done."""
        ...


class _SilentStep:
    def advance(self, amount: float = 1) -> None:
        """Nothing to show."""

    def set_total(self, total: float) -> None:
        """Nothing to show."""


class Silent:
    """Progress for pipes, cron and tests."""

    @contextmanager
    def step(self, title: str, total: float | None = None) -> Iterator[Step]:
        yield _SilentStep()
