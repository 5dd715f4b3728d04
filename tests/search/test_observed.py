"""Rows that were counted correct a guess of the planner, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from advisor.index_search.observed import surplus
from advisor.index_search.planner import Plan
from tests.whatif.conftest import statement


def bitmap_scan(**more: object) -> dict[str, Any]:
    index = {"Node Type": "Bitmap Index Scan", "Startup Cost": 0.0, "Total Cost": 20.0, "Plan Rows": 1200}
    scan = {"Node Type": "Bitmap Heap Scan", "Startup Cost": 20.0, "Total Cost": 2420.0, "Plan Rows": 1200}
    return scan | {"Plans": [index]} | more


def saved(tree: dict[str, Any], rows: float | None, calls: float = 100.0) -> float:
    counted = replace(statement("select 1"), rows=rows, calls=calls)
    plan = Plan(total_cost=tree["Total Cost"], startup_cost=0.0, rows=1200.0, used=frozenset(), tree=tree)
    return surplus(plan, counted)


def test_one_row_where_the_planner_guessed_many() -> None:
    assert saved(bitmap_scan(), rows=100.0) == pytest.approx(2400 * (1 - 1 / 1200))
    assert saved(bitmap_scan(), rows=0.0) == saved(bitmap_scan(), rows=100.0)


@pytest.mark.parametrize(
    ("tree", "rows", "calls"),
    [
        (bitmap_scan(), None, 100.0),  # nothing was counted
        (bitmap_scan(), 3.0, 3.0),  # too few calls
        (bitmap_scan(), 60_000.0, 100.0),  # 600 of 1,200: no contradiction
        (bitmap_scan(Filter="(active)"), 100.0, 100.0),  # the filter may have thrown the rest away
        (bitmap_scan() | {"Node Type": "Seq Scan"}, 100.0, 100.0),  # a scan costs what it costs
    ],
)
def test_no_correction(tree: dict[str, Any], rows: float | None, calls: float) -> None:
    assert saved(tree, rows, calls) == 0.0
