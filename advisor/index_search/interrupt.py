"""Ctrl-C ends a search, not the report: the best set found by then is the answer. Pressed again, it ends everything."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType


@dataclass(slots=True)
class Stop:
    """Whether somebody asked the search to end."""

    asked: bool = False


@contextlib.contextmanager
def stopped_by_interrupt() -> Iterator[Stop]:
    """Yield what says that SIGINT came; the second one is an ordinary KeyboardInterrupt.

    Outside the main thread, and where somebody else handles SIGINT, nothing changes.
    """
    stop = Stop()
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before is not signal.default_int_handler:
        yield stop
        return

    def asked(number: int, frame: FrameType | None) -> None:
        if stop.asked:
            signal.default_int_handler(number, frame)
        stop.asked = True

    signal.signal(signal.SIGINT, asked)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)
