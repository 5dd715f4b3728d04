"""From messages to executions: each statement that ran to its end is counted once, whatever reported it.

One execution can show as a text (log_statement), a plan (auto_explain) and a duration. Its plan comes before the
duration in the simple protocol and after it in the extended one. An error takes the text back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from advisor.workload.logs.messages import Parameters, Said, read_message
from advisor.workload.logs.records import Record
from advisor.workload.logs.scans import Scans

_ERRORS = frozenset(["ERROR", "FATAL", "PANIC"])
_OWN = "pgadvise"
# What is waiting for its end: processes, and plans of one process.
_MOST_PROCESSES = 10_000
_MOST_PLANS = 200
_EXPECTED_PLANS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """One statement that ran. `ms` is None where only its text was logged; `calls` is 0 for more rows of a cursor."""

    text: str
    user: str | None
    ms: float | None
    parameters: Parameters = field(default_factory=dict)
    cut: int = 0
    calls: float = 1.0


@dataclass(slots=True)
class Passed:
    """What was left out, by reason."""

    other_databases: int = 0
    own: int = 0
    failed: int = 0


@dataclass(slots=True)
class _Waiting:
    """What one process has said of its present statement."""

    said: Said | None = None  # a text without its duration
    user: str | None = None
    plans: list[tuple[Said, str | None]] = field(default_factory=list)
    counted: list[str] = field(default_factory=list)  # the last texts whose plan may still come

    def expect_plan(self, text: str) -> None:
        """Remember a text that was counted without its plan."""
        self.counted.append(text)
        del self.counted[:-_EXPECTED_PLANS]


class Executions:
    """Turns records into executions; `passed` counts the rest."""

    def __init__(self, database: str | None) -> None:
        self._database = database
        self._waiting: dict[str | None, _Waiting] = {}
        self.passed = Passed()
        self.scans = Scans()

    def take(self, record: Record) -> Iterator[Execution]:
        """Yield the executions that are certain now."""
        if record.severity in _ERRORS:
            yield from self._error(record)
            return
        said = read_message(record.message, record.detail) if record.severity == "LOG" else None
        if said is None or not self._wanted(record, said):
            return
        if record.process not in self._waiting and len(self._waiting) >= _MOST_PROCESSES:
            yield from self._end(self._waiting.pop(next(iter(self._waiting))))
        waiting = self._waiting.setdefault(record.process, _Waiting())
        if said.kind == "duration":
            if waiting.said is not None:
                yield _execution(waiting.said, waiting.user, said.ms)
                waiting.expect_plan(waiting.said.text)
                waiting.said = None
        elif said.kind == "fetch":
            if said.ms is not None:
                yield Execution(text=said.text, user=record.user, ms=said.ms, calls=0.0)
        elif said.kind == "plan":
            self.scans.take(said.plan)
            said = replace(said, plan="")  # it may wait for long
            yield from self._plan(said, record.user, waiting)
        elif said.ms is None:
            yield from self._end(waiting)
            waiting.said, waiting.user = said, record.user
        else:
            others = [item for item in waiting.plans if not _same(item[0].text, said.text)]
            if len(others) == len(waiting.plans):
                waiting.expect_plan(said.text)
            waiting.plans = others
            if waiting.said is not None and _same(waiting.said.text, said.text):
                waiting.said = None
            yield from self._end(waiting)
            yield _execution(said, record.user, said.ms)

    def rest(self) -> Iterator[Execution]:
        """Yield what was still waiting when the log ended."""
        for waiting in self._waiting.values():
            yield from self._end(waiting)

    def _wanted(self, record: Record, said: Said) -> bool:
        counted = said.kind in ("ran", "plan")
        if self._database is not None and record.database not in (None, self._database):
            self.passed.other_databases += counted
            return False
        if (record.application or "").startswith(_OWN):
            self.passed.own += counted
            return False
        return True

    def _plan(self, said: Said, user: str | None, waiting: _Waiting) -> Iterator[Execution]:
        if waiting.said is not None and _same(waiting.said.text, said.text):
            yield _execution(waiting.said, waiting.user, said.ms)
            waiting.said = None
            return
        known = next((text for text in waiting.counted if _same(text, said.text)), None)
        if known is not None:
            waiting.counted.remove(known)
            return
        waiting.plans.append((said, user))
        if len(waiting.plans) > _MOST_PLANS:
            first, by = waiting.plans.pop(0)
            yield _execution(first, by, first.ms)

    def _error(self, record: Record) -> Iterator[Execution]:
        waiting = self._waiting.get(record.process)
        if waiting is None:
            return
        said = waiting.said
        if said is not None and (
            _same(said.text, record.statement)
            if record.statement is not None
            # Without its text, only the process tells whose error it is.
            else record.process is not None
        ):
            self.passed.failed += 1
            waiting.said = None
        yield from self._end(waiting)

    def _end(self, waiting: _Waiting) -> Iterator[Execution]:
        """Yield what a process had said before it went on to something else."""
        for said, user in waiting.plans:
            yield _execution(said, user, said.ms)
        if waiting.said is not None:
            yield _execution(waiting.said, waiting.user, None)
        waiting.plans, waiting.said = [], None


def _execution(said: Said, user: str | None, ms: float | None) -> Execution:
    return Execution(text=said.text, user=user, ms=ms, parameters=said.parameters, cut=said.cut)


def _same(one: str, other: str | None) -> bool:
    return other is not None and one.strip().rstrip(";") == other.strip().rstrip(";")
