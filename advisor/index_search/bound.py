"""How far from the best choice the answer can be: a lower bound, and how much it is to be trusted.

Each statement costs at least what it costs with every index that can matter to it; a budget (or a number of indexes)
allows no such set, so there an integer programme over trees of removed indexes gives a higher bound. Both hold only
if more indexes never raise a cost, which planners break now and then (fuzzy comparison of paths, genetic search).
Every pair of answers that could show it is checked. Nothing is said about indexes that are no candidates.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import permutations

from advisor.index_search.budget import Budget
from advisor.index_search.oracle import Known
from advisor.index_search.programme import solve
from advisor.index_search.removal import look_further, with_guesses
from advisor.index_search.search import Problem

_SHARE = 0.1  # of the time the search took, at most,
_SECONDS = (0.25, 3.0)  # at least and at most
_COMPARED = 40  # answers per statement
_TOLERANCE = 1e-6
_NO_BOUND = 0.5  # where more indexes raised a cost by so much, as LIMIT's hopes do, a bound would say nothing
_CLOSE = 1e-3  # of the answer's cost: a gap so small needs no more looking


@dataclass(frozen=True, slots=True)
class Bound:
    """`cost`: no choice of candidates within the limits costs less, in the statements' planner units.

    None where that cannot be said. `checks`: pairs of answers of which one had more indexes; `violations`: those in
    which it was dearer; `worst`: the largest excess, as a share.
    """

    cost: float | None
    checks: int = 0
    violations: int = 0
    worst: float = 0.0


def lower_bound(problem: Problem, costs: Mapping[str, tuple[float, float]], started: float) -> Bound:
    """Return a bound for the answer whose costs per statement (now, with it) are given; `started` is the search's
    begin on time.monotonic(), and the bound may take a tenth of the time since."""
    now = time.monotonic()
    stop = min(max(_SHARE * (now - started), _SECONDS[0]), _SECONDS[1]) + now
    checks, violations, worst = _monotony(problem.oracle.known.values())
    if worst > _NO_BOUND:
        return Bound(None, checks, violations, worst)
    answer = sum(problem.weights[key] * after for key, (_, after) in costs.items())
    floors: dict[str, float] = {}
    for key in costs:
        floor = _floor(problem, key, stop)
        if floor is None:
            return Bound(None, checks, violations, worst)
        floors[key] = floor
    least = sum(problem.weights[key] * floor for key, floor in floors.items())
    if problem.budget_bytes is not None:
        least = max(least, _within_limits(problem, floors, answer, stop))
    if least > answer * (1 + _TOLERANCE):
        return Bound(None, checks, violations, worst)
    return Bound(least, checks, violations, worst)


def _floor(problem: Problem, key: str, stop: float) -> float | None:
    """Return what a statement costs with all that can matter to it; None where nobody has looked in time."""
    known = problem.oracle.known[key]
    low, high = known.bounds(known.relevant)
    if known.relevant and (low <= 0 or not any(known.relevant <= allowed for allowed, _, _ in known.triples)):
        if time.monotonic() > stop:
            return None
        problem.oracle.plan((key,), known.relevant)
        low, high = known.bounds(known.relevant)
    return min(low, high) if known.triples else known.base


def _within_limits(problem: Problem, floors: Mapping[str, float], answer: float, stop: float) -> float:
    """Return a lower bound on the cost of what the limits allow; 0 where none was found in time."""
    budget = Budget(problem, felt=False)
    elsewhere = sum(problem.weights[key] * floor for key, floor in floors.items() if key not in budget.statements)
    best = 0.0
    while (left := stop - time.monotonic()) > 0:
        programme, statements = with_guesses(budget)
        # Parts of indexes first: solved at once, and often close enough.
        solution = solve(programme, left, relaxed=True)
        if solution is None:
            break
        best = max(best, elsewhere + budget.unhelped() - solution.most_gain)
        if best >= answer * (1 - _CLOSE) or not look_further(budget, statements, solution):
            break
    if best < answer * (1 - _CLOSE):
        programme, _ = with_guesses(budget)
        solution = solve(programme, _SECONDS[0] + max(0.0, stop - time.monotonic()))
        if solution is not None:
            best = max(best, elsewhere + budget.unhelped() - solution.most_gain)
    return best


def _monotony(known: Iterable[Known]) -> tuple[int, int, float]:
    """Return (pairs compared, pairs in which more indexes cost more, the largest excess)."""
    checks = violations = 0
    worst = 0.0
    for one in known:
        answers = [(allowed, cost) for allowed, _, cost in one.triples[:_COMPARED]]
        for (more, dear), (less, cheap) in permutations(answers, 2):
            if less < more:
                checks += 1
                if dear > cheap * (1 + _TOLERANCE):
                    violations += 1
                    worst = max(worst, dear / cheap - 1)
    return checks, violations, worst
