"""Logs that real servers wrote: every format says the same, and the values in them become evidence."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from advisor.cluster import Cluster, start_cluster
from advisor.model.activity import StatementCounters
from advisor.model.lookup import Catalog
from advisor.pipeline import Source, open_source
from advisor.progress import Silent
from advisor.whatif.session import PlanningSession
from advisor.workload.logs import LogReading, read_log_file
from advisor.workload.read import read_workload
from tests.conftest import SERVER_SETTINGS, binaries_for, missing, selected_majors
from tests.server.test_cli import pgadvise, sentence

pytestmark = pytest.mark.server

# A prefix of its own for every major, so that many are seen with real lines.
PREFIXES = {
    13: "%t [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ",
    14: "%m [%p] %q%u@%d/%a ",
    15: "%t:%r:%u@%d:[%p]:%a:",
    16: "<%c %l %e %x %v %Q %n> %-12d|%u|%a|",
    17: "%m [%p] %q[user=%u,db=%d,app=%a] ",
    18: "%m [%b] %p %L %u@%d app=%a: ",
}
MULTILINE = "select id\n\tfrom orders\r\nwhere note = 'it''s\n\n\t\"new\"'"
VALUES = (7, "o'x\ny, $3 = 'k'\t\\")


@contextmanager
def logging_cluster(major: int, **settings: str) -> Iterator[Cluster]:
    binaries = binaries_for(major)
    if binaries is None:
        missing(f"PostgreSQL {major}")
        raise AssertionError("not reached")
    formats = "stderr,csvlog" + (",jsonlog" if major >= 15 else "")
    own = {
        "logging_collector": "on",
        "log_destination": formats,
        "log_filename": "pg.log",
        "log_line_prefix": PREFIXES[major],
        "log_min_duration_statement": "0",
        "shared_preload_libraries": "auto_explain",
    }
    with start_cluster(binaries, SERVER_SETTINGS | own | settings) as cluster:
        yield cluster


def log_files(cluster: Cluster, mark: str) -> list[Path]:
    """Return the log's files once they have `mark`: the collector writes them a moment later."""
    files = sorted((cluster.data_directory / "log").iterdir())
    deadline = time.monotonic() + 20
    while any(mark.encode() not in file.read_bytes() for file in files):
        assert time.monotonic() < deadline, f"the log never got {mark}"
        time.sleep(0.05)
    return files


def work(connection: psycopg.Connection[Any]) -> None:
    """Run statements in every way a log can show them."""
    run = connection.execute
    run("create table orders (id int, note text, status text)")
    run(MULTILINE.encode())
    run("select * from orders where id = %s and note = %s", VALUES)
    run("select * from orders where id = %s and note = %s", (None, "ü"))
    for number in range(7):
        run("select note from orders where id = %s", (number,), prepare=True)
    run("prepare p(int, varchar(10)) as select status from orders where id = $1 and note = $2")
    run("execute p(-5, 'q''q')")
    with pytest.raises(psycopg.errors.DivisionByZero):
        run("select 1 / (id - id) from orders, (values (1)) as failed(x) where x / 0 = 1")
    run("set log_min_duration_statement = -1; set log_statement = 'all'; set log_duration = on")
    run("select 1 as logged_first from orders where id = %s", (1,))
    with pytest.raises(psycopg.errors.DivisionByZero):
        run("select 1 from (values (1)) as failed(x) where x / 0 = 1")
    run("set log_statement = 'none'; set log_duration = off; set auto_explain.log_min_duration = 0")
    for form in ("text", "json", "xml", "yaml"):
        run(f"set auto_explain.log_format = {form}")
        run(f"select '<{form} & \"x\">',\n 1 from orders where id = %s", (2,))
    run("set log_min_duration_statement = 0")
    run("select 1 as both_ways from orders where id = %s", (3,))
    run("select 2 as both_ways from orders where id = 3")


Found = dict[tuple[str, tuple[tuple[int, str | None], ...]], float]


def found_in(reading: LogReading) -> Found:
    found: Found = {}
    for text in reading.texts:
        key = (text.query, text.parameters)
        found[key] = found.get(key, 0.0) + text.calls
    return found


@pytest.mark.parametrize("major", [m for m in PREFIXES if binaries_for(m) is not None] or [18])
def test_every_format_says_the_same(major: int, request: pytest.FixtureRequest) -> None:
    if major not in selected_majors(request.config):
        pytest.skip("not among --majors")
    with logging_cluster(major) as cluster:
        with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
            connection.execute("create database elsewhere")
            work(connection)
        with psycopg.connect(cluster.dsn("elsewhere"), autocommit=True) as connection:
            connection.execute("select 'elsewhere'")
        with psycopg.connect(cluster.dsn() + " application_name=pgadvise", autocommit=True) as connection:
            connection.execute("select 'our own'")
        with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
            connection.execute("select 'the end'")
        files = log_files(cluster, "the end")
        readings = [read_log_file(f, log_line_prefix=PREFIXES[major], database="postgres") for f in files]
    assert len(readings) == (3 if major >= 15 else 2)
    first = found_in(readings[0])
    for reading in readings:
        assert found_in(reading) == first, reading.name
        assert reading.lines.not_understood <= 5  # stderr has what the postmaster said before the collector ran
        assert (reading.passed.failed, reading.passed.other_databases, reading.passed.own) == (1, 1, 1)
        assert {text.role for text in reading.texts} == {"postgres"}
    assert first[(MULTILINE, ())] == 1
    pair = "select * from orders where id = $1 and note = $2"
    assert first[(pair, ((1, "7"), (2, VALUES[1])))] == 1
    assert first[(pair, ((1, None), (2, "ü")))] == 1
    for number in range(7):
        assert first[("select note from orders where id = $1", ((1, str(number)),))] == 1
    assert first[("select status from orders where id = $1 and note = $2", ((1, "-5"), (2, "q'q")))] == 1
    assert first[("select 1 as logged_first from orders where id = $1", ((1, "1"),))] == 1
    assert first[("select 1 as both_ways from orders where id = $1", ((1, "3"),))] == 1
    assert first[("select 2 as both_ways from orders where id = 3", ())] == 1
    for form in ("text", "json", "xml", "yaml"):
        listed = ((1, "2"),) if major >= 16 else ()  # auto_explain shows parameters from 16 on
        assert first[(f"select '<{form} & \"x\">',\n 1 from orders where id = $1", listed)] == 1
    assert not any("failed" in text or "elsewhere'" in text or "our own" in text for text, _ in first)


