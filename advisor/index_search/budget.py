"""Spending a storage budget: the cheapest workload that fits.

Greedy starts at several exponents of size, then exchanges: force one index in or throw some out, fill up again. Sets
are bit masks here, because a search tries hundreds of thousands of them and asks the planner about a few thousand.
"""

from __future__ import annotations

import heapq
import random
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from advisor.index_search.programme import Programme, solve
from advisor.index_search.removal import exact_offers, explore

if TYPE_CHECKING:
    from advisor.index_search.search import Problem

Chosen = frozenset[str]
_EXPONENTS = (1.0, 0.5, 0.0)  # of the size a gain is divided by: each wins somewhere
_SHAKEN = 20  # exchanges at random in a row without improvement that end them
_PATIENCE = 200  # plans asked since the last improvement that end exchanges too
_PATIENCE_AGAIN = 60  # the same when the search goes on with more candidates
_STALE = 2  # explorations in a row without improvement that end the search
_RECOMBINED = 4
_SOLVER_SECONDS = 1.5
_ENOUGH = 5e-5  # of the workload's cost: smaller improvements do not count
_MAX_ANSWERS = 1500  # per statement


@dataclass(slots=True)
class Answers:
    """What the planner said about one statement."""

    key: str
    weight: float
    base: float  # cost without new indexes
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

    def answer(self, chosen: int) -> tuple[int, float] | None:
        """Return indexes used and cost where an answer holds for a set."""
        within = chosen & self.relevant
        return next(((u, c) for a, u, c in self.answers if u & ~within == 0 and within & ~a == 0), None)

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
    """The problem in bit masks. `felt`: costs as the search counts them; else as the planner does."""

    def __init__(self, problem: Problem, felt: bool = True) -> None:
        self._problem = problem
        self._felt = felt
        self.handles = [handle for handle in sorted(problem.items) if problem.items[handle].statements]
        self.bits = {handle: 1 << place for place, handle in enumerate(self.handles)}
        self.sizes = [max(1, problem.items[handle].size_bytes) for handle in self.handles]
        self.statements: dict[str, Answers] = {}
        for key, known in problem.oracle.known.items():
            if known.relevant and known.failed is None:
                answers = [(self.mask(a), self.mask(u), self._counted(key, c)) for a, u, c in known.triples]
                self.statements[key] = Answers(
                    key, problem.weights[key], self._counted(key, known.base), self.mask(known.relevant), answers
                )
        self.serves = [
            [self.statements[key] for key in problem.items[handle].statements if key in self.statements]
            for handle in self.handles
        ]
        self.present = (
            sum(problem.weights[key] * self._counted(key, one.base) for key, one in problem.oracle.known.items()) or 1.0
        )
        self.offered = [
            place for place, handle in enumerate(self.handles) if handle not in problem.forbidden and self.serves[place]
        ]
        self.recombined_at = -1  # plans asked when the programme was solved last: it knows nothing new before another
        self._values: dict[int, float] = {}

    def _counted(self, key: str, cost: float) -> float:
        return self._problem.oracle.known[key].felt(cost) if self._felt else cost

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

    def trimmed(self, mask: int) -> int:
        """Return the set without its largest members, until it fits."""
        for place in sorted(_places(mask), key=lambda one: -self.sizes[one]):
            if self.fits(mask):
                break
            mask &= ~(1 << place)
        return mask

    @property
    def plans_asked(self) -> int:
        return self._problem.oracle.plans_asked

    def late(self) -> bool:
        return self._problem.late()

    def time_left(self) -> float:
        return max(0.0, self._problem.deadline - time.monotonic())

    def costs(self, statements: list[Answers], chosen: int) -> float:
        """Return the statements' weighted cost; what is not known yet is planned in one go."""
        unknown = [one for one in statements if one.known(chosen) is None]
        if unknown:
            self._ask(unknown, chosen)
        return sum(one.weight * (one.known(chosen) or 0.0) for one in statements)

    def _ask(self, statements: list[Answers], chosen: int) -> None:
        oracle = self._problem.oracle
        answers = oracle.plan([one.key for one in statements], self.chosen(chosen))
        for one in statements:
            answer = answers.get(one.key)
            if answer is None:
                one.costs[chosen & one.relevant] = one.base
                continue
            cost, used = self._counted(one.key, answer[0]), answer[1]
            mask = self.mask(used)
            self._learn(one, mask & ~one.relevant)
            one.costs[chosen & one.relevant] = cost
            if len(one.answers) < _MAX_ANSWERS:
                one.answers.append((chosen, mask, cost))

    def _learn(self, one: Answers, surprises: int) -> None:
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

    def look(self, one: Answers, allowed: int) -> None:
        """Plan one statement with these indexes."""
        if one.answer(allowed) is None:
            self._ask([one], allowed)

    def unhelped(self) -> float:
        """Return what the statements that indexes may help cost without any."""
        return sum(one.weight * one.base for one in self.statements.values())

    def programme(self, *, prices: bool = True) -> Programme:
        """Return the programme over all answers so far."""
        problem = self._problem
        costs = {}
        if prices:
            costs = {place: self.overhead(1 << place) for place in self.offered}
        return Programme(
            sizes=self.sizes,
            room=problem.budget_bytes,
            most=problem.max_indexes,
            allowed=sum(1 << place for place in self.offered),
            costs=costs,
            offers=[exact_offers(self, one) for one in self.statements.values()],
        )

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
                won += one.weight * (one.base - one.least(bigger))
        return won


