"""The upgrade rehearsal: two twins, one workload."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from advisor.collect import collect
from advisor.connect import open_connection
from advisor.model.upgrade import UpgradeNote
from advisor.upgrade_notes import upgrade_notes
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


OLD = """
create extension pg_stat_statements;
create extension if not exists adminpack;
create table held (id int primary key, what regproc, rights aclitem[], kind regclass);
create view io as select query, blk_read_time from pg_stat_statements;
create view writes as select buffers_backend from pg_stat_bgwriter;
create function norm(text) returns text language sql immutable as 'select lower($1)';
create function pinned(text) returns text language sql immutable set search_path = pg_catalog as 'select lower($1)';
create table people (id int primary key, name text, note text);
create index people_norm on people (norm(name));
create index people_pinned on people (pinned(note));
create statistics people_both on name, note from people;
create unlogged table parts (at date) partition by range (at);
create function start() returns void language sql as 'select pg_start_backup(''x'')';
create operator !! (leftarg = int, function = nothing);
"""


def notes_of(dsn: str, to: int) -> dict[str, UpgradeNote]:
    with open_connection(dsn) as connection:
        return {note.title: note for note in upgrade_notes(collect(connection), to)}


def test_what_the_database_uses_that_changes(make_database: Callable[..., str]) -> None:
    dsn = make_database(13)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("create function nothing(int) returns int language sql as 'select $1'")
        connection.execute("set check_function_bodies = off")
        for statement in filter(str.strip, OLD.split(";\n")):
            connection.execute(statement.encode())
        connection.execute("create role upgrade_maker createrole")
        connection.execute("create role upgrade_lead createrole superuser")
    try:
        notes = notes_of(dsn, 18)
    finally:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("drop role upgrade_maker")
            connection.execute("drop role upgrade_lead")
    assert notes["CREATEROLE alone no longer manages other roles in 16"].objects == ("upgrade_maker",)
    assert notes["Columns of types that hold OIDs"].objects == ("public.held.what",)
    assert notes["Columns of type aclitem"].objects == ("public.held.rights",)
    assert notes["Extensions that 17 no longer has"].objects == ("adminpack",)
    assert notes["pg_stat_statements renames blk_read_time and blk_write_time in 17"].objects == ("view public.io",)
    assert "view public.writes" in notes["pg_stat_bgwriter loses its columns about checkpoints in 17"].objects
    assert notes["Exclusive backup functions are gone in 15"].objects == ("function public.start",)
    assert notes["Functions in indexes or materialized views without a search_path of their own"].objects == (
        "public.people_norm",
    )
    assert notes["Extended statistics are not carried over"].objects == ("public.people_both",)
    assert notes["Unlogged partitioned tables are refused from 18 on"].objects == ("public.parts",)
    assert notes["Postfix operators are gone in 14"].objects == ("public.!!",)
    assert notes["Passwords are stored as MD5, which 18 calls deprecated"].severity == "medium"


def test_a_step_that_changes_little_says_little(make_database: Callable[..., str]) -> None:
    dsn = make_database(15)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("create table t (id int primary key, kind regclass)")
    assert {note.severity for note in notes_of(dsn, 16).values()} <= {"info"}
