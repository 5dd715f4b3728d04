"""Choosing indexes for the whole workload: greedy starts, then exchanges, until nothing improves or time is up.

The objective without a budget: reads + writes + a price per index. The price is a share of what the helped statements
will still cost (fixed, and by size relative to the tables), so that an index must win something that shows.
"""

from __future__ import annotations

import heapq
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice

from advisor.index_search.budget import spend
from advisor.index_search.facts import Facts
from advisor.index_search.interrupt import Stop
from advisor.index_search.oracle import Oracle
from advisor.index_search.planner import Candidate
from advisor.index_search.write_cost import Writes, write_cost
from advisor.model.names import RelationName

Chosen = frozenset[str]
_SIBLING = 2.0  # a second index on the same leading column must win this much more: people merge such pairs
_TOKEN_PRICE = 0.02  # of the price without a budget: what a budget holds is the user's to spend, but not for nothing
_HELPED = 0.9  # a statement counts as helped when the best plan costs at most this share of the present one
_FULL_PRICE = 4.0  # an index on a table with a quarter of the workload pays the full price
_GRACE = 1.0  # seconds over its time that a search with nothing to show may take for a first answer
_NOTHING = 1e-9  # smaller changes are noise of the arithmetic
_LEAST_WORTH = 0.002  # of the present cost: the helped statements count for at least this much


@dataclass(slots=True)
class Item:
    """A candidate the planner has prepared."""

    handle: str
    candidate: Candidate
    size_bytes: int
    share: float  # of the table's rows that are in it
    statements: tuple[str, ...] = ()  # keys of statements it is relevant to
    replaced_bytes: int = 0  # size of existing indexes that it makes superfluous
    beside_existing: bool = False  # an existing index that stays leads with the same column


