"""Runs a migration file statement by statement in a private copy, and records what each statement did."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import pq

from advisor.gate.files import Part
from advisor.gate.script import Script
from advisor.model.migration import Step
from advisor.model.names import RelationName
from advisor.whatif.migration.database import LOCK_TIMEOUT, Copy
from advisor.whatif.migration.observe import Relation, read_locks, read_relations
from advisor.whatif.migration.session import LOST, Refused, execute, server_wide, time_limit

# Seconds for one statement and for one file, on tables without rows.
STATEMENT_SECONDS = 60.0
FILE_SECONDS = 300.0
_ROWS = 500  # statements sent at once
_ROLE = re.compile(r"(?:set\s+(?:local\s+|session\s+)?|reset\s+)(?:role|session\s+authorization)\b", re.IGNORECASE)
_CONTROL = frozenset({"begin", "commit", "rollback", "savepoint"})
# Kinds that leave every file and name as it is.
_NO_DDL = _CONTROL | {"set", "reset", "insert", "update", "delete", "merge", "copy"}
# "Cannot run inside a transaction block" and "invalid transaction termination".
_NOT_IN_TRANSACTION = frozenset({"25001", "2D000"})


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRun:
    """One statement as it ran. `measured` is False where locks and files could not be watched."""

    line: int
    sql: str
    actions: frozenset[str]
    measured: bool = False
    refused: Refused | None = None
    skipped: str | None = None
    locks: dict[RelationName, str] = field(default_factory=dict)  # held after it, strongest of each relation
    rewritten: tuple[RelationName, ...] = ()  # tables that existed before and have a new file
    rebuilt: tuple[RelationName, ...] = ()  # indexes with a new file on tables that kept theirs
    dropped: tuple[RelationName, ...] = ()  # indexes that existed before and are gone
    changed: frozenset[RelationName] = frozenset()  # tables that the above concerns
    waits_forever: bool = True  # lock_timeout was never set when it began


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRun:
    """One file as it ran."""

    path: str
    steps: tuple[StepRun, ...]
    left_open: bool = False
    stopped: str | None = None  # why the rest did not run


class Runner:
    """Runs files one after another in one copy. `known`: the relations before any of them."""

    def __init__(self, copy: Copy) -> None:
        self._copy = copy
        with copy.admin() as admin:
            self.known: dict[int, Relation] = read_relations(admin)
            self.now = self.known

    def run(self, path: str, script: Script, in_transaction: bool, parts: Sequence[Part] = ()) -> FileRun:
        """Run one file in a session of its own, its `parts` by themselves. Never raises for what the migration does."""
        waiting = list(parts)
        steps: list[StepRun] = []
        deadline = time.monotonic() + FILE_SECONDS
        stopped: str | None = None
        left_open = False
        with contextlib.closing(self._copy.session()) as session, self._copy.admin() as watcher:
            if in_transaction:
                execute(session, "begin")
            for batch in _batches(script.steps):
                if time.monotonic() > deadline:
                    stopped = f"the file did not end within {FILE_SECONDS:.0f} s"
                    break
                while waiting and waiting[0].line <= batch[0].line:
                    _next_part(session, waiting.pop(0))
                done = self._batch(session, watcher, batch)
                steps += done
                if done[-1].refused is not None and done[-1].refused.sqlstate == LOST:
                    stopped = f"the session ended at line {done[-1].line}"
                    break
            if stopped is None and session.info.transaction_status != pq.TransactionStatus.IDLE:
                left_open = not (in_transaction or parts)
                refused = execute(session, "commit")
                if refused is not None and script.steps:
                    steps.append(_record(script.steps[-1], refused=refused))
            self.now = read_relations(watcher)
        return FileRun(path=path, steps=tuple(steps), left_open=left_open, stopped=stopped)

    def _batch(
        self, session: psycopg.Connection[Any], watcher: psycopg.Connection[Any], batch: list[Step]
    ) -> list[StepRun]:
        """Run rows of the same data at once; one by one where they are refused, to see which it was."""
        if len(batch) > 1 and self._together(session, batch):
            return [_record(step) for step in batch]
        done: list[StepRun] = []
        for step in batch:
            done.append(self._step(session, watcher, step))
            if done[-1].refused is not None and done[-1].refused.sqlstate == LOST:
                break
        return done

    def _together(self, session: psycopg.Connection[Any], batch: list[Step]) -> bool:
        inside = session.info.transaction_status == pq.TransactionStatus.INTRANS
        if not inside and session.info.transaction_status != pq.TransactionStatus.IDLE:
            return False
        if inside:
            execute(session, "savepoint pgadvise_rows")
        with time_limit(STATEMENT_SECONDS, self._terminator(session)):
            refused = execute(session, "\n;\n".join(step.sql for step in batch))
        if inside:
            execute(session, f"{'release' if refused is None else 'rollback to'} savepoint pgadvise_rows")
        return refused is None

    def _terminator(self, session: psycopg.Connection[Any]) -> Callable[[], None]:
        pid = session.info.backend_pid

        def terminate() -> None:
            with contextlib.suppress(psycopg.Error), self._copy.admin() as admin:
                admin.execute("select pg_catalog.pg_terminate_backend(%s)", (pid,))

        return terminate

    def _step(self, session: psycopg.Connection[Any], watcher: psycopg.Connection[Any], step: Step) -> StepRun:
        if step.error is not None:
            return _record(step, skipped="it does not parse")
        if step.raw is not None:
            return _record(step, skipped="it has placeholders whose values are not known here")
        if _ROLE.match(step.sql):
            return _record(step)  # one role owns everything here; another would only lack privileges
        if server_wide(step):
            return _record(step, skipped="it concerns the server as a whole")
        with time_limit(STATEMENT_SECONDS, self._terminator(session)):
            return self._execute(session, watcher, step)

    def _execute(self, session: psycopg.Connection[Any], watcher: psycopg.Connection[Any], step: Step) -> StepRun:
        kinds = {action.kind for action in step.actions}
        inside = session.info.transaction_status == pq.TransactionStatus.INTRANS
        if kinds & _CONTROL or _is_set_transaction(step):
            refused = execute(session, step.sql)
            if kinds & {"rollback", "savepoint"} and session.info.transaction_status != pq.TransactionStatus.INERROR:
                self.now = read_relations(session)
            return _record(step, refused=refused)
        # Rows take no lock that blocks others, and large data files have many such statements.
        quiet = kinds <= _NO_DDL
        waits = not quiet and _waits_forever(session)
        if not inside and (quiet or "lock_table" in kinds):
            return _record(step, refused=execute(session, step.sql, step.data))
        execute(session, "savepoint pgadvise_step" if inside else "begin")
        refused = execute(session, step.sql, step.data)
        if refused is not None:
            execute(session, "rollback to savepoint pgadvise_step" if inside else "rollback")
            if not inside and refused.sqlstate in _NOT_IN_TRANSACTION:
                return self._outside(session, step)
            return _record(step, refused=refused, measured=True, waits_forever=waits)
        locks = {} if quiet else read_locks(watcher, session.info.backend_pid)
        before, after = self.now, self.now if quiet else read_relations(session)
        refused = execute(session, "release savepoint pgadvise_step" if inside else "commit")
        if refused is not None or quiet:
            return _record(step, refused=refused, waits_forever=waits)
        self.now = after
        return self._compared(step, before, after, locks, waits)

    def _outside(self, session: psycopg.Connection[Any], step: Step) -> StepRun:
        """Run what refuses to run in a transaction; its locks are gone when it has ended."""
        refused = execute(session, step.sql, step.data)
        before, self.now = self.now, read_relations(session)
        done = self._compared(step, before, self.now, {}, False)
        return _record(step, refused=refused, dropped=done.dropped, changed=done.changed)

    def _compared(
        self, step: Step, before: dict[int, Relation], after: dict[int, Relation], locks: dict[RelationName, str],
        waits: bool,
    ) -> StepRun:  # fmt: skip
        rewritten: dict[int, RelationName] = {}
        rebuilt: list[tuple[int, RelationName]] = []
        dropped: list[RelationName] = []
        changed = {name for name, mode in locks.items() if mode == "ACCESS EXCLUSIVE"}
        for oid, old in before.items():
            if oid not in self.known:
                continue
            new = after.get(oid)
            if new is None:
                if old.kind in "iI":
                    dropped.append(self.known[oid].name)
                    if old.table in before:
                        changed.add(before[old.table].name)
            elif new.file != old.file and old.file:
                if old.kind in "rm":
                    rewritten[oid] = old.name
                elif old.table is not None:
                    rebuilt.append((old.table, old.name))
        for oid, new in after.items():
            if oid not in before and new.kind in "iI" and new.table in self.known:
                changed.add(after[new.table].name if new.table in after else new.name)
        return _record(
            step,
            measured=True,
            locks=locks,
            rewritten=tuple(rewritten.values()),
            rebuilt=tuple(name for table, name in rebuilt if table not in rewritten),
            dropped=tuple(dropped),
            changed=frozenset(changed | set(rewritten.values())),
            waits_forever=waits,
        )


def _next_part(session: psycopg.Connection[Any], part: Part) -> None:
    """End the transaction of the part before, and begin this one's."""
    if session.info.transaction_status != pq.TransactionStatus.IDLE:
        execute(session, "commit")
    if part.in_transaction:
        execute(session, "begin")


