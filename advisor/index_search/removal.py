"""What each statement would cost at least: trees of indexes taken away.

Planned with every index that can matter, a statement uses some of them. Whoever does not build all of those lacks at
least one: a child of the root for each, planned without it, and so on. Where nobody has looked yet, a statement costs
at least what its parent does, if more indexes never raise a cost. Planners break that rule now and then (fuzzy
comparison of paths): see advisor/index_search/bound.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from advisor.index_search.programme import Offer, Programme, Solution, best_offers, bits, solve

if TYPE_CHECKING:
    from advisor.index_search.budget import Answers, Budget

_NODES = 300  # per statement
_HARDLY = 2e-4  # of a statement's cost: gains below are not looked into
_LEAST = 2e-5  # of the workload's cost: what wins less is left out


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
    look_further(budget, statements, solution)
    return solution.chosen, budget.unhelped() - solution.most_gain


def look_further(budget: Budget, statements: Sequence[Answers], solution: Solution) -> int:
    """Plan where a solution rests on guesses; return how many plans that took."""
    before = budget.plans_asked
    for statement, offers in zip(statements, solution.taken, strict=True):
        for offer in offers:
            if offer.without and not budget.late():
                budget.look(statement, statement.relevant & ~offer.without)
            elif not offer.needs and not budget.late():
                budget.look(statement, statement.relevant)
    return budget.plans_asked - before
