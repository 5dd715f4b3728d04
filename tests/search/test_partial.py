"""Partial indexes on the rows beyond a number that the application always asks with."""

from __future__ import annotations

from dataclasses import replace

import pytest

from advisor.index_search import SearchOptions, advise_indexes
from advisor.index_search.facts import Facts
from advisor.model.lookup import Catalog
from advisor.model.names import RelationName
from advisor.model.workload import Binding
from advisor.progress import Silent
from tests.search.fake import columns, snapshot, statement, statistics, table, workload
from tests.search.test_search import bodies, prefer

LINES = snapshot(
    [table("lines", rows=1_000_000, pages=20_000)],
    columns("lines", kind="int8", amount="numeric", flags="int2", at="timestamptz"),
    [],
    [
        statistics("lines", "kind", 200),
        statistics("lines", "amount", -0.5, histogram_bounds="{-50,0,100,200,300}"),
        statistics("lines", "flags", 3, most_common_vals="{0,1,4}", most_common_freqs=(0.97, 0.029, 0.001)),
        statistics("lines", "at", -1.0),
    ],
)


@pytest.mark.parametrize(
    ("column", "operator", "value", "share"),
    [
        ("amount", "<", "0", 0.25),
        ("amount", ">=", "250", 0.125),
        ("amount", "<", "-80", 0.0),
        ("flags", ">", "1", 0.001),
        ("flags", "<=", "0", 0.97),
        ("flags", ">", "1 day", None),
        ("unknown", ">", "1", None),
    ],
)
def test_share_of_rows_beyond_a_number(column: str, operator: str, value: str, share: float | None) -> None:
    found = Facts(LINES, Catalog(LINES), SearchOptions()).range_share(
        RelationName("public", "lines"), column, operator, value
    )
    assert found == (None if share is None else pytest.approx(share, abs=1e-9))


@pytest.mark.parametrize(
    ("condition", "value", "executions", "proposed"),
    [
        ("amount < $2", "0", 5, "public.lines (kind) WHERE amount < 0"),
        ("flags > $2", "3", 5, "public.lines (kind) WHERE flags > 3"),
        ("amount < $2", "0", 4, None),  # that may be chance
        ("amount > $2", "0", 9, None),  # most rows
        ("at > $2", "2026-01-01", 9, None),  # another one next week
    ],
)
def test_a_bound_that_is_always_the_same_makes_a_partial_index(
    condition: str, value: str, executions: int, proposed: str | None
) -> None:
    catalog = Catalog(LINES)
    bindings = (Binding(values=("7", value), weight=1.0, origin="literal"),)
    sql = f"select * from lines where kind = $1 and {condition}"
    one = replace(statement(catalog, "q", sql, 100, bindings), repeated=((2, value, executions),))
    partial = [f"lines (kind) WHERE {condition.replace('$2', text)}" for text in (value, f"'{value}'")]
    planner = prefer(*(("q", handle, 2.0) for handle in partial))
    advice = advise_indexes(LINES, catalog, workload(one), planner, SearchOptions(), Silent())
    assert bodies(advice) == ({proposed} if proposed else set())
