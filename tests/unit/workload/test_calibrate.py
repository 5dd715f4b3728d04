"""Tilting weights until they explain the counters, and choosing representatives."""

from __future__ import annotations

import pytest

from advisor.model.lookup import Catalog
from advisor.workload.calibrate import (
    Outcome,
    Sizes,
    blocks_of,
    calibrate,
    representatives,
    rows_returned,
    tilt,
)
from tests.unit.workload.fakes import snapshot


def mean(weights: list[float], amounts: list[float]) -> float:
    return sum(weight * amount for weight, amount in zip(weights, amounts, strict=True))


AMOUNTS = [1.0, 10.0, 100.0, 1e6]


@pytest.mark.parametrize("target", [1.5, 10.0, 5000.0, 9e5])
def test_target_inside_is_met(target: float) -> None:
    weights = tilt([0.25] * 4, AMOUNTS, target)
    assert mean(weights, AMOUNTS) == pytest.approx(target, rel=1e-3)
    assert sum(weights) == pytest.approx(1)


@pytest.mark.parametrize(("target", "place"), [(0.0, 0), (0.2, 0), (1.0, 0), (1e6, 3), (1e12, 3)])
def test_target_outside_takes_the_nearest(target: float, place: int) -> None:
    assert tilt([0.25] * 4, AMOUNTS, target)[place] > 0.99


def test_huge_amounts_do_not_overflow() -> None:
    weights = tilt([0.5, 0.5], [1.0, 1e300], 2.0)
    assert sum(weights) == pytest.approx(1)


def test_all_amounts_equal() -> None:
    assert tilt([0.3, 0.7], [5.0, 5.0], 9.0) == pytest.approx([0.3, 0.7])


def outcome(cost: float, rows: float | None, blocks: float, shape: str = "a") -> Outcome:
    return Outcome((str(cost),), cost, rows, blocks, shape)


def test_rows_and_blocks_are_both_explained() -> None:
    outcomes = [outcome(1, 1, 3), outcome(2, 1, 300), outcome(3, 100, 3), outcome(4, 100, 300)]
    weights = calibrate(outcomes, 50.0, 30.0)
    assert mean(weights, [o.rows or 0 for o in outcomes]) == pytest.approx(50, rel=0.05)
    assert mean(weights, [o.blocks for o in outcomes]) == pytest.approx(30, rel=0.05)


def test_rows_that_are_not_known_do_not_count() -> None:
    outcomes = [outcome(1, None, 10), outcome(2, 5, 1000)]
    assert calibrate(outcomes, 5.0, 10.0)[0] > 0.99
    assert calibrate(outcomes, 5.0, None) == [0.5, 0.5]


def test_representatives_stand_for_every_shape() -> None:
    outcomes = [outcome(float(i), 1, 1, "index" if i < 20 else "seq") for i in range(1, 30)]
    found = representatives(outcomes, [1 / 29] * 29)
    assert len(found) == 5
    assert sum(weight for _, weight in found) == pytest.approx(1)
    assert {o.shape for o, _ in found} == {"index", "seq"}
    weighted = sum(o.cost * weight for o, weight in found)
    assert weighted == pytest.approx(15, rel=0.1)


def test_one_shape_and_one_cost_need_one_representative() -> None:
    assert len(representatives([outcome(8.3, 1, 4)] * 12, [1 / 12] * 12)) == 1


def test_weightless_outcomes_are_left_out() -> None:
    found = representatives([outcome(1, 1, 1), outcome(1000, 1, 1, "b")], [1.0, 0.0])
    assert [(o.cost, weight) for o, weight in found] == [(1, 1.0)]


PLAN = {"Node Type": "Seq Scan", "Relation Name": "orders", "Plan Rows": 7, "Total Cost": 10.0}


def test_rows_returned() -> None:
    assert rows_returned(PLAN) == 7
    assert rows_returned({"Node Type": "ModifyTable", "Plan Rows": 0, "Plans": [PLAN]}) == 7
    child = PLAN | {"Parent Relationship": "Outer"}
    assert rows_returned({"Node Type": "Limit", "Plan Rows": 3, "Plans": [child]}) is None
    assert rows_returned({"Node Type": "Sort", "Plan Rows": 7, "Plans": [child]}) == 7


def test_blocks() -> None:
    sizes = Sizes(Catalog(snapshot()))
    assert blocks_of(PLAN, sizes) == 1000
    index = {"Node Type": "Index Scan", "Relation Name": "orders", "Plan Rows": 5, "Total Cost": 1.0}
    assert blocks_of(index, sizes) == pytest.approx(8, rel=0.01)
    loop = {"Node Type": "Nested Loop", "Plan Rows": 35, "Total Cost": 50.0, "Plans": [PLAN, index]}
    assert blocks_of(loop, sizes) == pytest.approx(1000 + 7 * 8, rel=0.01)
    limit = {"Node Type": "Limit", "Plan Rows": 5, "Total Cost": 2.0}
    assert blocks_of(limit | {"Plans": [PLAN | {"Total Cost": 20.0}]}, sizes) == pytest.approx(100)
    sort = {"Node Type": "Sort", "Plan Rows": 35, "Total Cost": 20.0, "Plans": [PLAN]}
    gather = {"Node Type": "Gather Merge", "Plan Rows": 35, "Total Cost": 90.0, "Plans": [sort]}
    assert blocks_of(limit | {"Plans": [gather]}, sizes) == 1000  # what is sorted is read to its end
    assert blocks_of({"Node Type": "Seq Scan", "Relation Name": "gone", "Plan Rows": 1, "Total Cost": 1.0}, sizes) == 1


def test_rows_behind_a_filter_are_not_the_rows_fetched() -> None:
    sizes = Sizes(Catalog(snapshot()))
    index = {"Node Type": "Index Scan", "Relation Name": "orders", "Plan Rows": 1, "Total Cost": 2000.0}
    assert blocks_of(index, sizes) < 5
    assert blocks_of(index | {"Filter": "(user_id = 5)"}, sizes) == 400
    bitmap = {"Node Type": "Bitmap Index Scan", "Plan Rows": 100000, "Total Cost": 1.0}
    heap = {"Node Type": "Bitmap Heap Scan", "Relation Name": "orders", "Plan Rows": 1, "Total Cost": 9.0}
    assert blocks_of(heap | {"Plans": [bitmap]}, sizes) > 1000
