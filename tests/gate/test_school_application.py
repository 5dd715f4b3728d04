"""The gate on the school application: a lost index, a rewrite of the largest table, a safe migration."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from advisor.cluster import start_cluster
from advisor.demo import find_application, load_schema, run_workload
from tests.conftest import binaries_for, missing

pytestmark = [pytest.mark.server, pytest.mark.slow]
LIMIT = "set lock_timeout = '2s';\n"


def pgadvise(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "advisor.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A snapshot of the school application after a day's work; the server is gone when it is judged."""
    binaries = binaries_for(15)
    if binaries is None:
        missing("PostgreSQL 15")
        return
    application = find_application("school")
    path = tmp_path_factory.mktemp("school") / "school.json.gz"
    with start_cluster(binaries, {"shared_preload_libraries": "pg_stat_statements"}) as cluster:
        with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
            connection.execute("set synchronous_commit = off")
            load_schema(connection, application.schema.read_text(), "school.sql")
            run_workload(connection, application)
        captured = pgadvise("capture", "--dsn", cluster.dsn(), "-o", str(path))
        assert captured.returncode == 0, captured.stderr
    yield path


def judge(snapshot: Path, folder: Path, migration: str, *more: str) -> tuple[int, dict[str, Any]]:
    (folder / "1.sql").write_text(LIMIT + migration)
    result = pgadvise("gate", "--snapshot", str(snapshot), str(folder / "1.sql"), "--format", "json", *more)
    assert result.returncode in (0, 1), result.stderr
    report = json.loads(result.stdout)
    assert report["ran"], report["notes"]
    return result.returncode, report


def test_an_index_drop_that_makes_a_hot_query_scan(snapshot: Path, tmp_path: Path) -> None:
    code, report = judge(snapshot, tmp_path, "drop index concurrently homework_submissions_homework_idx;")
    assert code == 1
    lost = [f for f in report["files"][0]["findings"] if f["rule"] == "index_lost"]
    hot = next(f for f in lost if "hs.homework_id" in f["message"] or "s.homework_id = $1" in f["message"])
    assert (hot["line"], hot["severity"]) == (2, "high")
    before, after = (" ".join(plan) for plan in hot["plans"])
    assert "homework_submissions_homework_idx" in before
    assert "Seq Scan on homework_submissions" in after
    assert max(e["cost_after"] / e["cost_before"] for e in report["workload"]["regressed"]) > 5


def test_dropping_an_index_that_has_a_twin_harms_nobody(snapshot: Path, tmp_path: Path) -> None:
    code, report = judge(snapshot, tmp_path, "drop index concurrently grades_student_id_key2;")
    assert code == 0 and report["files"][0]["findings"] == [] and report["workload"]["regressed"] == []


def test_a_type_change_that_rewrites_the_largest_table(snapshot: Path, tmp_path: Path) -> None:
    change = "alter table geolocation_data alter column accuracy type double precision;"
    code, report = judge(snapshot, tmp_path, change)
    assert code == 1
    (rewrite,) = [f for f in report["files"][0]["findings"] if f["rule"] == "type_change_rewrite"]
    assert rewrite["lock"] == "ACCESS EXCLUSIVE" and rewrite["rewrite"]
    # A real run on this table took 29 s at 10 million rows; the time grows with the rows.
    assert 1.5 <= rewrite["seconds_estimate"] <= 5.0


def test_a_safe_migration_passes_silently(snapshot: Path, tmp_path: Path) -> None:
    code, report = judge(
        snapshot,
        tmp_path,
        "alter table homework add column room text;\n"
        "alter table homework add constraint room_short check (length(room) < 20) not valid;\n"
        "alter table homework validate constraint room_short;\n"
        "create index concurrently homework_room on homework (room);\n"
        "create table rooms (id bigint generated always as identity primary key, name text not null unique);\n"
        "alter table messages alter column body set statistics 300;\n",
    )
    assert code == 0
    assert report["files"][0]["findings"] == [] and report["notes"] == []
    text = pgadvise("gate", "--snapshot", str(snapshot), str(tmp_path / "1.sql"))
    assert text.stdout == "1 file: nothing to object to.\n"


@pytest.mark.parametrize("indexed", [False, True])
def test_a_new_statement_that_would_scan(snapshot: Path, tmp_path: Path, indexed: bool) -> None:
    workload = tmp_path / "new.sql"
    workload.write_text(
        "select id from geolocation_data where zone = 'school';\n"  # new column of a large table
        "select name from rooms where name = 'A1';\n"  # new table
        "select id from classes where room = 'A1';\n"  # new column of a small table
        "select id from geolocation_data where student_id = 17 and id = 5;\n"  # planned before, too
    )
    migration = (
        "alter table geolocation_data add column zone text;\nalter table classes add column room text;\n"
        "create table rooms (id int, name text);\n"
    )
    index = "create index concurrently geolocation_zone on geolocation_data (zone);\n" if indexed else ""
    code, report = judge(snapshot, tmp_path, migration + index, "--workload", str(workload))
    found = [f for f in report["files"][0]["findings"] if f["rule"] == "new_statement_scans_table"]
    if indexed:
        assert (code, found) == (0, [])
        return
    (scan,) = found
    assert code == 1 and scan["severity"] == "high" and scan["line"] == 2
    assert "geolocation_data" in scan["message"] and "Seq Scan on geolocation_data" in " ".join(scan["plans"][0])
    assert judge(snapshot, tmp_path, migration, "--workload", str(workload), "--large-table", "2000000")[0] == 0
