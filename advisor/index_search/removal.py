"""What each statement would cost at least: trees of indexes taken away.

Planned with every index that can matter, a statement uses some of them. Whoever does not build all of those lacks at
least one: a child of the root for each, planned without it, and so on. Where nobody has looked yet, a statement costs
at least what its parent does, if more indexes never raise a cost. Planners break that rule now and then (fuzzy
comparison of paths): it is checked against every pair of answers that could show it, and counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from advisor.index_search.programme import Offer, Programme, best_offers, bits, solve

if TYPE_CHECKING:
    from advisor.index_search.budget import Answers, Budget

_NODES = 300  # per statement
_HARDLY = 2e-4  # of a statement's cost: gains below are not looked into
_TOLERANCE = 1e-6
_LEAST = 2e-5  # of the workload's cost: what wins less is left out


@dataclass(frozen=True, slots=True)
class Monotony:
    """Pairs of answers of which one had more indexes, those in which it was dearer, and the worst excess (share)."""

    checks: int
    violations: int
    worst: float


def exact_offers(budget: Budget, statement: Answers) -> list[Offer]:
    """Return what the planner said already."""
    return best_offers(
        [
            Offer(used, 0, statement.weight * (statement.base - cost))
            for _, used, cost in statement.answers
            if statement.weight * (statement.base - cost) > _LEAST * budget.present
        ]
    )


def guesses(statement: Answers) -> list[Offer]:
    """Return an offer for each place of the tree where nobody has looked."""
    found: list[Offer] = []
    seen = {0}
    pending = [0]
    while pending:
        removed = pending.pop()
        left = statement.relevant & ~removed
        answer = statement.answer(left)
        if answer is None:
            found.append(Offer(0, removed, statement.weight * statement.base))
            continue
        used, cost = answer
        gain = statement.weight * (statement.base - cost)
        if cost >= statement.base * (1 - _HARDLY):
            if gain > 0:
                found.append(Offer(0, removed, gain))
            continue
        for place in bits(used):
            child = removed | 1 << place
            if child in seen:
                continue
            if len(seen) < _NODES and statement.answer(statement.relevant & ~child) is not None:
                seen.add(child)
                pending.append(child)
            else:
                found.append(Offer(0, child, gain))
    return best_offers(found)


def with_guesses(budget: Budget) -> tuple[Programme, list[Answers]]:
    """Return a programme whose optimum no choice within the budget beats, and its statements in order."""
    programme = budget.programme(prices=False)
    statements = list(budget.statements.values())
    for statement, offers in zip(statements, programme.offers, strict=True):
        offers += guesses(statement)
    return programme, statements


def explore(budget: Budget, seconds: float) -> tuple[int, float] | None:
    """Return about the choice that would be best if every guess held (after looking at the guesses it rests on), and
    the least cost of the workload that the guesses allow. Indexes may be built in part, which is solved at once."""
    programme, statements = with_guesses(budget)
    solution = solve(programme, seconds, relaxed=True)
    if solution is None:
        return None
    for statement, offers in zip(statements, solution.taken, strict=True):
        for offer in offers:
            if offer.without and not budget.late():
                budget.look(statement, statement.relevant & ~offer.without)
    return solution.chosen, budget.unhelped() - solution.most_gain


def monotony(budget: Budget) -> Monotony:
    """Check every pair of answers for a statement of which one had all the indexes of the other."""
    checks = violations = 0
    worst = 0.0
    for statement in budget.statements.values():
        answers = [(allowed & statement.relevant, cost) for allowed, _, cost in statement.answers[:_NODES]]
        for more, dear in answers:
            for less, cheap in answers:
                if less == more or less & ~more:
                    continue
                checks += 1
                if dear > cheap * (1 + _TOLERANCE):
                    violations += 1
                    worst = max(worst, dear / cheap - 1)
    return Monotony(checks, violations, worst)