@dataclass(slots=True)
class Problem:
    """Everything the objective needs."""

    oracle: Oracle
    items: dict[str, Item]
    weights: Mapping[str, float]  # calls per statement key
    writes: Writes
    facts: Facts
    tables_bytes: int
    budget_bytes: int | None
    max_indexes: int | None
    deadline: float
    stop: Stop = field(default_factory=Stop)
    cut_short: bool = False  # not every statement was looked at
    forbidden: set[str] = field(default_factory=set)
    _worth: float | None = None
    _worth_on: dict[RelationName, float] = field(default_factory=dict)
    _upkeep: dict[Chosen, float] = field(default_factory=dict)
    _by_table: dict[RelationName, Chosen] = field(default_factory=dict)
    _grouped: int = 0  # items in _by_table

    def worth(self) -> float:
        """Return W⁺: what the statements that indexes help will cost with every candidate there is."""
        if self._worth is None:
            self._worth = self._worth_of(list(self.oracle.known))
        return self._worth

    def worth_on(self, relation: RelationName) -> float:
        """Return W⁺ as an index on one table is measured by: the workload's, less where the table has little of it.

        A database of a thousand equal tables would otherwise deserve no index at all.
        """
        found = self._worth_on.get(relation)
        if found is None:
            handles = self.by_table().get(relation, frozenset())
            keys = {key for handle in handles for key in self.items[handle].statements}
            present = sum(self.weights[key] * k.base for key, k in self.oracle.known.items()) or 1.0
            here = sum(self.weights[key] * self.oracle.known[key].base for key in keys)
            found = self._worth_on[relation] = self.worth() * min(1.0, _FULL_PRICE * here / present)
        return found

    def _worth_of(self, keys: Iterable[str]) -> float:
        known = [(self.weights[key], self.oracle.known[key]) for key in keys]
        present = sum(weight * k.base for weight, k in known)
        helped = sum(weight * k.best for weight, k in known if k.best <= _HELPED * k.base)
        return max(helped, _LEAST_WORTH * present)

    def price(self, handle: str) -> float:
        options = self.facts.options
        item = self.items[handle]
        if self.budget_bytes is not None:
            return _TOKEN_PRICE * options.fixed_price * self.worth()
        relative = max(0, item.size_bytes - item.replaced_bytes) / max(1, self.tables_bytes)
        # Extending an existing index leaves their number as it is.
        fixed = options.fixed_price * (0.5 if item.replaced_bytes else 1.0)
        if item.beside_existing:
            fixed += _SIBLING * options.fixed_price
        # Covering is for what weighs in the whole workload; a key is for what weighs on its table.
        worth = self.worth() if item.candidate.include else self.worth_on(item.candidate.table)
        return (fixed + options.size_price * relative) * worth

    def upkeep(self, chosen: Chosen, relation: RelationName) -> float:
        """Return what the chosen indexes of one table cost besides their price: writes, and siblings on one column."""
        here = chosen & self.by_table().get(relation, frozenset())
        known = self._upkeep.get(here)
        if known is None:
            written = write_cost(
                relation, [(self.items[h].candidate, self.items[h].share) for h in here], self.writes, self.facts
            )
            heads = {(self.items[h].candidate.access_method, self.items[h].candidate.columns[0].key) for h in here}
            siblings = len(here) - len(heads)
            if self.budget_bytes is not None:
                siblings = 0
            known = written + siblings * _SIBLING * self.facts.options.fixed_price * self.worth_on(relation)
            self._upkeep[here] = known
        return known

    def by_table(self) -> dict[RelationName, Chosen]:
        """Return the handles of all items per table."""
        if self._grouped != len(self.items):
            found: dict[RelationName, set[str]] = defaultdict(set)
            for handle, item in self.items.items():
                found[item.candidate.table].add(handle)
            self._by_table = {relation: frozenset(handles) for relation, handles in found.items()}
            self._grouped = len(self.items)
        return self._by_table

    def allowed(self, chosen: Chosen) -> bool:
        if self.max_indexes is not None and len(chosen) > self.max_indexes:
            return False
        return self.budget_bytes is None or sum(self.items[h].size_bytes for h in chosen) <= self.budget_bytes

    def late(self) -> bool:
        return self.stop.asked or time.monotonic() > self.deadline

    def change(self, chosen: Chosen, other: Chosen) -> float:
        """Return objective(other) - objective(chosen): negative is better."""
        cost = self.oracle.cost
        reads = sum(self.weights[key] * (cost(key, other) - cost(key, chosen)) for key in self._moved(chosen, other))
        return reads + self._overhead_change(chosen, other)

    def least_change(self, chosen: Chosen, other: Chosen) -> float:
        """Return what `change` does not go below, from what is known already."""
        reads = 0.0
        for key in self._moved(chosen, other):
            reads += self.weights[key] * (self.oracle.least(key, other) - self.oracle.cost(key, chosen))
        return reads + self._overhead_change(chosen, other)

    def _moved(self, chosen: Chosen, other: Chosen) -> Iterable[str]:
        """Return the statements that the difference of two sets is relevant to."""
        return dict.fromkeys(key for handle in chosen ^ other for key in self.items[handle].statements)

    def _overhead_change(self, chosen: Chosen, other: Chosen) -> float:
        """Return what prices and upkeep change by."""
        total = 0.0
        for relation in {self.items[handle].candidate.table for handle in chosen ^ other}:
            total += self.upkeep(other, relation) - self.upkeep(chosen, relation)
        return total + sum(self.price(h) for h in other - chosen) - sum(self.price(h) for h in chosen - other)

    def learn(self, chosen: Chosen, others: Iterable[Chosen]) -> None:
        """Have everything planned in one go that `change` from one set to each of others needs."""
        pairs = [(key, other) for other in others for key in self._moved(chosen, other)]
        self.oracle.learn(pairs + [(key, chosen) for key in dict.fromkeys(key for key, _ in pairs)])

    def hope(self, handle: str, chosen: Chosen) -> float:
        """Return the most that adding a candidate could win, from what is known already."""
        item = self.items[handle]
        bigger = chosen | {handle}
        gain = 0.0
        for key in item.statements:
            gain += self.weights[key] * max(0.0, self.oracle.cost(key, chosen) - self.oracle.least(key, bigger))
        return gain - self.price(handle)


def search(problem: Problem, start: Chosen = frozenset()) -> Chosen:
    """Return the best set found before the deadline; when it has passed, the start (made allowed) or what single
    statements like best."""
    if problem.budget_bytes is not None:
        return spend(problem, start)
    best = start if problem.allowed(start) else frozenset()
    if problem.late():
        return best or _ideals(problem, time.monotonic() + _GRACE)
    for begin in (_greedy, _ideals):
        chosen = _exchange(problem, begin(problem))
        if problem.change(best, chosen) < 0:
            best = chosen
        if problem.late():
            break
    return best or _ideals(problem, time.monotonic() + _GRACE)


