"""Which indexes a workload needs, and which it does not: pure, given a planner."""

from advisor.index_search.advise import advise_indexes
from advisor.index_search.drops import advise_drops
from advisor.index_search.options import SearchOptions

__all__ = ["SearchOptions", "advise_drops", "advise_indexes"]
