"""Limits of the search, as the command line gives them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchOptions:
    """`budget_bytes`: sum of the new indexes' sizes; `time_limit` in seconds: the best found by then is the answer."""

    budget_bytes: int | None = None
    max_indexes: int | None = None
    max_width: int = 4
    covering: bool = True  # whether indexes may INCLUDE columns
    time_limit: float = 60.0
    fixed_price: float = 0.02  # what any index costs, as a share of the cost of the statements that indexes help
    size_price: float = 1.0  # the same for an index as large as all tables together
    min_pages: int = 16  # smaller tables are read whole faster
    min_rows: int = 500
