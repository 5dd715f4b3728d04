"""Spending a storage budget: the cheapest workload that fits.

Greedy starts at several exponents of size, then exchanges: force one index in or throw some out, fill up again. Sets
are bit masks here, because a search tries hundreds of thousands of them and asks the planner about a few thousand.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from advisor.index_search.search import Problem

Chosen = frozenset[str]
_EXPONENTS = (1.0, 0.5, 0.0)  # of the size a gain is divided by: each wins somewhere
_STALE = 60  # exchanges in a row without improvement that end the search
_PATIENCE = 1500  # plans asked since the last improvement that end it too
_ENOUGH = 5e-5  # of the workload's cost: smaller improvements do not count
_MAX_ANSWERS = 1500  # per statement


@dataclass(slots=True)
class _Statement:
    key: str
    weight: float
    relevant: int
    answers: list[tuple[int, int, float]]  # allowed, used, cost
    costs: dict[int, float] = field(default_factory=dict)  # by exact set of relevant indexes

    def known(self, chosen: int) -> float | None:
        within = chosen & self.relevant
        found = self.costs.get(within)
        if found is None:
            for allowed, used, cost in self.answers:
                if used & ~within == 0 and within & ~allowed == 0:
                    self.costs[within] = cost
                    return cost
        return found

    def used(self, chosen: int) -> int:
        """Return the indexes its plan uses; all relevant ones when no answer tells."""
        within = chosen & self.relevant
        return next((u for a, u, _ in self.answers if u & ~within == 0 and within & ~a == 0), within)

    def least(self, chosen: int) -> float:
        """Return a cost the statement does not go below, if more indexes never raise one."""
        within = chosen & self.relevant
        low, high = 0.0, float("inf")
        for allowed, used, cost in self.answers:
            if cost > low and within & ~allowed == 0:
                low = cost
            if cost < high and used & ~within == 0:
                high = cost
        return min(low, high)


class Budget:
    """The problem in bit masks."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self.handles = [handle for handle in sorted(problem.items) if problem.items[handle].statements]
        self.bits = {handle: 1 << place for place, handle in enumerate(self.handles)}
        self.sizes = [max(1, problem.items[handle].size_bytes) for handle in self.handles]
        self.statements: dict[str, _Statement] = {}
        for key, known in problem.oracle.known.items():
            if known.relevant and known.failed is None:
                answers = [(self.mask(a), self.mask(u), c) for a, u, c in known.triples]
                self.statements[key] = _Statement(key, problem.weights[key], self.mask(known.relevant), answers)
        self.serves = [
            [self.statements[key] for key in problem.items[handle].statements if key in self.statements]
            for handle in self.handles
        ]
        self.present = sum(problem.weights[key] * known.base for key, known in problem.oracle.known.items()) or 1.0
        self.offered = [
            place for place, handle in enumerate(self.handles) if handle not in problem.forbidden and self.serves[place]
        ]
        self._values: dict[int, float] = {}

    def mask(self, handles: Iterable[str]) -> int:
        found = 0
        for handle in handles:
            found |= self.bits.get(handle, 0)
        return found

    def chosen(self, mask: int) -> Chosen:
        return frozenset(self.handles[place] for place in _places(mask))

    def fits(self, mask: int) -> bool:
        problem = self._problem
        if problem.max_indexes is not None and mask.bit_count() > problem.max_indexes:
            return False
        return problem.budget_bytes is None or sum(self.sizes[place] for place in _places(mask)) <= problem.budget_bytes

    def may_hold(self, place: int) -> bool:
        return self.fits(1 << place)

    @property
    def plans_asked(self) -> int:
        return self._problem.oracle.plans_asked

    def late(self) -> bool:
        return self._problem.late()

    def costs(self, statements: list[_Statement], chosen: int) -> float:
        """Return the statements' weighted cost; what is not known yet is planned in one go."""
        unknown = [one for one in statements if one.known(chosen) is None]
        if unknown:
            self._ask(unknown, chosen)
        return sum(one.weight * (one.known(chosen) or 0.0) for one in statements)

    def _ask(self, statements: list[_Statement], chosen: int) -> None:
        oracle = self._problem.oracle
        answers = oracle.plan([one.key for one in statements], self.chosen(chosen))
        for one in statements:
            answer = answers.get(one.key)
            if answer is None:
                one.costs[chosen & one.relevant] = oracle.known[one.key].base
                continue
            cost, used = answer
            mask = self.mask(used)
            self._learn(one, mask & ~one.relevant)
            one.costs[chosen & one.relevant] = cost
            if len(one.answers) < _MAX_ANSWERS:
                one.answers.append((chosen, mask, cost))

    def _learn(self, one: _Statement, surprises: int) -> None:
        """Take indexes that a plan used though nobody expected it as relevant from now on."""
        if not surprises:
            return
        one.relevant |= surprises
        one.costs.clear()
        self._values.clear()
        known = self._problem.oracle.known[one.key]
        known.relevant |= self.chosen(surprises)
        known.costs.clear()
        for place in _places(surprises):
            self.serves[place].append(one)
            item = self._problem.items[self.handles[place]]
            item.statements = (*item.statements, one.key)

    def overhead(self, chosen: int) -> float:
        """Return prices and upkeep of the chosen indexes."""
        problem = self._problem
        handles = self.chosen(chosen)
        tables = {problem.items[handle].candidate.table for handle in handles}
        return sum(problem.price(handle) for handle in handles) + sum(problem.upkeep(handles, one) for one in tables)

    def value(self, chosen: int) -> float:
        """Return the objective: lower is better."""
        found = self._values.get(chosen)
        if found is None:
            found = self.costs(list(self.statements.values()), chosen) + self.overhead(chosen)
            self._values[chosen] = found
        return found

    def gain(self, place: int, chosen: int) -> float:
        """Return what one more index wins."""
        bigger = chosen | 1 << place
        serves = self.serves[place]
        return self.costs(serves, chosen) - self.costs(serves, bigger) + self.overhead(chosen) - self.overhead(bigger)

    def hope(self, place: int, chosen: int) -> float:
        """Return the most one more index could win, from what is known."""
        bigger = chosen | 1 << place
        won = 0.0
        for one in self.serves[place]:
            now = one.known(chosen)
            then = one.known(bigger)
            if now is not None:
                won += one.weight * (now - (one.least(bigger) if then is None else then))
            else:
                won += one.weight * (self._problem.oracle.known[one.key].base - one.least(bigger))
        return won


