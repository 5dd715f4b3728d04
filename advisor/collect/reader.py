"""Runs collection queries so that one that fails costs only its own rows, and says what would be needed.

Every query runs in a savepoint of one read-only transaction. A refusal (privilege, lock timeout, statement
timeout, missing relation or column) becomes a `Gap`; a lost server ends the collection with ServerLost.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec
import psycopg
from psycopg.rows import dict_row

from advisor.errors import ServerLost
from advisor.model.snapshot import Gap
from advisor.resources import sql_text

T = TypeVar("T")


class Reader:
    """Reads rows as model objects from one session; collects gaps and timings on the way."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        self.major = connection.info.server_version // 10000
        self.gaps: list[Gap] = []
        self.timings: dict[str, float] = {}

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
        describe the gap that a failure leaves; the result is then empty.
        """
        found = self.dicts(
            sql_text(name, version or self.major), name=name, what=what, params=params, fix=fix, costs=costs
        )
        return tuple(msgspec.convert(row, record, strict=False) for row in found)

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
        started = time.perf_counter()
        try:
            with self.connection.transaction(), self.connection.cursor(row_factory=dict_row) as cursor:
                # `bytes` keeps the file's text as it is: it is ours, not built from input.
                cursor.execute(query.encode(), params)
                return cursor.fetchall()
        except psycopg.OperationalError as error:
            if self.connection.broken:
                raise ServerLost("The server closed the connection while it was being read.", "Try again.") from error
            self._gap(what, error, fix, costs)
        except psycopg.Error as error:
            if self.connection.broken:
                raise ServerLost("The server closed the connection while it was being read.", "Try again.") from error
            self._gap(what, error, fix, costs)
        finally:
            self.timings[name] = self.timings.get(name, 0.0) + time.perf_counter() - started
        return ()

    def _gap(self, what: str, error: psycopg.Error, fix: str | None, costs: str | None) -> None:
        message = (error.diag.message_primary or str(error)).strip().splitlines()[0]
        self.gaps.append(Gap(what=what, why=message, fix=fix, costs=costs))