def test_values_that_the_server_cut_are_not_used() -> None:
    with logging_cluster(17, log_parameter_max_length="5") as cluster:
        with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
            connection.execute("select %s::text, %s::text, 'the end'", ("123456789", "12345"))
        files = log_files(cluster, "the end")
        for file in files:
            reading = read_log_file(file, log_line_prefix=PREFIXES[17])
            assert [text.parameters for text in reading.texts if "the end" in text.query] == [((2, "12345"),)]
            assert reading.cut_values == 1
            assert "log_parameter_max_length" in reading.gaps[0].why


@pytest.fixture(scope="module")
def shop() -> Iterator[tuple[Cluster, list[Path]]]:
    """A queue table on a server without pg_stat_statements, and what its log says of a day's work."""
    with logging_cluster(18) as cluster:
        with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
            connection.execute("create table jobs (id int primary key, state text, owner int, due int)")
            connection.execute(
                "insert into jobs select g, case when g % 20 = 0 then 'open' else 'done' end, g % 300,"
                " g * 7919 % 60000 from generate_series(1, 60000) g"
            )
            connection.execute("analyze jobs")
            for number in range(40):
                connection.execute(
                    "select id from jobs where state = %s and due > %s order by due limit 20", ("open", number)
                )
                connection.execute("select count(*) from jobs where owner = %s", (number,))
            connection.execute("select 'the end'")
        yield cluster, log_files(cluster, "the end")


def test_a_report_rests_on_the_values_of_the_log(shop: tuple[Cluster, list[Path]], tmp_path: Path) -> None:
    cluster, files = shop
    captured = tmp_path / "snapshot.json.gz"
    result = pgadvise("capture", "--dsn", cluster.dsn(), "--log", str(files[0]), "-o", str(captured), "--quiet")
    assert result.returncode == 0, result.stderr
    live = ("--dsn", cluster.dsn(), "--log", str(files[-1]))
    for source in (live, ("--snapshot", str(captured))):
        result = pgadvise("index", *source, "--format", "json", "--quiet")
        assert result.returncode == 0, result.stderr
        report = json.loads(result.stdout)
        created = {proposal["ddl"]: proposal for proposal in report["indexes"]["create"]}
        partial = next(ddl for ddl in created if ddl.endswith("(due) WHERE state = 'open'"))
        assert "values seen in recorded statements" in created[partial]["evidence"]
        assert any(ddl.endswith("(owner)") for ddl in created)
        calls = [row["calls"] for row in report["workload"] if row["query"].startswith("select")]
        assert calls == [40, 40]
        assert sum(row["share"] for row in report["workload"]) <= 1


def test_calls_that_are_counted_already_are_not_counted_again(shop: tuple[Cluster, list[Path]]) -> None:
    cluster, files = shop
    twice = tuple(file for file in files if file.suffix == ".csv")
    text = "select count(*) from jobs where owner = $1"
    with open_source(Source(dsn=cluster.dsn(), log_files=twice), None, Silent()) as (snapshot, _):
        pass
    counted = StatementCounters(
        queryid=1, role="postgres", toplevel=True, query=text, calls=500, total_exec_time=50.0, min_exec_time=0.1,
        max_exec_time=0.1, mean_exec_time=0.1, stddev_exec_time=0.0, rows=500, plans=0, total_plan_time=0.0,
        shared_blks_hit=500, shared_blks_read=0, shared_blks_dirtied=0, shared_blks_written=0,
    )  # fmt: skip
    snapshot = replace(snapshot, statements=(counted,))
    with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
        workload = read_workload(snapshot, Catalog(snapshot), PlanningSession(connection), Silent())
    statement = next(found for found in workload.statements if found.text == text)
    assert (statement.calls, statement.evidence) == (500, "literals")
    assert statement.sources == ("pg_stat_statements", "pg.csv")
    assert workload.total_exec_time == pytest.approx(50.0)


def test_a_log_that_gives_nothing_is_said(shop: tuple[Cluster, list[Path]], tmp_path: Path) -> None:
    cluster, _ = shop
    empty, binary = tmp_path / "empty.log", tmp_path / "binary.log"
    empty.write_bytes(b"")
    binary.write_bytes(bytes(range(256)) * 10)
    with open_source(Source(dsn=cluster.dsn(), log_files=(empty,)), None, Silent()) as (snapshot, _):
        assert "log empty.log" in {gap.what for gap in snapshot.gaps}
    for path, words in ((binary, "binary"), (tmp_path / "none.log", "no log file")):
        result = pgadvise("index", "--dsn", cluster.dsn(), "--log", str(path))
        assert result.returncode == 2
        assert words in sentence(result)
