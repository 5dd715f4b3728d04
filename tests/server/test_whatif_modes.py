"""The same advice from the twin and from HypoPG, but for what HypoPG cannot try; and with no time at all."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import psycopg
import pytest

from advisor.cluster import Cluster
from advisor.index_search import SearchOptions
from advisor.model.report import Report
from advisor.pipeline import ReportOptions, Source, make_report, open_source
from advisor.progress import Silent
from advisor.render import render
from advisor.whatif import WhatIfOptions

pytestmark = pytest.mark.server

SCHEMA = """
create extension pg_stat_statements; create extension hypopg;
create table readers (id int primary key, email text not null, city text not null, joined date not null, tags text[]);
create table loans (id int primary key, reader int not null references readers, book int not null,
  due timestamptz not null, back timestamptz, note text);
insert into readers select i, 'R' || i || '@ex.org', 'c' || i % 700, date '2020-01-01' + i % 2000, array['t' || i % 90]
  from generate_series(1, 30000) i;
insert into loans select i, 1 + i * 7919 % 30000, i % 9000, timestamptz '2026-01-01' + i * interval '3 minutes',
  case when i % 40 > 0 then now() end, repeat('n', 40) from generate_series(1, 90000) i;
vacuum analyze;
select pg_stat_statements_reset()
"""
QUERIES = (
    ("select id from readers where lower(email) = %s", ("r77@ex.org",)),
    ("select id, email from readers where city = %s order by joined desc limit 10", ("c7",)),
    ("select * from loans where reader = %s and back is null", (8,)),
    ("select book, count(*) from loans where due between %s and %s group by book", ("2026-02-01", "2026-02-02")),
    ("select r.email from loans l join readers r on r.id = l.reader where l.book = %s", (17,)),
    ("select id from readers where tags @> %s", (["t5"],)),
)


def test_both_planners_propose_the_same(clusters: Callable[[int], Cluster]) -> None:
    cluster = clusters(15)
    name = f"t_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(cluster.dsn(), autocommit=True) as admin:
        admin.execute(f"create database {name}")
        with psycopg.connect(cluster.dsn(name), autocommit=True) as connection:
            for statement in SCHEMA.split(";\n"):
                connection.execute(statement.encode())
            for query, values in QUERIES:
                for _ in range(30):
                    connection.execute(query.encode(), values)
        with open_source(Source(dsn=cluster.dsn(name)), None, Silent()) as (snapshot, session):
            reports = [
                make_report(snapshot, ReportOptions(subjects=("index",), what_if=WhatIfOptions(mode=mode)), session)
                for mode in ("twin", "hypopg")
            ]
            hurried = make_report(
                snapshot, ReportOptions(subjects=("index",), search=SearchOptions(time_limit=0.001)), session
            )
        admin.execute(f"drop database {name} with (force)")
    by_twin, by_hypopg = map(proposed, reports)
    assert by_twin - by_hypopg == {"public.readers USING gin (tags)"}
    assert not by_hypopg - by_twin and len(by_hypopg) >= 4
    # What makes the difference is said.
    assert any("GIN" in gap.what + (gap.why or "") for gap in reports[1].gaps), reports[1].gaps
    # No time at all: what single statements like best, and it is said that there may be more.
    assert hurried.indexes is not None and not hurried.indexes.complete
    assert len(proposed(hurried) & by_twin) >= 3
    assert not any("no statement of the workload" in one.reason for one in hurried.indexes.rejected)
    assert "The time limit ended the search" in render(hurried, "text")


def proposed(report: Report) -> set[str]:
    assert report.indexes is not None
    return {proposal.ddl.partition(" ON ")[2] for proposal in report.indexes.create}
