"""Choosing indexes for the whole workload: greedy starts, then exchanges, until nothing improves or time is up.

The objective without a budget: reads + writes + a price per index. The price is a share of what the helped statements
will still cost (fixed, and by size relative to the tables), so that an index must win something that shows.
"""

from __future__ import annotations

import heapq
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations, islice
from typing import NamedTuple

from advisor.index_search.budget import spend
from advisor.index_search.facts import Facts
from advisor.index_search.interrupt import Stop
from advisor.index_search.oracle import Oracle
from advisor.index_search.planner import Candidate
from advisor.index_search.relevance import on_tables
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


class Move(NamedTuple):
    """A step from one set of indexes to another: those that go and those that come."""

    gone: Chosen = frozenset()
    new: Chosen = frozenset()

    def of(self, chosen: Chosen) -> Chosen:
        """Return the set after it."""
        return (chosen - self.gone) | self.new


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
    _nearby: dict[tuple[RelationName, ...], Chosen] = field(default_factory=dict)

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
            self._nearby.clear()
        return self._by_table

    def nearby(self, key: str, chosen: Chosen) -> Chosen:
        """Return the indexes of a set that are on a statement's tables, or on the other levels of partitioned ones.

        Those that are no items of the search are among them: it does not know their tables.
        """
        by_table, catalog = self.by_table(), self.facts.catalog
        relations = self.oracle.known[key].statement.relations
        found = self._nearby.get(relations)
        if found is None:
            leaves = [leaf.relation for one in relations for leaf in catalog.leaves(one)]
            found = self._nearby[relations] = on_tables((*relations, *leaves), by_table, catalog)
        return (chosen & found) | (chosen - self.items.keys())

    def allowed(self, chosen: Chosen) -> bool:
        if self.max_indexes is not None and len(chosen) > self.max_indexes:
            return False
        return self.budget_bytes is None or sum(self.items[h].size_bytes for h in chosen) <= self.budget_bytes

    def may_grow(self, number: int, move: Move) -> bool:
        """Return whether a move keeps a set of so many indexes within --max-indexes."""
        return self.max_indexes is None or number - len(move.gone) + len(move.new) <= self.max_indexes

    def late(self) -> bool:
        return self.stop.asked or time.monotonic() > self.deadline

    def change(self, chosen: Chosen, other: Chosen) -> float:
        """Return objective(other) - objective(chosen): negative is better."""
        return self.change_by(chosen, Move(chosen - other, other - chosen))

    def change_by(self, chosen: Chosen, move: Move) -> float:
        """Return what a move changes the objective by. It looks only at the tables and statements concerned."""
        felt = self.oracle.felt
        reads = 0.0
        for key in self._concerned(move):
            now, then = self._around(key, chosen, move)
            reads += self.weights[key] * (felt(key, then) - felt(key, now))
        return reads + self._overhead_change(chosen, move)

    def least_change(self, chosen: Chosen, move: Move) -> float:
        """Return what `change_by` does not go below, from what is known already."""
        reads = 0.0
        for key in self._concerned(move):
            now, then = self._around(key, chosen, move)
            reads += self.weights[key] * (self.oracle.least_felt(key, then) - self.oracle.felt(key, now))
        return reads + self._overhead_change(chosen, move)

    def _concerned(self, move: Move) -> Iterable[str]:
        """Return the statements that the indexes of a move are relevant to."""
        return dict.fromkeys(key for part in move for handle in part for key in self.items[handle].statements)

    def _around(self, key: str, chosen: Chosen, move: Move) -> tuple[Chosen, Chosen]:
        """Return the chosen indexes that are relevant to a statement, before and after a move."""
        relevant = self.oracle.known[key].relevant
        now = chosen & relevant
        return now, (now - move.gone) | (move.new & relevant)

    def _overhead_change(self, chosen: Chosen, move: Move) -> float:
        """Return what prices and upkeep change by."""
        total = 0.0
        for relation in {self.items[handle].candidate.table for part in move for handle in part}:
            here = self.by_table()[relation]
            now = chosen & here
            total += self.upkeep((now - move.gone) | (move.new & here), relation) - self.upkeep(now, relation)
        return total + sum(map(self.price, move.new)) - sum(map(self.price, move.gone))

    def learn(self, chosen: Chosen, moves: Iterable[Move]) -> None:
        """Have everything planned in one go that `change_by` needs for each of the moves."""
        self.oracle.learn(
            (key, one) for move in moves for key in self._concerned(move) for one in self._around(key, chosen, move)
        )

    def hope(self, handle: str, chosen: Chosen) -> float:
        """Return the most that adding a candidate could win, from what is known already."""
        move = Move(new=frozenset((handle,)))
        gain = 0.0
        for key in self.items[handle].statements:
            now, then = self._around(key, chosen, move)
            gain += self.weights[key] * max(0.0, self.oracle.felt(key, now) - self.oracle.least_felt(key, then))
        return gain - self.price(handle)


