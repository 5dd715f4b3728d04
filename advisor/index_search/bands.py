"""What an index does for a statement's different values: the mean hides that it helps one and hurts another."""

from __future__ import annotations

from advisor.index_search.explain import cost_text
from advisor.index_search.oracle import Oracle
from advisor.index_search.search import Chosen

_HURT = 1.05
_LEAST = 1.0  # planner units
_WIDE = 3.0  # times from the cheapest to the dearest value: worth a word


def band_text(oracle: Oracle, key: str, chosen: Chosen) -> str:
    """Return how costs per call vary with the values, before and with the chosen indexes; '' where they hardly do."""
    before, after = oracle.by_binding(key, frozenset()), oracle.by_binding(key, chosen)
    pairs = [
        (weight, b, a) for (weight, b), (_, a) in zip(before, after, strict=True) if b is not None and a is not None
    ]
    if len(pairs) < 2:
        return ""
    total = sum(weight for weight, _, _ in pairs) or 1.0
    hurt = [(weight, b, a) for weight, b, a in pairs if a > _HURT * b and a - b > _LEAST]
    if hurt:
        _, worst_before, worst_after = max(hurt, key=lambda one: one[2] / one[1])
        share = sum(weight for weight, _, _ in hurt) / total
        return (
            f"for some values ({share:.0%} of its calls) the plan gets dearer, at worst from {cost_text(worst_before)} "
            f"to {cost_text(worst_after)}"
        )
    low, high = min(a for _, _, a in pairs), max(a for _, _, a in pairs)
    if high < _WIDE * low or high - low < 10 * _LEAST:
        return ""
    return f"by its values a call costs from {cost_text(low)} to {cost_text(high)} with it"
