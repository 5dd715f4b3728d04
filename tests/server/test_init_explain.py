"""`pgadvise init` drafts a configuration that loads as it is; `pgadvise explain` shows one finding in full."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests.server.test_cli import MAJOR, pgadvise, sentence, statistics

pytestmark = pytest.mark.server


@pytest.fixture
def shop(make_database: Callable[..., str]) -> str:
    dsn = make_database(MAJOR)
    statistics(dsn)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("create table no_key (a int)")
        connection.execute("insert into no_key select i from generate_series(1, 20000) i")
        connection.execute(
            "create table user_sessions (sid text primary key, user_id int, ip inet, expires_at timestamptz not null)"
        )
        connection.execute(
            "insert into user_sessions select md5(i::text), i, null, now() - i * interval '1 hour'"
            " from generate_series(1, 5000) i"
        )
        connection.execute("analyze")
    return dsn


def test_the_drafted_configuration_loads_and_is_used(shop: str, tmp_path: Path) -> None:
    drafted = pgadvise("init", "--dsn", shop)
    assert drafted.returncode == 0, drafted.stderr
    assert "public.user_sessions" in drafted.stdout
    (tmp_path / "pgadvise.toml").write_text(drafted.stdout)
    result = pgadvise("retention", "--dsn", shop, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "user_sessions" in result.stdout
    assert "default" not in result.stdout.split("RETENTION")[1].split("\n")[1], "the policy is the user's now"


def test_one_finding_in_full(shop: str) -> None:
    result = pgadvise("explain", "tables/no_primary_key:public.no_key", "--dsn", shop)
    assert result.returncode == 0, result.stderr
    for words in ("public.no_key", "Evidence", "20000", "When to ignore it"):
        assert words in result.stdout
    unknown = pgadvise("explain", "no/such:thing", "--dsn", shop)
    assert unknown.returncode == 2
    assert "There is no finding" in sentence(unknown)


def test_the_window_begins_at_the_previous_snapshot(shop: str, tmp_path: Path) -> None:
    with psycopg.connect(shop, autocommit=True) as connection:
        connection.execute("select pg_stat_statements_reset()")
        for value in range(30):
            connection.execute("select * from no_key where a = %s", (value,))
    first = tmp_path / "first.json.gz"
    assert pgadvise("capture", "--dsn", shop, "-o", str(first)).returncode == 0
    with psycopg.connect(shop, autocommit=True) as connection:
        for value in range(7):
            connection.execute("select * from user_sessions where user_id = %s", (value,))
    result = pgadvise("report", "--dsn", shop, "--previous", str(first), "--format", "json")
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    calls = {row["query"]: row["calls"] for row in report["workload"]}
    assert calls == {"select * from user_sessions where user_id = $1": 7}
    swapped = pgadvise("report", "--snapshot", str(first), "--previous", str(first))
    assert swapped.returncode == 2
    assert "not older" in sentence(swapped)
