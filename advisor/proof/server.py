"""The session with the disposable server: refused unless it is named, and unless nobody else is at work there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from advisor import __version__
from advisor.dsn import choose_dsn
from advisor.errors import ConnectionFailed, UsageError

_OTHERS = """
select count(*) from pg_catalog.pg_stat_activity
where datname = pg_catalog.current_database() and pid <> pg_catalog.pg_backend_pid()
  and backend_type = 'client backend' and application_name not like 'pgadvise%'
"""
_HINT = "Give a copy that may be thrown away: a restored backup, a clone, a container."


@contextmanager
def open_disposable(dsn: str, examined: str | None, statement_seconds: float) -> Iterator[psycopg.Connection[Any]]:
    """Yield an autocommit session that may write. Raises UsageError where the server looks like one in use.

    `examined` is the connection string of the server the facts come from, if there is one: the proof must not run on
    it by mistake.
    """
    if not dsn.strip():
        raise UsageError("--disposable needs a connection string.", _HINT)
    conninfo = choose_dsn(dsn)
    try:
        connection = psycopg.connect(
            conninfo, autocommit=True, prepare_threshold=None, application_name=f"pgadvise-proof/{__version__}"
        )
    except psycopg.OperationalError as error:
        reason = str(error).strip().splitlines()[0]
        raise ConnectionFailed(f"The disposable server cannot be reached: {reason}") from error
    with connection:
        _refuse(connection, examined)
        connection.execute("select pg_catalog.set_config('statement_timeout', %s, false)", (f"{statement_seconds}s",))
        connection.execute("set lock_timeout = '5s'")
        connection.execute("set jit = off")
        yield connection


def _refuse(connection: psycopg.Connection[Any], examined: str | None) -> None:
    if _scalar(connection, "select pg_catalog.pg_is_in_recovery()"):
        raise UsageError("The server named by --disposable is a standby: no index can be built there.", _HINT)
    others = _scalar(connection, _OTHERS)
    if others:
        raise UsageError(
            f"{others} other session{'s are' if others != 1 else ' is'} connected to the database named by "
            "--disposable: it seems to be in use.",
            _HINT,
        )
    if examined is None:
        return
    with psycopg.connect(choose_dsn(examined), autocommit=True, application_name="pgadvise-proof") as source:
        source.read_only = True
        if _identity(source) == _identity(connection):
            raise UsageError("--disposable names the very database that --dsn examines.", _HINT)


def _identity(connection: psycopg.Connection[Any]) -> tuple[Any, ...]:
    """Return what tells one database of one running server from all others."""
    row = connection.execute(
        "select pg_catalog.pg_postmaster_start_time(), pg_catalog.current_database(),"
        " (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())"
    ).fetchone()
    assert row is not None
    return tuple(row)


def _scalar(connection: psycopg.Connection[Any], query: str) -> Any:
    row = connection.execute(query.encode()).fetchone()
    return None if row is None else row[0]
