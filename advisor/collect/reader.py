"""Runs collection queries so that one that fails costs only its own rows, and says what would be needed.

Every query runs in a savepoint, or in a transaction of its own when none is open. A refusal (privilege, lock
timeout, statement timeout, missing relation or column) becomes a `Gap`; a lost server ends the collection with
ServerLost.

Functions that look into a relation (pg_relation_size, pg_get_expr of a default, pg_get_viewdef, pg_get_indexdef,
pg_get_partkeydef, pg_get_constraintdef of a check; measured on 13 to 18) wait for a relation that somebody holds
exclusively. A query that calls one leaves out the relations in `%(locked)s`, an oid[] that the reader fills in.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from types import GenericAlias
from typing import Any, TypeVar, cast

import msgspec
import psycopg
from psycopg.errors import LockNotAvailable
from psycopg.rows import dict_row

from advisor.errors import ServerLost
from advisor.model.snapshot import Gap
from advisor.resources import sql_text

T = TypeVar("T")

# Marks our own statements in pg_stat_statements: after the first keyword, as PostgreSQL 18 drops comments before it.
OWN_MARK = "/* pgadvise */"
_FIRST_KEYWORD = re.compile(
    rb"\A((?:\s+|--[^\n]*\n|/\*.*?\*/)*)(select|with|table|values)\b", re.IGNORECASE | re.DOTALL
)
_LOCK_ATTEMPTS = 3

# "cache lookup failed": catalog functions see drops that the transaction's snapshot does not.
_VANISHED = "XX000"

# Why the server refused, in plain words, by SQLSTATE; others keep the server's own message.
_WHY = {
    "55P03": "another session holds a lock, and pgadvise does not wait for locks",
    "57014": "it took longer than the statement timeout",
    "40001": "the standby had to cancel it to apply changes from the primary",
}


class Reader:
    """Reads rows as model objects from one session; collects gaps and timings on the way."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        self.major = connection.info.server_version // 10000
        self.role = connection.info.user  # a pooler may log in as another; `collect_server` corrects it
        self.gaps: list[Gap] = []
        self.timings: dict[str, float] = {}
        self.locked: list[int] = []  # oids of relations held or wanted exclusively, when last looked at
        self._looked = False
        self.disturbed = False  # an object vanished between two looks at it: reading again from the start helps

    def rows(
        self,
        name: str,
        record: type[T],
        *,
        what: str,
        params: Mapping[str, Any] | None = None,
        version: int | None = None,
        fix: str | None = None,
        costs: str | None = None,
    ) -> tuple[T, ...]:
        """Return the rows of sql/<name>.sql (the variant for `version`, default the server's major) as `record`s.

        Column aliases are field names; a row type column or JSON fits nested dataclasses. `what`, `fix` and `costs`
        describe the gap that a failure leaves; the result is then empty. A single row that does not fit costs itself.
        """
        found = self.dicts(
            sql_text(name, version or self.major), name=name, what=what, params=params, fix=fix, costs=costs
        )
        started = time.perf_counter()
        converted = self.convert(found, record, what=what, costs=costs)
        self.timings[name] += time.perf_counter() - started
        return converted

    def convert(
        self, found: Sequence[Mapping[str, Any]], record: type[T], *, what: str, costs: str | None = None
    ) -> tuple[T, ...]:
        """Return dictionaries as `record`s; those that do not fit are left out with one gap."""
        try:
            return cast(tuple[T, ...], msgspec.convert(found, GenericAlias(tuple, (record, ...)), strict=False))
        except msgspec.ValidationError as error:
            fitting, reason = [], str(error)
            for row in found:
                try:
                    fitting.append(msgspec.convert(row, record, strict=False))
                except msgspec.ValidationError as single:
                    reason = str(single)
            lost = len(found) - len(fitting)
            self.gaps.append(Gap(what=what, why=f"{lost} rows have an unexpected form: {reason}", costs=costs))
            return tuple(fitting)

    def dicts(
        self,
        query: str,
        *,
        name: str,
        what: str,
        params: Mapping[str, Any] | None = None,
        fix: str | None = None,
        costs: str | None = None,
    ) -> Sequence[dict[str, Any]]:
        """Return the rows of `query` as dictionaries; empty, with a gap recorded, when the server refuses."""
        answer = self.attempt(query, name=name, params=params)
        if isinstance(answer, psycopg.Error):
            self.gaps.append(Gap(what=what, why=why(answer), fix=fix, costs=costs))
            return ()
        return answer

    def attempt(
        self, query: str, *, name: str, params: Mapping[str, Any] | None = None
    ) -> Sequence[dict[str, Any]] | psycopg.Error:
        """Return the rows of `query`, or the server's refusal, for callers that know another way.

        Raises ServerLost. A query with `%(locked)s` is tried again when a relation was locked meanwhile.
        """
        started = time.perf_counter()
        try:
            if "%(locked)s" not in query:
                return self._run(query, params)
            for attempt in range(_LOCK_ATTEMPTS):
                if attempt or not self._looked:
                    self.look_for_locks()
                answer = self._run(query, {**(params or {}), "locked": self.locked})
                if not isinstance(answer, LockNotAvailable):
                    break
            return answer
        finally:
            self.timings[name] = self.timings.get(name, 0.0) + time.perf_counter() - started

    def look_for_locks(self) -> None:
        """Read which relations are held, or waited for, in ACCESS EXCLUSIVE mode now."""
        self._looked = True
        answer = self._run(sql_text("exclusive_locks", self.major), None)
        self.locked = [] if isinstance(answer, psycopg.Error) else [row["oid"] for row in answer]

    def _run(self, query: str, params: Mapping[str, Any] | None) -> Sequence[dict[str, Any]] | psycopg.Error:
        try:
            with self.connection.transaction(), self.connection.cursor(row_factory=dict_row) as cursor:
                # `bytes` keeps the file's text as it is: it is ours, not built from input.
                cursor.execute(marked(query), params)
                return cursor.fetchall()
        except psycopg.Error as error:
            self.disturbed |= error.sqlstate == _VANISHED
            if self.connection.closed:
                raise ServerLost("The server closed the connection while it was being read.", "Try again.") from error
            return error


def marked(query: str) -> bytes:
    """Return the query with our mark after its first keyword."""
    return _FIRST_KEYWORD.sub(rb"\1\2 " + OWN_MARK.encode(), query.encode(), count=1)


def why(error: psycopg.Error) -> str:
    """Return the reason of a refusal in one line."""
    known = _WHY.get(error.sqlstate or "")
    message = (error.diag.message_primary or str(error) or type(error).__name__).strip().splitlines()[0]
    return f"{known} ({message})" if known else message
