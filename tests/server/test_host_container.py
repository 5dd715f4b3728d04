"""A container with a memory limit: its limit is found, through the server or its socket, never this machine's RAM."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from advisor.collect.host import find_host_facts, server_is_local, server_process
from advisor.collect.reader import Reader
from tests.conftest import missing

pytestmark = [pytest.mark.server, pytest.mark.docker]

IMAGE = "pgadvise-test:15"
MEMORY = 512 << 20


def docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=60, check=True).stdout.strip()


@dataclass
class Container:
    tcp: str
    socket: str


@pytest.fixture(scope="module")
def container() -> Iterator[Container]:
    if (
        shutil.which("docker") is None
        or subprocess.run(
            ["docker", "image", "inspect", IMAGE], capture_output=True, timeout=60, check=False
        ).returncode
    ):
        missing(f"Docker with the image {IMAGE}")
    sockets = Path(tempfile.mkdtemp(prefix="pgadvise-sockets-", dir="/tmp"))
    sockets.chmod(0o777)
    options = ["-d", "--rm", "-m", str(MEMORY), "--cpus", "1.5", "-e", "POSTGRES_PASSWORD=x"]
    name = docker("run", *options, "-v", f"{sockets}:/tmp", "-p", "127.0.0.1::5432", IMAGE)
    try:
        port = docker("port", name, "5432/tcp").splitlines()[0].rpartition(":")[2]
        tcp = f"host=127.0.0.1 port={port} user=postgres password=x dbname=postgres"
        deadline = time.monotonic() + 60
        while True:
            try:
                psycopg.connect(tcp, connect_timeout=2).close()
                break
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
        yield Container(tcp, f"host={sockets} user=postgres password=x dbname=postgres")
    finally:
        docker("stop", "-t", "1", name)
        shutil.rmtree(sockets, ignore_errors=True)


def test_a_published_port_is_not_this_host(container: Container) -> None:
    with psycopg.connect(container.tcp) as connection:
        assert not server_is_local(connection)
        reader = Reader(connection)
        found = find_host_facts(reader)
    assert found.ram_bytes == MEMORY
    assert found.ram_source is not None and found.ram_source.endswith("limit, read through the server")
    assert found.cores == 1.5
    assert not found.local and reader.gaps == []


def test_a_plain_role_learns_nothing(container: Container) -> None:
    with psycopg.connect(container.tcp) as connection:
        connection.execute("create role plain")
        connection.execute("set local role plain")
        reader = Reader(connection)
        found = find_host_facts(reader)
        connection.rollback()
    assert (found.ram_bytes, found.cores) == (None, None) and reader.gaps == []


def test_a_containers_socket_shows_the_containers_limit(container: Container) -> None:
    """The socket lies on this host, but the server behind it lives in the container's control group."""
    with psycopg.connect(container.socket) as connection:
        pid = server_process(connection)
        assert pid is None or pid != connection.info.backend_pid
        found = find_host_facts(Reader(connection))
    assert found.ram_bytes == MEMORY and found.cores == 1.5