def _ideals(problem: Problem, until: float | None = None) -> Chosen:
    """Return the union of what each statement would like best: indexes that only pay together start together.

    It ends at `until` (on time.monotonic()), or with the search's own time.
    """
    chosen: Chosen = frozenset()
    known = problem.oracle.known
    for key in sorted(known, key=lambda k: -problem.weights[k] * (known[k].base - known[k].best)):
        if not known[key].relevant:
            continue
        if problem.late() if until is None else time.monotonic() > until:
            break
        wished = min(known[key].triples, key=lambda triple: triple[2])[1] - problem.forbidden
        bigger = chosen | wished
        if bigger == chosen or not wished <= known[key].relevant or not problem.allowed(bigger):
            continue
        problem.learn(chosen, (bigger,))
        if problem.change(chosen, bigger) < 0:
            chosen = bigger
    return chosen


def _greedy(problem: Problem) -> Chosen:
    """Add the candidate with the largest gain while one pays (lazily: bounds first)."""
    chosen: Chosen = frozenset()
    heap = [
        (-hope, 0, handle)
        for handle in problem.items
        if handle not in problem.forbidden and (hope := problem.hope(handle, chosen)) > 0
    ]
    heapq.heapify(heap)
    generation = 1
    while heap and not problem.late():
        _, known_at, handle = heapq.heappop(heap)
        bigger = chosen | {handle}
        if handle in chosen or not problem.allowed(bigger):
            continue
        if known_at == generation:
            chosen = bigger
            generation += 1
            continue
        next_in_line = (other for _, _, other in heap[: problem.oracle.ahead - 1])
        problem.learn(chosen, (bigger, *(chosen | {other} for other in next_in_line)))
        gain = -problem.change(chosen, bigger)
        if gain > 0:
            heapq.heappush(heap, (-gain, generation, handle))
    return chosen


def _exchange(problem: Problem, chosen: Chosen) -> Chosen:
    """Drop, swap, add, and replace two by one, table by table, until nothing improves."""
    pending = dict.fromkeys(sorted(problem.by_table()))
    while pending and not problem.late():
        relation = next(iter(pending))
        del pending[relation]
        improved = _improve(problem, chosen, relation)
        if improved != chosen:
            chosen = improved
            pending.update(dict.fromkeys(_tables_near(problem, relation)))
    return chosen


def _improve(problem: Problem, chosen: Chosen, relation: RelationName) -> Chosen:
    """Return the first better neighbour on one table, or the set as it is."""
    neighbours = (
        other
        for other in _neighbours(problem, chosen, relation)
        if problem.allowed(other) and problem.least_change(chosen, other) < -_NOTHING
    )
    while some := tuple(islice(neighbours, problem.oracle.ahead)):
        problem.learn(chosen, some)
        for other in some:
            if problem.late():
                return chosen
            if problem.change(chosen, other) < -_NOTHING:
                return other
    return chosen


def _tables_near(problem: Problem, relation: RelationName) -> list[RelationName]:
    """Return the table and those that share a statement with one of its candidates."""
    keys = {key for handle in problem.by_table()[relation] for key in problem.items[handle].statements}
    near = {relation}
    for key in keys:
        near.update(r for r in problem.oracle.known[key].statement.relations if r in problem.by_table())
    return sorted(near)


def _neighbours(problem: Problem, chosen: Chosen, relation: RelationName) -> Iterable[Chosen]:
    here = problem.by_table()[relation]
    taken = sorted(chosen & here)
    others = sorted(h for h in here - chosen - problem.forbidden if problem.items[h].statements)
    for handle in taken:
        yield chosen - {handle}
    for handle in taken:
        served = set(problem.items[handle].statements)
        for other in others:
            if served & set(problem.items[other].statements):
                yield (chosen - {handle}) | {other}
    for position, first in enumerate(taken):
        for second in taken[position + 1 :]:
            for other in others:
                yield (chosen - {first, second}) | {other}
    for handle in others:
        if problem.hope(handle, chosen) > 0:
            yield chosen | {handle}
