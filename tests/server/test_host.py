"""A server counts as local only with proof, and its host is read through it where the role may."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from advisor.cluster import Cluster, start_cluster
from advisor.collect.host import _server_files as server_files
from advisor.collect.host import facts_from_files, find_host_facts, server_is_local, server_process
from advisor.collect.reader import Reader
from advisor.settings import SettingsOptions, advise_settings
from tests.conftest import binaries_for, missing
from tests.unit.settings.samples import snapshot

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux offers the proof"),
]


def memory_total() -> int:
    line = next(x for x in Path("/proc/meminfo").read_text().splitlines() if x.startswith("MemTotal:"))
    return int(line.split()[1]) * 1024


def test_over_the_socket(database: str) -> None:
    with psycopg.connect(database) as connection:
        pid = server_process(connection)
        assert pid is not None and Path(f"/proc/{pid}/comm").read_text().strip() == "postgres"
        assert server_is_local(connection)
        reader = Reader(connection)
        found = find_host_facts(reader)
    assert found.local and found.ram_bytes is not None and 0 < found.ram_bytes <= memory_total()
    assert found.cores is not None and found.cores > 0
    assert reader.gaps == []


def test_through_the_server(database: str) -> None:
    with psycopg.connect(database) as connection:
        reader = Reader(connection)
        read = server_files(reader)
        assert read is not None
        found = facts_from_files(read, by="read through the server")
        assert read("/proc/no such file") is None
    assert found.ram_bytes is not None and found.ram_bytes <= memory_total()
    assert found.ram_source is not None and found.ram_source.endswith(", read through the server")
    assert not found.local and reader.gaps == []


def test_a_role_without_rights_leaves_no_noise(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("drop role if exists nobody_special")
        connection.execute("create role nobody_special")
        try:
            with connection.transaction():
                connection.execute("set local role nobody_special")
                reader = Reader(connection)
                assert server_files(reader) is None
                assert reader.gaps == []
        finally:
            connection.execute("drop role nobody_special")


@contextmanager
def tcp_server() -> Iterator[str]:
    """A server on a loopback address of its own, so that its port disturbs nobody; yields the address."""
    binaries = binaries_for(15)
    if binaries is None:
        missing("PostgreSQL 15")
        raise AssertionError("not reached")
    address = "127.83.7.15"
    with start_cluster(binaries, {"cluster_name": "named"}) as cluster:
        # Private clusters listen on a socket only: start the same one again by hand.
        cluster.stop()
        options = [
            f"listen_addresses={address}",
            f"unix_socket_directories={cluster.directory}",
            "logging_collector=off",
        ]
        with cluster.log.open("ab") as log:
            process = subprocess.Popen(
                [cluster.binaries.bindir / "postgres", "-D", cluster.data_directory]
                + [word for option in options for word in ("-c", option)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=cluster.directory,
                **cluster._run_as(),  # type: ignore[call-overload]
            )  # fmt: skip
        try:
            deadline = time.monotonic() + 60
            while True:
                try:
                    psycopg.connect(f"host={address} user=postgres dbname=postgres", connect_timeout=5).close()
                    break
                except psycopg.OperationalError:
                    assert process.poll() is None and time.monotonic() < deadline, cluster.log.read_text()
                    time.sleep(0.1)
            yield address
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)


@contextmanager
def tunnel(address: str) -> Iterator[int]:
    """A forwarder to the server, as a tunnel or a container's published port is; yields its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def pump(source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            return

    def serve() -> None:
        client, _ = listener.accept()
        with client, socket.create_connection((address, 5432)) as server:
            back = threading.Thread(target=pump, args=(server, client))
            back.start()
            pump(client, server)
            back.join()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        thread.join(10)
        listener.close()


def test_over_loopback_and_through_a_tunnel() -> None:
    with tcp_server() as address:
        with psycopg.connect(f"host={address} user=postgres dbname=postgres") as connection:
            assert server_process(connection) == connection.info.backend_pid
        # The same server behind a forwarder: a loopback address, but no proof.
        with tunnel(address) as port, psycopg.connect(f"host=127.0.0.1 port={port} user=postgres") as connection:
            assert not server_is_local(connection)


def test_a_pooler_on_a_socket_is_not_the_server(tmp_path: Path, clusters: Callable[[int], Cluster]) -> None:
    from tests.server.test_settings_capacity import running_pgbouncer

    with running_pgbouncer(clusters(15), tmp_path) as dsn, psycopg.connect(dsn, prepare_threshold=None) as connection:
        assert not server_is_local(connection)


def test_unknown_host_says_the_flag() -> None:
    advice = advise_settings(snapshot(15), SettingsOptions())
    assert dict(advice.refused)["work_mem"].endswith("give it with --ram 8GB")
