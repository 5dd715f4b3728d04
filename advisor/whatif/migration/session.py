"""Running one statement of a migration, and telling what the server refused."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import pq

from advisor.model.migration import Step
from advisor.whatif.session import error_of

# Statements on the server as a whole: in the private one there is nothing they could be about.
_SERVER_WIDE = (
    "create role", "create user", "create group", "alter role", "alter user", "alter group", "drop role", "drop user",
    "drop group", "create tablespace", "alter tablespace", "drop tablespace", "alter system", "create database",
    "alter database", "create extension", "alter extension", "drop extension", "comment on extension",
    "drop database", "create subscription", "alter subscription", "drop subscription", "create publication",
    "alter publication", "drop publication", "create event trigger", "alter event trigger", "drop event trigger",
    "create server", "create foreign data wrapper", "create user mapping", "alter server", "create foreign table",
    "import foreign schema", "checkpoint", "reassign owned", "drop owned", "alter default privileges",
    "comment on role", "comment on database", "security label", "load", "alter language", "comment on schema",
    "create language", "create or replace language", "create procedural language",
)  # fmt: skip
LOST = "08006"


@dataclass(frozen=True, slots=True)
class Refused:
    """What the server said instead of doing it."""

    sqlstate: str | None
    message: str
    detail: str = ""


_LOST = Refused(LOST, "the session ended")


def server_wide(step: Step) -> bool:
    """Return whether a statement concerns roles, extensions, other servers …: it is not run."""
    head = " ".join(step.sql[:80].lower().split())
    return head.startswith(_SERVER_WIDE)


def execute(connection: psycopg.Connection[Any], text: str, data: str | None = None) -> Refused | None:
    """Run one statement as a simple query; `data` are the lines of COPY … FROM STDIN. Return why it was refused."""
    pg = connection.pgconn
    if pg.status == pq.ConnStatus.BAD:
        return _LOST
    result = pg.exec_(text.encode("utf-8", "surrogateescape"))
    if result.status == pq.ExecStatus.COPY_IN:
        pg.put_copy_data((data or "").encode("utf-8", "surrogateescape"))
        pg.put_copy_end()
        result = _last(pg, result)
    elif result.status in (pq.ExecStatus.COPY_OUT, pq.ExecStatus.COPY_BOTH):
        while pg.get_copy_data(0)[0] > 0:
            continue
        result = _last(pg, result)
    if result.status in (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK, pq.ExecStatus.EMPTY_QUERY):
        return None
    if pg.status == pq.ConnStatus.BAD:
        return _LOST
    error = error_of(result)
    detail = result.error_field(pq.DiagnosticField.MESSAGE_DETAIL)
    return Refused(error.sqlstate, error.message, (detail or b"").decode("utf-8", "replace"))


def _last(pg: pq.abc.PGconn, result: pq.abc.PGresult) -> pq.abc.PGresult:
    """Return the final result of a COPY."""
    while (following := pg.get_result()) is not None:
        result = following
    return result


@contextmanager
def time_limit(seconds: float, terminate: Callable[[], None]) -> Iterator[None]:
    """Call `terminate` when the block takes longer: a migration may set its own statement_timeout, or catch it."""
    timer = threading.Timer(seconds, terminate)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