def spend(problem: Problem, start: Chosen) -> Chosen:
    """Return the best set found that fits the budget."""
    budget = Budget(problem)
    chance = random.Random(1)
    first = budget.mask(start)
    best = first if budget.fits(first) else 0
    best = min((fill(budget, begin, exponent) for begin, exponent in _starts(best)), key=budget.value)
    improved = budget.plans_asked
    stale = 0
    sweep = _sweep(budget, best)
    while stale < _STALE and not budget.late() and budget.plans_asked - improved < _PATIENCE:
        place = next(sweep, None)
        if place is None:
            tried = _shaken(budget, best, chance)
            stale += 1
        else:
            tried = _forced(budget, best, place)
        tried = fill(budget, tried, chance.choice(_EXPONENTS))
        if budget.value(tried) < budget.value(best) - _ENOUGH * budget.present:
            best, stale, improved = tried, 0, budget.plans_asked
            sweep = _sweep(budget, best)
    return budget.chosen(_pruned(budget, best))


def _starts(best: int) -> Iterator[tuple[int, float]]:
    if best:
        yield best, 1.0
        return
    for exponent in _EXPONENTS:
        yield 0, exponent


def fill(budget: Budget, chosen: int, exponent: float) -> int:
    """Add the index with the largest gain per size^exponent while one fits and pays (lazily: bounds first)."""
    least = _ENOUGH * budget.present
    divisors = {place: float(budget.sizes[place]) ** exponent for place in budget.offered}
    heap = [
        (-hope / divisors[place], 0, place)
        for place in budget.offered
        if not chosen >> place & 1 and budget.fits(chosen | 1 << place) and (hope := budget.hope(place, chosen)) > least
    ]
    heapq.heapify(heap)
    generation = 1
    while heap and not budget.late():
        _, known_at, place = heapq.heappop(heap)
        if not budget.fits(chosen | 1 << place):
            continue
        if known_at == generation:
            chosen |= 1 << place
            generation += 1
            continue
        gain = budget.gain(place, chosen)
        if gain > least:
            heapq.heappush(heap, (-gain / divisors[place], generation, place))
    return chosen


def _sweep(budget: Budget, best: int) -> Iterator[int]:
    """Yield the indexes worth forcing in: the most hopeful and the most hopeful for their size by turns."""
    hopes = {place: budget.hope(place, best) for place in budget.offered if not best >> place & 1}
    worthy = [place for place, hope in hopes.items() if hope > _ENOUGH * budget.present and budget.may_hold(place)]
    by_hope = sorted(worthy, key=lambda place: -hopes[place])
    by_size = sorted(worthy, key=lambda place: -hopes[place] / budget.sizes[place])
    yield from dict.fromkeys(place for pair in zip(by_hope, by_size, strict=True) for place in pair)


def _forced(budget: Budget, best: int, place: int) -> int:
    """Return the set with one index more, and without those that then win least per byte."""
    chosen = best | 1 << place
    if budget.fits(chosen):
        return chosen
    budget.costs(budget.serves[place], chosen)
    for one in sorted(_places(best), key=lambda one: _loss(budget, best, chosen, one) / budget.sizes[one]):
        chosen &= ~(1 << one)
        if budget.fits(chosen):
            break
    return chosen


def _loss(budget: Budget, best: int, bigger: int, place: int) -> float:
    """Return about what dropping an index costs after another has joined: nothing where that one took its work."""
    mine = 1 << place
    losers = [one for one in budget.serves[place] if one.used(bigger) & mine]
    return budget.costs(losers, best & ~mine) - budget.costs(losers, best)


def _shaken(budget: Budget, best: int, chance: random.Random) -> int:
    """Return the set without one to three members, and sometimes with a stranger."""
    members = list(_places(best))
    gone = chance.sample(members, min(len(members), chance.randint(1, 3)))
    chosen = best
    for place in gone:
        chosen &= ~(1 << place)
    strangers = [p for p in budget.offered if not best >> p & 1 and budget.fits(chosen | 1 << p)]
    if strangers and chance.random() < 0.5:
        chosen |= 1 << chance.choice(strangers)
    return chosen


def _pruned(budget: Budget, chosen: int) -> int:
    """Drop what wins nothing, the largest first."""
    for place in sorted(_places(chosen), key=lambda one: -budget.sizes[one]):
        without = chosen & ~(1 << place)
        if not budget.late() and budget.value(without) <= budget.value(chosen):
            chosen = without
    return chosen


def _places(mask: int) -> Iterator[int]:
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest
