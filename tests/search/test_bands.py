"""An index that helps one value and hurts another says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from advisor.index_search.bands import band_text
from advisor.index_search.oracle import Oracle
from advisor.index_search.planner import Group, Plan
from advisor.model.lookup import Catalog
from advisor.model.workload import Binding
from tests.search.fake import columns, snapshot, statement, statistics, table

COSTS = {("rare", False): 1000.0, ("rare", True): 8.0, ("often", False): 1000.0, ("often", True): 1400.0}


class ByValue:
    """A planner whose cost depends on the value and on whether the index is on."""

    description = "by value"
    ahead = 1

    def plan_many(self, requests: Sequence[Any], on: frozenset[str] = frozenset(), hidden: object = None) -> list[Plan]:
        found = [COSTS[binding.values[0], bool(on)] for _, binding in requests]
        return [Plan(total_cost=cost, startup_cost=0, rows=1, used=on, tree={}) for cost in found]

    def plan_groups(self, groups: Sequence[Group]) -> list[list[Plan]]:
        return [self.plan_many(group.requests, group.on) for group in groups]


def oracle_with(weights: dict[str, float]) -> Oracle:
    shot = snapshot([table("t")], columns("t", id="int8", state="text"), (), [statistics("t", "state", 3)])
    bindings = tuple(Binding(values=(value,), weight=weight) for value, weight in weights.items())
    one = replace(statement(Catalog(shot), "q", "select * from t where state = $1"), bindings=bindings)
    return Oracle(ByValue(), [one])  # type: ignore[arg-type]


def test_one_value_gets_dearer() -> None:
    text = band_text(oracle_with({"rare": 0.9, "often": 0.1}), "q", frozenset({"i"}))
    assert text == "for some values (10% of its calls) the plan gets dearer, at worst from 1,000 to 1,400"


def test_one_value_alone_has_no_band() -> None:
    assert band_text(oracle_with({"rare": 1.0}), "q", frozenset({"i"})) == ""


def test_a_wide_band_is_named(monkeypatch: Any) -> None:
    monkeypatch.setitem(COSTS, ("often", True), 700.0)
    text = band_text(oracle_with({"rare": 0.5, "often": 0.5}), "q", frozenset({"i"}))
    assert text == "by its values a call costs from 8.0 to 700 with it"
