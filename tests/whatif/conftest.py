"""A seeded database per major, its snapshot, and statements over it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from advisor.cluster import Cluster
from advisor.collect import collect
from advisor.connect import open_connection
from advisor.model.snapshot import Snapshot
from advisor.model.workload import Binding, Statement
from advisor.progress import Silent
from advisor.whatif import WhatIf, WhatIfOptions, open_whatif
from tests.conftest import binaries_for

HERE = Path(__file__).parent


def statement(
    text: str, *values: str | None, types: tuple[str, ...] = (), path: tuple[str, ...] = ("public",)
) -> Statement:
    """A statement as workload reading would make it, with one binding."""
    return Statement(
        key=text,
        fingerprint=text,
        original=text,
        text=text,
        kind="select",
        parameter_types=types,
        bindings=(Binding(values=values, weight=1.0),),
        relations=(),
        uses=(),
        calls=1.0,
        total_exec_time=1.0,
        mean_exec_time=1.0,
        rows=1.0,
        shared_blks=1.0,
        search_path=path,
    )


def corpus() -> list[Statement]:
    """The statements of statements.sql."""
    lines = (HERE / "statements.sql").read_text(encoding="utf-8").splitlines()
    return [statement(line.strip(), path=("shop", "public")) for line in lines if line.strip()]


def requests(statements: list[Statement]) -> list[tuple[Statement, Binding]]:
    return [(s, s.bindings[0]) for s in statements]


def take_snapshot(dsn: str) -> Snapshot:
    with open_connection(dsn) as connection:
        return collect(connection)


@pytest.fixture(scope="session")
def seeded(clusters: Callable[[int], Cluster]) -> Callable[[int], str]:
    """A function major -> DSN of the database of seed.sql, made once per session."""
    made: dict[int, str] = {}

    def get(major: int) -> str:
        if major not in made:
            cluster = clusters(major)
            with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
                connection.execute("create database seeded")
            dsn = cluster.dsn("seeded")
            with psycopg.connect(dsn, autocommit=True) as connection:
                connection.execute((HERE / "seed.sql").read_text(encoding="utf-8").encode())
                # All-visible pages decide what an index-only scan costs.
                connection.execute("vacuum shop.customers, shop.orders, shop.events")
            made[major] = dsn
        return made[major]

    return get


def point_at(patch: pytest.MonkeyPatch, major: int) -> None:
    """Make the twin's server be of a major, wherever its binaries are."""
    binaries = binaries_for(major)
    assert binaries is not None
    patch.setenv("PGADVISE_POSTGRES_BINDIR", str(binaries.bindir))


@pytest.fixture
def use_major(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """`point_at` for one test."""
    return lambda major: point_at(monkeypatch, major)


@contextmanager
def twin_of(snapshot: Snapshot, connection: psycopg.Connection[Any] | None = None, **options: Any) -> Iterator[WhatIf]:
    """The twin of a snapshot."""
    with open_whatif(snapshot, WhatIfOptions(mode="twin", **options), connection, Silent()) as engine:
        assert engine is not None
        yield engine
