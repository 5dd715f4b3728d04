"""A bounded pool of worker processes: one that dies, hangs or is killed costs its own job and no other.

Jobs and results go through a pipe per worker; nothing is queued in a worker, so the memory of the parent does not
grow with the number of jobs. A worker is replaced after a number of jobs, which bounds its own.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import FrameType
from typing import Any

_JOBS_PER_WORKER = 25
_SECONDS_TO_END = 20.0  # what a worker may take to stop its servers


@dataclass(frozen=True, slots=True)
class Lost:
    """A job without a result, and why."""

    why: str


@dataclass
class _Worker:
    process: BaseProcess
    connection: Connection
    job: Any = None
    busy: bool = False
    done: int = 0


def default_workers() -> int:
    """Return the processors this process may use: a twin keeps one busy."""
    affinity = getattr(os, "sched_getaffinity", None)
    return max(len(affinity(0)) if affinity is not None else os.cpu_count() or 1, 1)


class Pool:
    """Runs `work(job)` for jobs in up to `workers` processes. Use as a context; leaving it ends every worker."""

    def __init__(self, work: Callable[[Any], Any], workers: int, preload: str) -> None:
        self._work = work
        self._size = workers
        # Workers start from a server that has loaded the program once: they share its memory and begin at once.
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([preload])
        self._idle: list[_Worker] = []
        self._busy: list[_Worker] = []

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        self._end([*self._busy, *self._idle])
        self._busy, self._idle = [], []

    def run(
        self, jobs: Iterable[Any], left: Callable[[], float | None] = lambda: None
    ) -> Iterator[tuple[Any, Any | Lost, Callable[[Any], None]]]:
        """Yield (job, result, add) as results come; `add` puts a further job in front of those that wait.

        `left` says how many seconds remain: at 0 the workers are ended, and what is unfinished is Lost.
        """
        source = iter(jobs)
        extra: deque[Any] = deque()
        more = True
        while True:
            while more and len(self._busy) < self._size:
                job = extra.popleft() if extra else next(source, None)
                if job is None:
                    more = False
                    break
                self._give(job)
            if not self._busy:
                return
            seconds = left()
            ready = wait([worker.connection for worker in self._busy], timeout=seconds)
            if not ready and seconds is not None and (left() or 0) <= 0:
                yield from self._cut_short(source, extra)
                return
            for worker in [worker for worker in self._busy if worker.connection in ready]:
                job, result = self._take(worker)
                yield job, result, extra.append
                more = True

    def _give(self, job: Any) -> None:
        worker = self._idle.pop() if self._idle else self._start()
        worker.job, worker.busy = job, True
        self._busy.append(worker)
        try:
            worker.connection.send(job)
        except (BrokenPipeError, ConnectionResetError):
            return  # it died while it was idle; reading from it says so

    def _take(self, worker: _Worker) -> tuple[Any, Any]:
        self._busy.remove(worker)
        try:
            result = worker.connection.recv()
        except (EOFError, ConnectionResetError):
            worker.process.join(_SECONDS_TO_END)
            return worker.job, Lost(_death(worker.process.exitcode))
        job, worker.job, worker.busy = worker.job, None, False
        worker.done += 1
        if worker.done >= _JOBS_PER_WORKER:
            self._end([worker])
        else:
            self._idle.append(worker)
        return job, result

    def _start(self) -> _Worker:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_serve, args=(theirs, self._work), daemon=False)
        process.start()
        theirs.close()
        return _Worker(process, ours)

    def _cut_short(self, source: Iterator[Any], extra: deque[Any]) -> Iterator[tuple[Any, Lost, Callable[[Any], None]]]:
        unfinished = [worker.job for worker in self._busy]
        self._end([*self._busy, *self._idle])
        self._busy, self._idle = [], []
        for job in unfinished:
            yield job, Lost("The time of the run was over while it was being looked at."), extra.append
        for job in (*extra, *source):
            yield job, Lost("The time of the run was over before it was looked at."), extra.append

    def _end(self, workers: list[_Worker]) -> None:
        for worker in workers:
            worker.connection.close()  # an idle one ends by itself
            if worker.busy and worker.process.is_alive():
                worker.process.terminate()
        end = time.monotonic() + _SECONDS_TO_END
        for worker in workers:
            worker.process.join(max(end - time.monotonic(), 0.1))
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()


def _death(code: int | None) -> str:
    if code is not None and code < 0:
        name = signal.Signals(-code).name if -code in {s.value for s in signal.Signals} else str(-code)
        more = " (out of memory?)" if name == "SIGKILL" else ""
        return f"The worker that looked at it was ended by {name}{more}."
    return f"The worker that looked at it ended without a word (exit code {code})."


def _serve(connection: Connection, work: Callable[[Any], Any]) -> None:
    """The life of a worker. SIGTERM ends it in order; Ctrl-C is the parent's, who then ends its workers."""

    def end(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise KeyboardInterrupt

    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, end)
        while True:
            connection.send(work(connection.recv()))
    except (EOFError, BrokenPipeError, ConnectionResetError, KeyboardInterrupt):
        return
    finally:
        # It is ending already: a SIGTERM that comes now has nothing left to interrupt.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
