"""Distinct values of columns whose rows lie together, against tables that were really analyzed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import psycopg
import pytest

from advisor.index_search.distinct import values_together
from advisor.index_search.planner import Candidate
from advisor.index_search.size import distinct_count, estimate_index_size
from advisor.model.catalog import IndexColumn
from advisor.model.lookup import Catalog
from advisor.model.names import RelationName
from advisor.model.server import Setting
from tests.search.live import take_snapshot

TARGET = Setting(
    name="default_statistics_target", setting="10", unit=None, category="", context="user", vartype="integer",
    source="database",
)  # fmt: skip
LINES = RelationName("public", "lines")

# 12,000 pages, of which ANALYZE with a target of 10 looks at 3,000.
SCHEMA = """
create table lines (order_id int not null, scattered int not null, day int not null, filler char(100) not null);
insert into lines select i / 3, (i * 7919::bigint) % 600000 / 3, i / 30000, '' from generate_series(0, 599999) i;
vacuum analyze lines;
create index by_order on lines (order_id);
"""


@pytest.fixture(params=[13, 18])
def catalog(make_database: Callable[..., str], request: pytest.FixtureRequest) -> Catalog:
    major: int = request.param
    dsn = make_database(major)
    with psycopg.connect(dsn, autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(f"alter database {name} set default_statistics_target = 10".encode())
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in SCHEMA.split(";"):
            if statement.strip():
                connection.execute(statement.encode())
        return Catalog(replace(take_snapshot(connection), settings=(TARGET,)))


@pytest.mark.server
def test_neighbours_of_one_value_are_not_taken_for_repetition(catalog: Catalog) -> None:
    row = catalog.statistics(LINES, "order_id")
    assert row is not None and distinct_count(row.n_distinct, 600_000) < 100_000  # there are 200,000
    mended = values_together(row, LINES, catalog)
    assert distinct_count(mended, 600_000) == pytest.approx(200_000, rel=0.35)
    for other in ("scattered", "day"):
        row = catalog.statistics(LINES, other)
        assert row is not None and values_together(row, LINES, catalog) == row.n_distinct


@pytest.mark.server
def test_the_index_on_them_is_as_large_as_said(catalog: Catalog) -> None:
    built = next(index for index in catalog.snapshot.indexes if index.name == "by_order").size_bytes
    assert built is not None
    size = estimate_index_size(
        Candidate(table=LINES, access_method="btree", columns=(IndexColumn(column="order_id"),)), catalog
    )
    assert size.size_bytes == pytest.approx(built, rel=0.2)


@pytest.mark.server
def test_a_sample_of_every_page_is_believed(catalog: Catalog) -> None:
    row = catalog.statistics(LINES, "order_id")
    assert row is not None
    columns = tuple(replace(c, statistics_target=100) if c.name == "day" else c for c in catalog.snapshot.columns)
    thorough = Catalog(replace(catalog.snapshot, columns=columns))
    assert values_together(row, LINES, thorough) == row.n_distinct
