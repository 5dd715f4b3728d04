"""The acceptance case: the school application on Debian's PostgreSQL 15 and on 18, end to end.

The report must propose at least the indexes a senior DBA would, name what is wrong with the owners' settings block,
and find the three overdue retention windows. The twin must agree with the server.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from advisor.cluster import start_cluster
from advisor.demo import find_application, load_schema, run_workload
from advisor.model.report import Report
from advisor.model.snapshot import Snapshot, read_snapshot, write_snapshot
from advisor.pipeline import ReportOptions, Source, make_report, open_source
from advisor.progress import Silent
from advisor.render import render
from advisor.settings import SettingsOptions
from tests.conftest import binaries_for, missing

pytestmark = [pytest.mark.server, pytest.mark.slow]
OPTIONS = ReportOptions(settings=SettingsOptions(ram_bytes=8 << 30, cores=2, storage="ssd"))


@pytest.fixture(scope="module", params=[15, 18])
def school(request: pytest.FixtureRequest) -> Iterator[tuple[str, Snapshot, Report]]:
    """DSN, snapshot and report of the school application on a server with the owners' settings."""
    binaries = binaries_for(request.param)
    if binaries is None:
        missing(f"PostgreSQL {request.param}")
        return
    application = find_application("school")
    settings = {"shared_preload_libraries": "pg_stat_statements", **application.settings}
    with start_cluster(binaries, settings) as cluster:
        with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
            connection.execute("create database school")
        with psycopg.connect(cluster.dsn("school"), autocommit=True) as connection:
            connection.execute("set synchronous_commit = off")
            load_schema(connection, application.schema.read_text(), "school.sql")
            run_workload(connection, application)
        with open_source(Source(dsn=cluster.dsn("school")), None, Silent()) as (snapshot, connection):
            report = make_report(snapshot, OPTIONS, connection)
        yield cluster.dsn("school"), snapshot, report


def keys(report: Report, table: str) -> list[tuple[tuple[str, ...], str]]:
    """Return (key columns, predicate part of the DDL) of the indexes proposed for a table."""
    assert report.indexes is not None
    return [
        (proposal.columns, proposal.ddl.partition(" WHERE ")[2])
        for proposal in report.indexes.create
        if proposal.table.name == table
    ]


def test_a_senior_dbas_indexes_are_proposed(school: tuple[str, Snapshot, Report]) -> None:
    _, _, report = school
    assert report.indexes is not None
    assert any(columns[:2] == ("student_id", "timestamp") for columns, _ in keys(report, "geolocation_data"))
    assert any(columns[0] == "user_id" for columns, _ in keys(report, "sessions"))
    notifications = keys(report, "notifications")
    assert any(columns[0] == "user_id" and "is_read" in predicate for columns, predicate in notifications), (
        notifications
    )
    assert any(columns[0] == "class_id" for columns, _ in keys(report, "homework"))
    # (date) alone serves the class and the monthly report; where the planner prices both alike, with class_id.
    assert any(
        columns[0] == "date" or set(columns[:2]) == {"date", "class_id"} for columns, _ in keys(report, "attendance")
    )
    assert any("lower" in columns[0] for columns, _ in keys(report, "users"))
    assert any(columns[0] == "student_id" for columns, _ in keys(report, "homework_submissions"))
    for proposal in report.indexes.create:
        assert "CONCURRENTLY" in proposal.ddl
        assert proposal.undo_ddl.startswith("DROP INDEX CONCURRENTLY")
        assert proposal.size_bytes > 0
        assert proposal.statements
        assert proposal.cost_after < proposal.cost_before


def test_no_index_on_what_changes_with_every_request(school: tuple[str, Snapshot, Report]) -> None:
    _, _, report = school
    assert not any("last_seen_at" in columns for columns, _ in keys(report, "users"))
    assert not any("last_activity" in columns for columns, _ in keys(report, "sessions"))


def test_the_proposals_can_be_run_and_undone(school: tuple[str, Snapshot, Report]) -> None:
    dsn, _, report = school
    assert report.indexes is not None
    with psycopg.connect(dsn, autocommit=True) as connection:
        for proposal in report.indexes.create:
            connection.execute(proposal.ddl.encode())
            for statement in proposal.after_ddl:
                connection.execute(statement.encode())
        for proposal in report.indexes.create:
            connection.execute(proposal.undo_ddl.encode())


