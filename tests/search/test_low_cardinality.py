"""An expression over a column of few values: no histogram, and still a report."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from advisor.pipeline import ReportOptions, Source, make_report, open_source
from advisor.progress import Silent

pytestmark = pytest.mark.server


def test_an_expression_over_three_values(make_database: Callable[..., str]) -> None:
    dsn = make_database(15)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("create extension pg_stat_statements")
        connection.execute("create table t (id int primary key, status text not null, pad text)")
        connection.execute(
            "insert into t select i, case when i % 1000 = 0 then 'Open' when i % 2 = 0 then 'Done' else 'Gone' end,"
            " repeat('x', 100) from generate_series(1, 100000) i"
        )
        connection.execute("vacuum analyze t")
        connection.execute("select pg_stat_statements_reset()")
        for _ in range(20):
            connection.execute("select id from t where lower(status) = %s", ("open",))
    with open_source(Source(dsn=dsn), None, Silent()) as (snapshot, connection):
        report = make_report(snapshot, ReportOptions(), connection)
        assert report.indexes is not None
        assert report.indexes.candidates > 0
        assert report.indexes.statements == 1
    with psycopg.connect(dsn) as connection:
        rows = connection.execute("select query from pg_stat_statements where query ilike 'explain%'").fetchall()
        assert all("pgadvise" in query for (query,) in rows), "our own questions are marked"
