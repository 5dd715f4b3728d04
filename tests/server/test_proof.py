"""`pgadvise prove`: advice built and run for real on a copy, and the servers it refuses."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace

import psycopg
import pytest
from typer.testing import CliRunner

from advisor.cli import prove as prove_command
from advisor.cli.app import app
from advisor.cluster import Cluster
from advisor.connect import open_connection
from advisor.errors import ConnectionFailed, UsageError
from advisor.index_search import SearchOptions
from advisor.model.proof import ProofReport
from advisor.pipeline import Source, open_source
from advisor.progress import Silent
from advisor.proof import ProofOptions, advise_workload, open_disposable, prove
from advisor.whatif import WhatIfOptions

pytestmark = pytest.mark.server

SCHEMA = """
create extension if not exists pg_stat_statements;
create type mood as enum ('good', 'bad');
create table people (id bigint primary key, email text not null, feeling mood not null, age integer not null);
create table visits (id bigint primary key, person bigint not null references people (id), at timestamptz not null);
insert into people select i, 'P' || i || '@ex.org', case when i % 100 = 0 then 'bad' else 'good' end::mood, i % 90
  from generate_series(1, 40000) i;
insert into visits select i, 1 + (i * 7919) % 40000, now() - i * interval '1 minute' from generate_series(1, 60000) i;
vacuum (analyze) people, visits;
select pg_stat_statements_reset();
"""


@pytest.fixture(scope="module")
def pair(clusters: Callable[[int], Cluster]) -> Iterator[tuple[str, str]]:
    """DSNs of a database with a workload and of a copy of it."""
    cluster = clusters(15)
    name = f"t_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(cluster.dsn(), autocommit=True) as admin:
        admin.execute(f"create database {name}")
        with psycopg.connect(cluster.dsn(name), autocommit=True) as connection:
            for statement in SCHEMA.split(";\n"):
                connection.execute(statement)
            for number in range(1, 40):
                connection.execute("select * from people where lower(email) = %s", (f"p{number}@ex.org",))
                connection.execute("select id, at from visits where person = %s order by at desc", (number * 7,))
                connection.execute("update people set age = age + 1 where id = %s", (number,))
            connection.execute("select count(*) from people where feeling = %s", ("bad",))
        admin.execute(f"create database {name}_copy template {name}")
        yield cluster.dsn(name), cluster.dsn(f"{name}_copy")
        for database in (name, f"{name}_copy"):
            admin.execute(f"drop database if exists {database} with (force)")


def proven(source: str, target: str, options: ProofOptions, bogus: bool = False) -> ProofReport:
    with (
        open_disposable(target, source, 30) as connection,
        open_source(Source(dsn=source), None, Silent()) as (snapshot, reader),
    ):
        workload, advice = advise_workload(snapshot, WhatIfOptions(), SearchOptions(), reader, Silent())
        if bogus:
            useless = replace(
                advice.create[0],
                name="people_age_idx",
                table=next(t.relation for t in snapshot.tables if t.name == "people"),
                ddl="CREATE INDEX CONCURRENTLY people_age_idx ON public.people (age)",
                after_ddl=(),
            )
            broken = replace(useless, name="nonsense_idx", ddl="CREATE INDEX nonsense_idx ON public.people (nonsense)")
            advice = replace(advice, create=(*advice.create, useless, broken))
        return prove(connection, snapshot, workload, advice, options, Silent())


def indexes(dsn: str) -> set[str]:
    with psycopg.connect(dsn) as connection:
        return {row[0] for row in connection.execute("select indexname from pg_indexes where schemaname = 'public'")}


def test_what_helps_is_shown_and_what_does_not_is_dropped(pair: tuple[str, str]) -> None:
    source, target = pair
    before = indexes(target)
    report = proven(source, target, ProofOptions(rounds=2), bogus=True)
    verdicts = {index.name: index for index in report.indexes}
    assert verdicts["people_lower_email_idx"].helped
    assert verdicts["visits_person_at_idx" if "visits_person_at_idx" in verdicts else "visits_person_idx"].helped
    assert not verdicts["people_age_idx"].helped and verdicts["people_age_idx"].reason == "no statement used it"
    assert "could not be built" in verdicts["nonsense_idx"].reason
    assert report.seconds_after < report.seconds_before / 3
    assert all(index.real_bytes for index in report.indexes if index.helped)
    assert {"update"} < {statement.kind for statement in report.statements}
    assert indexes(target) == before
    with psycopg.connect(target) as connection:
        assert connection.execute("select age from people where id = 1").fetchone() == (2,), "updates were rolled back"


def test_kept_on_request(pair: tuple[str, str]) -> None:
    source, target = pair
    report = proven(source, target, ProofOptions(rounds=1, keep=True))
    kept = {index.name for index in report.indexes if index.helped}
    assert kept and kept <= indexes(target)
    with psycopg.connect(target, autocommit=True) as connection:
        for name in kept:
            connection.execute(f"drop index {name}")


def test_the_examined_database_is_refused(pair: tuple[str, str]) -> None:
    with pytest.raises(UsageError, match="the very database"), open_disposable(pair[0], pair[0], 30):
        pass


def test_a_database_in_use_is_refused(pair: tuple[str, str]) -> None:
    with (
        psycopg.connect(pair[1], application_name="shop"),
        pytest.raises(UsageError, match="1 other session is connected"),
        open_disposable(pair[1], pair[0], 30),
    ):
        pass


def test_nothing_is_guessed_from_the_environment(pair: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", pair[1])
    with pytest.raises(UsageError, match="needs a connection string"), open_disposable(" ", None, 30):
        pass
    with pytest.raises(ConnectionFailed), open_disposable("host=/nowhere dbname=x", None, 30):
        pass


def test_command(pair: tuple[str, str], tmp_path: object) -> None:
    assert prove_command
    runner = CliRunner()
    result = runner.invoke(app, ["prove", "--dsn", pair[0], "--disposable", pair[1], "-q", "--rounds", "1"])
    assert result.exit_code == 0, result.output
    assert "HELPED" in result.stdout and "All of them were dropped again." in result.stdout
    result = runner.invoke(
        app, ["prove", "--dsn", pair[0], "--disposable", pair[1], "-q", "--rounds", "1", "-f", "json"]
    )
    assert json.loads(result.stdout)["schema_version"] == 1


def test_the_reading_session_stays_read_only(pair: tuple[str, str]) -> None:
    with open_connection(pair[0]) as session, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        session.execute("create index on people (age)")
