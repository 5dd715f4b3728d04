"""Clusters under a manager, imitated with real servers: what Patroni and CloudNativePG leave visible is recognised."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from advisor.cluster import Cluster, start_cluster
from advisor.collect import collect
from advisor.connect import open_connection
from advisor.settings import SettingsOptions, advise_settings
from tests.conftest import binaries_for, missing

pytestmark = pytest.mark.server

OPTIONS = SettingsOptions(ram_bytes=8 << 30, cores=4, storage="ssd")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    binaries = binaries_for(16)
    if binaries is None:
        missing("PostgreSQL 16")
        raise AssertionError("not reached")
    with start_cluster(binaries) as running:
        yield running


@contextmanager
def started_with(cluster: Cluster, *flags: str) -> Iterator[None]:
    """Run the cluster's server with settings on its command line, as a manager starts it."""
    cluster.stop()
    options = [item for flag in ("listen_addresses=", *flags) for item in ("-c", flag)]
    command = [cluster.binaries.bindir / "postgres", "-D", cluster.data_directory, "-k", cluster.directory, *options]
    with cluster.log.open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, **cluster._run_as())  # type: ignore[call-overload]
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                psycopg.connect(cluster.dsn(), connect_timeout=2).close()
                break
            except psycopg.OperationalError:
                assert process.poll() is None and time.monotonic() < deadline, cluster.log.read_text()
                time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(30)
        cluster.start()


def test_patroni(cluster: Cluster) -> None:
    flags = (
        *("max_connections=60", "max_locks_per_transaction=64", "max_prepared_transactions=0", "wal_log_hints=on"),
        *("max_worker_processes=8", "max_wal_senders=10", "track_commit_timestamp=off", "cluster_name=shop"),
    )
    with started_with(cluster, *flags), open_connection(cluster.dsn()) as connection:
        snapshot = collect(connection)
    assert snapshot.server.provider == "patroni"
    assert len(snapshot.server.provider_signals) == 2
    proposals = {p.name: p for p in advise_settings(snapshot, OPTIONS).proposals}
    assert proposals["shared_buffers"].apply_sql == (
        "-- patronictl edit-config YOUR_CLUSTER --pg shared_buffers='2GB' --force",
        "-- patronictl restart YOUR_CLUSTER --pending",
    )


def test_one_setting_on_the_command_line_is_no_patroni(cluster: Cluster) -> None:
    with started_with(cluster, "max_connections=60", "cluster_name=shop"), open_connection(cluster.dsn()) as connection:
        snapshot = collect(connection)
    assert snapshot.server.provider == "self-hosted"
    assert snapshot.server.provider_signals == ("only one sign of patroni: cluster_name on the command line",)


def test_cloudnativepg(cluster: Cluster) -> None:
    with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
        connection.execute("create role streaming_replica replication")
    try:
        with open_connection(cluster.dsn()) as session:
            alone = collect(session).server
        assert alone.provider == "self-hosted", "a role comes with any dump"
        flags = (
            "ssl_cert_file=/controller/certificates/server.crt",
            "archive_command=/controller/manager wal-archive %p",
        )
        with started_with(cluster, *flags), open_connection(cluster.dsn()) as session:
            snapshot = collect(session)
    finally:
        with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
            connection.execute("drop role streaming_replica")
    assert snapshot.server.provider == "cloudnativepg"
    proposals = {p.name: p for p in advise_settings(snapshot, OPTIONS).proposals}
    (line,) = proposals["shared_buffers"].apply_sql
    assert line == (
        "-- kubectl patch cluster YOUR_CLUSTER --type merge --patch "
        """'{"spec":{"postgresql":{"parameters":{"shared_buffers":"2GB"}}}}'"""
    )
