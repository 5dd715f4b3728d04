"""The upgrade rehearsal: two twins, one workload."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests.server.test_cli import pgadvise, sentence

pytestmark = pytest.mark.server


def fill(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("create extension pg_stat_statements")
        connection.execute("create table t (a int, b int, c text)")
        connection.execute("insert into t select i % 4, i, repeat('x', 50) from generate_series(1, 200000) i")
        connection.execute("create index t_a_b on t (a, b)")
        connection.execute("vacuum analyze t")
        connection.execute("select pg_stat_statements_reset()")
        for value in range(20):
            # Skip scan (18) reads the index for each of four values of a; before, all of it.
            connection.execute("select * from t where b = %s", (value,))
            connection.execute("select * from t where a = 1 and b = %s", (value,))


def test_skip_scan_of_18_is_seen(make_database: Callable[..., str], tmp_path: Path) -> None:
    dsn = make_database(15)
    fill(dsn)
    result = pgadvise("upgrade", "--to", "18", "--dsn", dsn, "--format", "json")
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    (cheaper,) = [c for c in report["better"] if "where b = $1" in c["query"]]
    assert cheaper["cost_after"] < cheaper["cost_before"] / 5
    assert "t_a_b" in " ".join(cheaper["plan_after"])
    assert report["failed"] == []
    assert any(setting["name"] == "effective_io_concurrency" for setting in report["settings"])
    text = pgadvise("upgrade", "--to", "18", "--dsn", dsn)
    assert "CHEAPER" in text.stdout


def test_not_an_upgrade(make_database: Callable[..., str]) -> None:
    result = pgadvise("upgrade", "--to", "15", "--dsn", make_database(15))
    assert result.returncode == 2
    assert "is no upgrade" in sentence(result)