def _batches(steps: Sequence[Step]) -> Iterator[list[Step]]:
    """Yield the statements, rows of the same data together: the script gives those one and the same actions."""
    batch: list[Step] = []
    for step in steps:
        alike = bool(batch) and bool(step.actions) and step.actions is batch[0].actions
        if batch and not (alike and len(batch) < _ROWS and step.raw is None and batch[0].raw is None):
            yield batch
            batch = []
        batch.append(step)
    if batch:
        yield batch


def _record(step: Step, **facts: Any) -> StepRun:
    return StepRun(line=step.line, sql=step.sql, actions=frozenset(a.kind for a in step.actions), **facts)


def _is_set_transaction(step: Step) -> bool:
    head = step.sql[:60].lower().split()
    return head[:2] == ["set", "transaction"] or head[:3] == ["set", "session", "characteristics"]


def _waits_forever(session: psycopg.Connection[Any]) -> bool:
    """Return whether lock_timeout is still the role's own, which stands for none."""
    result = session.pgconn.exec_(b"select pg_catalog.current_setting('lock_timeout')")
    value = result.get_value(0, 0) if result.ntuples else None
    return value is not None and value.decode() in (LOCK_TIMEOUT, "0")


def failures(runs: Sequence[FileRun]) -> int:
    """Return how many statements were refused."""
    return sum(step.refused is not None for run in runs for step in run.steps)
