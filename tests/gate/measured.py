"""Runs a case on a real server with rows, and says what it did: locks, rewrites, scans, losses, refusals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pglast
import psycopg

_MODES = ("ShareUpdateExclusiveLock", "ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock")
_STRONG = _MODES[1:]
_NAMES = dict(zip(_MODES, ("SHARE UPDATE EXCLUSIVE", "SHARE", "SHARE ROW EXCLUSIVE", "EXCLUSIVE", "ACCESS EXCLUSIVE"),
                  strict=True))  # fmt: skip
_RELATIONS = """
select c.oid::int8, case when n.nspname = 'public' then '' else n.nspname || '.' end || c.relname, c.relkind::text,
  c.relfilenode::int8, i.indrelid::int8
from pg_class c join pg_namespace n on n.oid = c.relnamespace left join pg_index i on i.indexrelid = c.oid
where c.oid >= 16384 and n.nspname !~ '^(pg_|information_schema)' and c.relkind in ('r', 'p', 'm', 'i', 'I', 'v')
"""
_COLUMNS = """
select attrelid::int8, attnum, attname from pg_attribute a join pg_class c on c.oid = attrelid
where attrelid >= 16384 and attnum > 0 and not attisdropped and relkind in ('r', 'p')
"""
_READ = "select relid::int8, seq_tup_read::int8 from pg_stat_xact_user_tables"
_LOCKS = """
select relation::int8, mode from pg_locks where pid = %s and locktype = 'relation' and granted and mode = any (%s)
"""


class Watch:
    """A session that runs statements and a second one that looks at its locks; `facts` gathers what was seen."""

    def __init__(self, dsn: str, keep: bool) -> None:
        self.keep = keep
        self.session = psycopg.connect(dsn, autocommit=True)
        self.second = psycopg.connect(dsn, autocommit=True)
        self.start: dict[int, tuple[str, str, int, int | None]] = {
            oid: (name, kind, file, table) for oid, name, kind, file, table in self.second.execute(_RELATIONS)
        }
        self.columns = {(oid, number): name for oid, number, name in self.second.execute(_COLUMNS)}
        self.locks: dict[str, str] = {}
        self.facts: set[str] = set()

    def close(self) -> None:
        self.session.close()
        self.second.close()

    def run(self, text: str) -> list[str]:
        """Run a case; return the facts, sorted."""
        for part in pglast.split(text):
            self._statement(part)
        if self.session.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            self.session.rollback()
        self.facts |= {f"lock {name} {mode}" for name, mode in self.locks.items()}
        return sorted(self.facts) or ["nothing"]

    def _statement(self, text: str) -> None:
        if text.lower().split()[0] in ("begin", "start", "commit", "rollback", "savepoint"):
            self._execute(text)
            return
        inside = self.session.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS
        if not inside:
            self.session.execute("begin")
        before = self._read()
        state = self._execute(text)
        if state == "25001" and not inside:
            # VACUUM and CONCURRENTLY: no transaction, so the locks are gone when it has ended.
            self.facts.discard("error 25001")
            self.session.execute("rollback")
            self._execute(text)
            self._compare()
            return
        if state is None:
            self._held()
            self._scanned(before, self._read())
            self._compare()
        if not inside:
            self.session.execute("commit" if state is None and self.keep else "rollback")

    def _execute(self, text: str) -> str | None:
        try:
            self.session.execute(text.encode())
        except psycopg.Error as error:
            if error.sqlstate != "25P02":  # what follows an error in a transaction
                self.facts.add(f"error {error.sqlstate}")
            return error.sqlstate
        return None

    def _read(self) -> dict[int, int]:
        return dict(self.session.execute(_READ).fetchall())

    def _held(self) -> None:
        pid = self.session.info.backend_pid
        for oid, mode in self.second.execute(_LOCKS, (pid, list(_MODES))):
            if oid not in self.start or self.start[oid][1] in "iI":
                continue
            name, told = self.start[oid][0], _NAMES[mode]
            order = list(_NAMES.values())
            if name not in self.locks or order.index(self.locks[name]) < order.index(told):
                self.locks[name] = told

    def _scanned(self, before: dict[int, int], after: dict[int, int]) -> None:
        """Note tables read as a whole while something old is locked against writers."""
        pid = self.session.info.backend_pid
        held = {oid for oid, _ in self.second.execute(_LOCKS, (pid, list(_STRONG)))} & self.start.keys()
        for oid, read in after.items():
            if held and oid in self.start and read - before.get(oid, 0) >= 60:
                self.facts.add(f"scan {self.start[oid][0]}")

    def _compare(self) -> None:
        now = {row[0]: row[1:] for row in self.session.execute(_RELATIONS)}
        for oid, (name, kind, file, table) in self.start.items():
            if oid not in now:
                self.facts.add(f"gone {name}")
                continue
            new_name, _, new_file, _ = now[oid]
            if new_name != name:
                self.facts.add(f"renamed {name}")
            if file and new_file != file:
                if kind in "rm":
                    self.facts.add(f"rewrite {name}")
                elif table in now and table in self.start and now[table][2] == self.start[table][2]:
                    self.facts.add(f"rebuild {name}")
        columns = {(oid, number): name for oid, number, name in self.session.execute(_COLUMNS)}
        for (oid, number), name in self.columns.items():
            if oid in now and (oid, number) not in columns:
                self.facts.add(f"gone {self.start[oid][0]}.{name}")
            elif oid in now and columns[oid, number] != name:
                self.facts.add(f"renamed {self.start[oid][0]}.{name}")


def measure(dsn: str, text: str, keep: bool = True) -> list[str]:
    """Run a case in the database of `dsn` and return what it did to what was there; `keep` commits it."""
    watch = Watch(dsn, keep)
    try:
        return watch.run(text)
    finally:
        watch.close()


def parts(text: str) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield (head, SQL) of each case of a file: `-- case: bad, a name` and the comments that follow it."""
    for block in text.split("-- case: ")[1:]:
        first, *rest = block.splitlines()
        kind, _, name = first.partition(", ")
        head: dict[str, Any] = {"kind": kind, "name": name, "measured": {}}
        while rest and rest[0].startswith("-- "):
            key, _, value = rest.pop(0)[3:].partition(": ")
            if key.startswith("measured"):
                head["measured"][key[len("measured") :].strip()] = value.split("; ")
            else:
                head[key] = value
        yield head, "\n".join(rest).strip() + "\n"