def search(problem: Problem, start: Chosen = frozenset()) -> Chosen:
    """Return the best set found before the deadline; when it has passed, the start (made allowed) or what single
    statements like best."""
    if problem.budget_bytes is not None:
        return spend(problem, start)
    best = start if problem.allowed(start) else frozenset()
    for begin in (_greedy, _ideals):
        if problem.late():
            break
        chosen = _exchange(problem, begin(problem))
        if problem.change(best, chosen) < 0:
            best = chosen
    if not best and problem.late():
        best = _ideals(problem, time.monotonic() + _GRACE)
    return best


def _ideals(problem: Problem, until: float | None = None) -> Chosen:
    """Return the union of what each statement would like best: indexes that only pay together start together.

    It ends at `until` (on time.monotonic()), or with the search's own time.
    """
    chosen: Chosen = frozenset()
    known = problem.oracle.known
    for key in sorted(known, key=lambda k: -problem.weights[k] * (known[k].felt(known[k].base) - known[k].best)):
        if not known[key].relevant:
            continue
        if problem.late() if until is None else time.monotonic() > until:
            break
        wished = min(known[key].triples, key=lambda triple: triple[2])[1] - problem.forbidden
        bigger = chosen | wished
        if bigger == chosen or not wished <= known[key].relevant or not problem.allowed(bigger):
            continue
        move = Move(new=wished - chosen)
        problem.learn(chosen, (move,))
        if problem.change_by(chosen, move) < 0:
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
        in_line = [handle, *(other for _, _, other in heap[: problem.oracle.ahead - 1])]
        moves = [Move(new=frozenset((other,))) for other in in_line]
        problem.learn(chosen, moves)
        gain = -problem.change_by(chosen, moves[0])
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
    moves = (
        move
        for move in _moves(problem, chosen, relation)
        if problem.may_grow(len(chosen), move) and problem.least_change(chosen, move) < -_NOTHING
    )
    while some := tuple(islice(moves, problem.oracle.ahead)):
        problem.learn(chosen, some)
        for move in some:
            if problem.late():
                return chosen
            if problem.change_by(chosen, move) < -_NOTHING:
                return move.of(chosen)
    return chosen


def _tables_near(problem: Problem, relation: RelationName) -> list[RelationName]:
    """Return the table and those that share a statement with one of its candidates."""
    keys = {key for handle in problem.by_table()[relation] for key in problem.items[handle].statements}
    near = {relation}
    for key in keys:
        near.update(r for r in problem.oracle.known[key].statement.relations if r in problem.by_table())
    return sorted(near)


def _moves(problem: Problem, chosen: Chosen, relation: RelationName) -> Iterator[Move]:
    """Yield the steps on one table: drop one, exchange one, put one in place of two, add one."""
    here = problem.by_table()[relation]
    taken = sorted(chosen & here)
    others = sorted(h for h in here - chosen - problem.forbidden if problem.items[h].statements)
    added = {handle: frozenset((handle,)) for handle in (*taken, *others)}
    for handle in taken:
        yield Move(gone=added[handle])
    for handle in taken:
        served = set(problem.items[handle].statements)
        for other in others:
            if not served.isdisjoint(problem.items[other].statements):
                yield Move(added[handle], added[other])
    for pair in combinations(taken, 2):
        for other in others:
            yield Move(frozenset(pair), added[other])
    for handle in others:
        if problem.hope(handle, chosen) > 0:
            yield Move(new=added[handle])