def spend(problem: Problem, start: Chosen) -> Chosen:
    """Return the best set found that fits the budget."""
    budget = Budget(problem)
    first = budget.mask(start)
    best = first if budget.fits(first) else 0
    best = min((fill(budget, begin, exponent) for begin, exponent in _starts(best)), key=budget.value)
    best = _recombined(budget, best)
    best = _exchanged(budget, best, _PATIENCE if not start else _PATIENCE_AGAIN)
    if not start:
        best = _explored(budget, best, _STALE)
    return budget.chosen(_pruned(budget, best))


def _exchanged(budget: Budget, best: int, patience: int) -> int:
    """Force the most hopeful indexes in one by one, or throw some out, and fill up again; put together what is new."""
    chance = random.Random(1)
    improved = budget.plans_asked
    stale = 0
    sweep = _sweep(budget, best)
    while stale < _SHAKEN and not budget.late() and budget.plans_asked - improved < patience:
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
    return _recombined(budget, best)


def _recombined(budget: Budget, best: int) -> int:
    """Put together anew what the planner has said, until that brings nothing new."""
    seen = {best}
    for _ in range(_RECOMBINED):
        if budget.late() or budget.recombined_at == budget.plans_asked:
            break
        budget.recombined_at = budget.plans_asked
        solution = solve(budget.programme(), min(_SOLVER_SECONDS, budget.time_left()), incumbent=best)
        if solution is None or solution.chosen in seen:
            break
        seen.add(solution.chosen)
        tried = fill(budget, solution.chosen, 1.0)
        if budget.value(tried) < budget.value(best):
            best = tried
    return best


def _explored(budget: Budget, best: int, patience: int) -> int:
    """Look where it could still be cheaper, as long as that leads to something."""
    stale = 0
    while stale < patience and not budget.late():
        found = explore(budget, min(_SOLVER_SECONDS, budget.time_left()))
        if found is None:
            break
        tried, least = found
        value = budget.value(best)
        if least >= value - _ENOUGH * budget.present - budget.overhead(best):
            break
        tried = fill(budget, budget.trimmed(tried), 1.0)
        if budget.value(tried) < value - _ENOUGH * budget.present:
            best, stale = tried, 0
        else:
            stale += 1
        if stale % 2:
            improved = _recombined(budget, best)
            if budget.value(improved) < budget.value(best) - _ENOUGH * budget.present:
                best, stale = improved, 0
    return best


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
