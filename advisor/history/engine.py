"""Opens the history's database: SQLite by default, PostgreSQL by DSN; migrated, locked, checked for damage."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from filelock import FileLock, Timeout

from advisor.dsn import choose_dsn, redact_dsn
from advisor.errors import AdvisorError, HistoryFailed
from advisor.history.schema import POSTGRES_SCHEMA

_KEYWORD = re.compile(r"\s*[a-z_]+\s*=")  # a conninfo begins with one; a file of such a name is written ./name=x
HEAD = "0001"
# How long a run waits for another one that writes; a run's transaction takes far less than a second.
BUSY_SECONDS = 60
# A damaged page is looked for on opening up to this size (quick_check reads the whole file, about 0.5 s per GB).
_CHECKED_BYTES = 1 << 30
_MIGRATION_LOCK = 0x70676164  # "pgad": serialises first runs on PostgreSQL


def is_dsn(place: str) -> bool:
    """Whether `place` names a PostgreSQL database rather than a file.

    >>> is_dsn("postgresql://team@db/history"), is_dsn("host=db dbname=history"), is_dsn("/var/lib/history.sqlite")
    (True, True, False)
    """
    return "://" in place or _KEYWORD.match(place) is not None


def shown(place: str) -> str:
    """Return the place without a password."""
    return redact_dsn(place) if is_dsn(place) else place


def open_postgres(dsn: str) -> sa.Engine:
    """Return an engine on a PostgreSQL database, its tables made or brought up to date."""
    import psycopg

    conninfo = choose_dsn(dsn)

    def connect() -> Any:
        # The password stays inside this closure: SQLAlchemy never sees a URL with it.
        return psycopg.connect(conninfo, connect_timeout=10, application_name="pgadvise history")

    engine = sa.create_engine("postgresql+psycopg://", creator=connect, poolclass=sa.NullPool)
    engine = engine.execution_options(schema_translate_map={None: POSTGRES_SCHEMA})
    try:
        with engine.begin() as connection:
            if _version(connection, POSTGRES_SCHEMA) == HEAD:
                return engine
            connection.execute(sa.text("select pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
            known = connection.execute(
                sa.text("select 1 from pg_catalog.pg_namespace where nspname = :name"), {"name": POSTGRES_SCHEMA}
            ).first()
            if known is None:
                connection.execute(sa.schema.CreateSchema(POSTGRES_SCHEMA))
            _migrate(connection, POSTGRES_SCHEMA)
    except sa.exc.DBAPIError as error:
        raise failure(error, shown(dsn)) from error
    return engine


def open_sqlite(path: Path, tell: Any = None) -> sa.Engine:
    """Return an engine on a file, made or brought up to date; one that is damaged is kept aside first.

    `tell` gets a sentence about a damaged file. Raises HistoryFailed.
    """
    path = path.expanduser()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.is_dir():
            raise HistoryFailed(f"The history {path} is a folder.", "Name a file.")
        with FileLock(f"{path}.lock", timeout=BUSY_SECONDS, mode=0o600):
            problem = _damage(path)
            if problem is not None:
                aside = _put_aside(path)
                if tell is not None:
                    tell(
                        f"The history {path} was damaged ({problem}). It is kept as {aside.name}, and a new one begins."
                    )
            if not path.exists():
                # Texts of statements are in it: for the owner only. SQLite gives its journal the same mode.
                os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            engine = _sqlite_engine(path)
            with engine.connect() as connection, connection.begin():
                current = _version(connection, None) == HEAD
            if not current:  # what needs no writing can be read from a full disk too
                with engine.connect().execution_options(immediate=True) as connection, connection.begin():
                    _migrate(connection, None)
    except Timeout as error:
        raise HistoryFailed(
            f"Another process has held the history {path} for {BUSY_SECONDS} s.", "Try again later."
        ) from error
    except OSError as error:
        raise HistoryFailed(f"The history {path} cannot be opened: {error.strerror}.") from error
    except sa.exc.DBAPIError as error:
        raise failure(error, str(path)) from error
    return engine


def _sqlite_engine(path: Path) -> sa.Engine:
    def connect() -> sqlite3.Connection:
        # isolation_level None: transactions begin where the code below says, not where sqlite3 guesses.
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        connection.execute("pragma auto_vacuum = incremental")  # has an effect on an empty file only
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = full")
        connection.execute("pragma foreign_keys = on")
        return connection

    engine = sa.create_engine("sqlite+pysqlite://", creator=connect, poolclass=sa.NullPool)

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        # A writer locks at once: two that first read and then write would both fail at the upgrade of the lock.
        immediate = connection.get_execution_options().get("immediate")
        connection.exec_driver_sql("begin immediate" if immediate else "begin")

    return engine


def _damage(path: Path) -> str | None:
    """Return what is wrong with a file that is there, None when it is sound or not there."""
    if not path.exists() or path.stat().st_size == 0:
        return None
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS)
    try:
        tables = {row[0] for row in connection.execute("select name from sqlite_master where type = 'table'")}
        if path.stat().st_size <= _CHECKED_BYTES:
            verdict = connection.execute("pragma quick_check(1)").fetchone()[0]
            if verdict != "ok":
                return str(verdict).splitlines()[-1]
    except sqlite3.OperationalError as error:
        if _code(error) == sqlite3.SQLITE_CORRUPT:
            return str(error)
        raise HistoryFailed(f"The history {path} cannot be read: {error}.", "Is its disk full?") from error
    except sqlite3.DatabaseError as error:
        return str(error)
    finally:
        connection.close()
    if tables and "alembic_version" not in tables:
        raise HistoryFailed(f"{path} is an SQLite database of something else.", "Name another file with --history.")
    return None


def _code(error: sqlite3.Error) -> int | None:
    # Extended codes carry the primary one in their low byte.
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def _put_aside(path: Path) -> Path:
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    aside = path.with_name(f"{path.name}.damaged-{stamp}")
    path.replace(aside)
    for suffix in ("-wal", "-shm"):
        journal = path.with_name(path.name + suffix)
        if journal.exists():
            journal.replace(aside.with_name(aside.name + suffix))
    return aside


def _version(connection: sa.Connection, schema: str | None) -> str | None:
    """Return the revision of the tables; None where there are none. Cheaper than to load Alembic."""
    if not sa.inspect(connection).has_table("alembic_version", schema=schema):
        return None
    table = sa.table("alembic_version", sa.column("version_num"), schema=schema)
    version: str | None = connection.execute(sa.select(table.c.version_num)).scalar()
    return version


def _migrate(connection: sa.Connection, schema: str | None) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    config.attributes["schema"] = schema
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise HistoryFailed("The history was made by a newer pgadvise.", "Update pgadvise.") from error


def failure(error: sa.exc.DBAPIError, place: str) -> HistoryFailed:
    """Return one sentence for what the database said; never with a connection string in it."""
    cause = error.orig
    if isinstance(cause, sqlite3.Error):
        code = _code(cause)
        if code == sqlite3.SQLITE_FULL:
            return HistoryFailed(
                f"The disk of the history {place} is full: this run is not kept, earlier ones are.",
                "Make room, or prune: pgadvise history prune --keep 90d",
            )
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return HistoryFailed(f"Another process has held the history {place} for {BUSY_SECONDS} s.", "Try again.")
        if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
            return HistoryFailed(f"The history {place} cannot be written: {cause}.", "Check its owner and folder.")
        if code == sqlite3.SQLITE_IOERR:
            return HistoryFailed(
                f"The history {place} cannot be written: {cause}. This run is not kept, earlier ones are.",
                "Is the disk full?",
            )
    reason = (str(cause).strip().splitlines() or ["no reason given"])[0]
    return HistoryFailed(f"The history {place} failed: {reason}.")


@contextmanager
def guarded(place: str) -> Iterator[None]:
    """Turn what the database says into one sentence."""
    try:
        yield
    except AdvisorError:
        raise
    except sa.exc.DBAPIError as error:
        raise failure(error, place) from error
