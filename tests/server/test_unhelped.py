"""What no index helps is named with what would help instead."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from advisor.pipeline import ReportOptions, Source, make_report, open_source
from advisor.progress import Silent

pytestmark = pytest.mark.server


def test_summaries_pages_and_wrapped_columns(make_database: Callable[..., str]) -> None:
    dsn = make_database(15)
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in (
            "create extension pg_stat_statements",
            "create table sales (id int primary key, shop int, amount numeric, at timestamptz not null)",
            "insert into sales select i, i % 50, i, now() - i * interval '1 minute' from generate_series(1, 60000) i",
            "create index on sales (at)",
            "vacuum (analyze) sales",
            "select pg_stat_statements_reset()",
        ):
            connection.execute(statement.encode())
        for number in range(10):
            connection.execute("select shop, sum(amount) from sales group by shop")
            connection.execute("select id from sales order by at limit 20 offset %s", (40000 + number,))
            connection.execute("select count(*) from sales where to_char(at, 'YYYY-MM') = %s", (f"2026-{number:02}",))
            connection.execute("select max(id) from sales where extract(month from at) = %s", (1 + number,))
    with open_source(Source(dsn=dsn), None, Silent()) as (snapshot, session):
        report = make_report(snapshot, ReportOptions(subjects=("index",)), session)
    assert report.indexes is not None
    notes = [note for note in report.indexes.notes if note.startswith("No index helps")]
    assert any("sum(amount)" in note and "materialized view" in note for note in notes), notes
    assert any("offset" in note and "last row shown" in note for note in notes), notes
    assert any("to_char" in note and "plain column" in note for note in notes), notes
    assert any("extract" in note and "hides one of their arguments" in note for note in notes), notes
    assert not any("2026-0" in note for note in notes)
