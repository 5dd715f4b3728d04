"""A twin's server in a container, started with testcontainers and removed afterwards, also after Ctrl-C."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psycopg

from advisor.errors import TwinFailed
from advisor.whatif.twin.servers import TwinServer, remote_server

_PASSWORD = "pgadvise"
_START_SECONDS = 60


@contextlib.contextmanager
def container_server(image: str) -> Iterator[TwinServer]:
    """Yield the server of a PostgreSQL image. Raises TwinFailed when Docker or the image does not play along."""
    # Imported late: the Docker client costs a tenth of a second that no other twin needs.
    from docker.errors import DockerException
    from testcontainers.core.container import DockerContainer

    try:
        # The constructor asks the daemon for its version already.
        container: Any = DockerContainer(image)
        container.with_env("POSTGRES_PASSWORD", _PASSWORD)
        # 18 turns checksums on, and pages written from outside would be refused; older initdb has no such option.
        container.with_env("POSTGRES_INITDB_ARGS", "--no-sync" + _checksum_option(image))
        container.with_command(
            "postgres -c autovacuum=off -c fsync=off -c synchronous_commit=off -c full_page_writes=off"
            " -c track_counts=off -c max_locks_per_transaction=2048 -c checkpoint_timeout=1d -c jit=off"
        )
        container.with_exposed_ports(5432)
        container.start()
    except (DockerException, OSError) as error:
        raise TwinFailed(
            f"The container {image} for the planner twin did not start: {str(error).strip().splitlines()[0]}",
            "Is Docker running, and may this user use it?",
        ) from error
    try:
        host, port = container.get_container_host_ip(), container.get_exposed_port(5432)
        dsn = f"host={host} port={port} user=postgres password={_PASSWORD} dbname=postgres"
        _wait(dsn, image)
        with remote_server(dsn, origin=f"container {image}") as server:
            yield replace(server, origin=f"container {image}")
    finally:
        container.stop()


def _checksum_option(image: str) -> str:
    """Return initdb's option where the tag says 18 or later, or says nothing."""
    tag = image.rpartition(":")[2] if ":" in image.rpartition("/")[2] else "latest"
    digits = "".join(c for c in tag.partition("-")[0].partition(".")[0] if c.isdigit())
    return "" if digits and int(digits) < 18 else " --no-data-checksums"


def _wait(dsn: str, image: str) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            psycopg.connect(dsn, connect_timeout=2).close()
            # The image starts a first server for its own set-up, on a socket only; TCP means the real one.
            return
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline:
                raise TwinFailed(f"The server in {image} did not answer in {_START_SECONDS} s.") from error
            time.sleep(0.1)