def test_duplicate_and_redundant_indexes_are_dropped_safely(school: tuple[str, Snapshot, Report]) -> None:
    _, _, report = school
    assert report.indexes is not None
    dropped = {drop.index.name: drop for drop in report.indexes.drop}
    duplicates = {"grades_student_idx", "grades_student_id_key2"} & set(dropped)
    # One of the pair stays, unless a proposed index takes the place of both.
    replaced = {name for proposal in report.indexes.create for name in proposal.replaces}
    assert len(duplicates) == 1 or {f"public.{name}" for name in duplicates} & replaced
    assert "messages_recipient_idx" in dropped
    assert not any(name.endswith(("_pkey", "_key")) for name in dropped)


def test_the_settings_block_is_judged(school: tuple[str, Snapshot, Report]) -> None:
    _, _, report = school
    assert report.settings is not None
    assert report.settings.worst_case_bytes_now is not None
    assert report.settings.worst_case_bytes_now > 8 << 30, "200 connections of 64 MB do not fit 8 GB"
    assert report.settings.worst_case_bytes_proposed is not None
    assert report.settings.worst_case_bytes_proposed <= 0.9 * (8 << 30)
    assert {"work_mem", "random_page_cost"} <= {proposal.name for proposal in report.settings.proposals}
    assert any(finding.severity in ("critical", "high") for finding in report.settings.findings)


def test_three_windows_are_overdue(school: tuple[str, Snapshot, Report]) -> None:
    _, _, report = school
    overdue = {status.table.name: status for status in report.retention if status.rule == "ret.overdue"}
    assert {"geolocation_data", "sessions", "notifications"} <= set(overdue)
    for name, share in (("geolocation_data", 110 / 200), ("notifications", 118 / 300)):
        status = overdue[name]
        rows = {"geolocation_data": 1_000_000, "notifications": 300_000}[name]
        assert status.policy_is_default
        assert status.expired_rows == pytest.approx(rows * share, rel=0.06)
        assert status.sql


def test_the_twin_agrees_with_the_server(school: tuple[str, Snapshot, Report]) -> None:
    _, _, report = school
    assert report.fidelity is not None
    assert report.fidelity.compared >= 25
    assert report.fidelity.exact >= 0.95 * report.fidelity.compared
    assert report.fidelity.same_shape == report.fidelity.compared


def test_a_snapshot_file_gives_the_same_report(school: tuple[str, Snapshot, Report], tmp_path: Path) -> None:
    _, snapshot, report = school
    path = tmp_path / "school.json.gz"
    write_snapshot(snapshot, path)
    again = make_report(read_snapshot(path), OPTIONS)
    assert report.indexes is not None and again.indexes is not None
    # Heights are guessed from a snapshot alone, which decides between directions that are worth the same.
    made, made_again = ([p.ddl.replace(" DESC", "") for p in one.indexes.create] for one in (report, again))
    assert made_again == made
    assert [d.ddl for d in again.indexes.drop] == [d.ddl for d in report.indexes.drop]
    assert again.findings == report.findings
    assert again.retention == report.retention
    assert again.settings is not None and report.settings is not None
    # How many statements a setting makes cheaper may differ by one: a snapshot alone guesses heights of indexes.
    assert [(p.name, p.current, p.proposed) for p in again.settings.proposals] == [
        (p.name, p.current, p.proposed) for p in report.settings.proposals
    ]
    assert again.settings.findings == report.settings.findings


def test_every_text_is_accounted_for(school: tuple[str, Snapshot, Report]) -> None:
    _, _, report = school
    assert report.indexes is not None
    assert len(report.workload) >= 30
    assert all(row.reason for row in report.indexes.unusable)


def test_every_format_renders(school: tuple[str, Snapshot, Report]) -> None:
    _, _, report = school
    for name in ("text", "json", "markdown", "html", "sql"):
        assert "geolocation_data" in render(report, name, color=False, width=None)


def test_nothing_is_left_on_the_server(school: tuple[str, Snapshot, Report]) -> None:
    dsn, _, _ = school
    with psycopg.connect(dsn) as connection:
        sessions = connection.execute(
            "select count(*) from pg_stat_activity where application_name like 'pgadvise%'"
        ).fetchone()
        schemas = connection.execute("select count(*) from pg_namespace where nspname ilike '%advis%'").fetchone()
    assert sessions == (0,)
    assert schemas == (0,)


def test_reader(school: tuple[str, Snapshot, Report]) -> None:
    """The text fits 80 columns apart from SQL, which is never broken."""
    _, _, report = school
    text = render(report, "text", color=False, width=80)
    wide = [line for line in text.splitlines() if len(line) > 80]
    sql = ("CREATE", "DROP", "ALTER", "DELETE", "SELECT", "ANALYZE", "VACUUM", "GRANT", "WHERE", "ORDER BY", "ON ")
    assert all(line.startswith("    ") and any(word in line for word in sql) for line in wide), wide[:5]
