"""A bound on the time of a whole run: what works then ends as by Ctrl-C, servers stop, queries are cancelled."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class OutOfTime(KeyboardInterrupt):
    """The time of the run is over. A KeyboardInterrupt, because everything that cleans up after one does so here."""


class Deadline:
    """The time that is left; `rang` once it was over."""

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds
        self.rang = False
        self._end = time.monotonic() + seconds if seconds is not None else None

    @property
    def left(self) -> float | None:
        """Seconds that are left, None without a limit."""
        return None if self._end is None else max(self._end - time.monotonic(), 0.0)

    def stop(self) -> None:
        """End the limit before its time."""
        if self.seconds is not None:
            signal.setitimer(signal.ITIMER_REAL, 0)


@contextmanager
def deadline(seconds: float | None) -> Iterator[Deadline]:
    """Raise OutOfTime once, `seconds` from now, in the code inside; None sets no limit. For the main thread."""
    limit = Deadline(seconds)
    if seconds is None:
        yield limit
        return

    def ring(_number: int, _frame: FrameType | None) -> None:
        limit.rang = True
        raise OutOfTime

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield limit
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
