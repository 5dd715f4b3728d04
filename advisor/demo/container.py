"""A throw-away database in a container: schema files loaded, workload files really run, then ready for a report."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from advisor.demo.application import Application, Shape
from advisor.demo.load import load_schema, run_workload
from advisor.errors import AdvisorError, UsageError
from advisor.progress import Progress
from advisor.workload.files import read_workload_file

# A statement file is a sample, not a load test: each statement runs at most this often.
_MOST_CALLS = 200
_START_TIMEOUT = 90.0


class ContainerFailed(AdvisorError):
    """The container could not be started or did not answer."""


def read_text_file(path: Path) -> str:
    """Return an SQL file's text. Raises UsageError."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 text.", "Convert it first, for example with iconv.") from error


@contextmanager
def open_container(image: str, schema: Sequence[Path], workload: Sequence[Path], progress: Progress) -> Iterator[str]:
    """Yield the DSN of a database in a new container of `image`; the container is removed afterwards.

    Raises ContainerFailed when Docker or the image cannot be had, UsageError for unreadable files.
    """
    scripts = [(path.name, read_text_file(path)) for path in schema]
    application = Application(name=image, schema=Path(image), statements=_shapes(workload))
    with _started(image, progress) as dsn:
        with psycopg.connect(dsn, autocommit=True) as connection:
            _create_statistics_extension(connection)
            for name, text in scripts:
                load_schema(connection, text, name, progress)
            connection.execute("analyze")
            run_workload(connection, application, progress)
        yield dsn


def _shapes(workload: Sequence[Path]) -> tuple[Shape, ...]:
    found: list[Shape] = []
    for path in workload:
        for number, text in enumerate(read_workload_file(path)):
            found.append(
                Shape(name=f"{path.name}:{number}", calls=int(min(max(text.calls, 1), _MOST_CALLS)), sql=text.query)
            )
    return tuple(found)


@contextmanager
def _started(image: str, progress: Progress) -> Iterator[str]:
    import docker.errors
    from testcontainers.core.config import testcontainers_config
    from testcontainers.postgres import PostgresContainer

    # The container is removed below, also after Ctrl-C; the reaper would be a second image to pull.
    testcontainers_config.ryuk_disabled = True
    try:
        container = PostgresContainer(image, username="pgadvise", password="pgadvise", dbname="app", driver=None)
        container.with_command("postgres -c shared_preload_libraries=pg_stat_statements -c fsync=off")
        with progress.step(f"Starting {image}"):
            container.start()
    except docker.errors.ImageNotFound as error:
        raise ContainerFailed(f"There is no image '{image}'.", "Pull or build it first.") from error
    except (docker.errors.DockerException, OSError, TimeoutError) as error:
        reason = str(error).splitlines()[0]
        raise ContainerFailed(f"The container could not be started: {reason}", "Is Docker running?") from error
    try:
        dsn = str(container.get_connection_url())
        _wait(dsn)
        yield dsn
    finally:
        container.stop()


def _wait(dsn: str) -> None:
    """Wait for two successful connections in a row: images restart the server once while they initialise."""
    deadline = time.monotonic() + _START_TIMEOUT
    answered = 0
    while answered < 2:
        try:
            psycopg.connect(dsn, connect_timeout=3).close()
            answered += 1
        except psycopg.OperationalError as error:
            answered = 0
            if time.monotonic() > deadline:
                raise ContainerFailed("PostgreSQL in the container does not answer.", "Look at its log.") from error
        time.sleep(0.3)


def _create_statistics_extension(connection: psycopg.Connection[Any]) -> None:
    try:
        connection.execute("create extension if not exists pg_stat_statements")
    except psycopg.errors.Error as error:
        raise ContainerFailed(
            f"pg_stat_statements cannot be created in the container: {error.diag.message_primary}.",
            "Use an image with PostgreSQL's contrib modules.",
        ) from error
