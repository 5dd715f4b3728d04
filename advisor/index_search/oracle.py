"""What a statement costs under a set of indexes, asking the planner as rarely as possible.

For each statement the answers are kept as triples (allowed, used, cost). A set S with used ⊆ S ⊆ allowed has that cost
without asking; otherwise the triples bound it: at least the largest cost among the answers that allowed more, at most
the smallest among those whose used indexes are all in S (both if more indexes never raise a cost, which planners keep
but for a few per cent).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from advisor.index_search.guard import guarded_cost
from advisor.index_search.observed import surplus
from advisor.index_search.planner import Group, Plan, PlanFailed, Planner
from advisor.model.workload import Binding, Statement

Set = frozenset[str]
Answer = tuple[float, Set]  # cost per call, indexes used
# Asks about one statement set by set, each after the answer to the one before (None: failed, or no time is left).
Look = Generator[Set, Answer | None, set[str]]
_MAX_TRIPLES = 400  # per statement
# Planning a join of that many tables takes long: such statements are asked about under fewer sets.
_MANY_TABLES, _EFFORT, _LEAST_ASKED = 10, 20_000, 24
_HALF, _LITTLE = 0.5, 0.1  # of the present cost
_TOGETHER = 32  # statements asked about at once under sets larger than that
_NEARLY = 0.95  # planners break the rule that more indexes never cost more by a few per cent


@dataclass(slots=True)
class Known:
    """The planner's answers for one statement."""

    statement: Statement
    relevant: Set = frozenset()  # candidates that can matter to it
    base: float = 0.0  # present cost per call
    best: float = 0.0  # cost per call with every candidate there is
    triples: list[tuple[Set, Set, float]] = field(default_factory=list)
    costs: dict[Set, float] = field(default_factory=dict)  # answers by exact set
    failed: str | None = None
    most: int | None = None  # sets that are asked about, where planning takes long
    asked: int = 0
    slower: float = 1.0  # times that it takes longer than its present cost says, beyond doubt

    @classmethod
    def of(cls, statement: Statement) -> Known:
        """Return what is known of a statement before anything was asked."""
        mentions = len({(use.relation, use.occurrence) for use in statement.uses})
        joined = max(mentions, len(statement.relations))
        return cls(statement, most=max(_LEAST_ASKED, _EFFORT // joined**2) if joined >= _MANY_TABLES else None)

    def lookup(self, chosen: Set) -> float | None:
        for allowed, used, cost in self.triples:
            if used <= chosen <= allowed:
                return cost
        return None

    def used(self, chosen: Set) -> Set:
        """Return the indexes of the answer that holds for a set; empty when there is none yet."""
        return next((used for allowed, used, _ in self.triples if used <= chosen <= allowed), frozenset())

    def felt(self, cost: float) -> float:
        """Return a cost as the search counts it: the present plan's by measured time, a far cheaper plan's as planned.

        What makes the present plan slow is gone where the planner finds another way to the rows; a plan that saves
        less than half is not.
        """
        if self.slower <= 1:
            return cost
        half, little = _HALF * self.base, _LITTLE * self.base
        if cost <= little:
            return cost
        above = self.slower * self.base - self.base
        if cost >= half:
            return cost + above
        return cost + above * (cost - little) / (half - little)

    def bounds(self, chosen: Set) -> tuple[float, float]:
        low = max((cost for allowed, _, cost in self.triples if chosen <= allowed), default=0.0)
        high = min((cost for _, used, cost in self.triples if used <= chosen), default=float("inf"))
        return min(low, high), high


class Oracle:
    """Costs per call, weighted over a statement's bindings, with the LIMIT guard applied.

    Sets hold handles of candidates that are switched on; existing indexes stay as they are.
    """

    def __init__(
        self,
        planner: Planner,
        statements: Iterable[Statement],
        table_rows: Mapping[str, float] | None = None,
        conditions: Mapping[str, str] | None = None,
    ) -> None:
        self._planner = planner
        self._conditions = conditions or {}
        self._table_rows = table_rows or {}
        self.known: dict[str, Known] = {s.key: Known.of(s) for s in statements}
        self.plans_asked = 0
        # Says which of a set are on the tables of a statement; the others are left out of its questions.
        self.nearby: Callable[[str, Set], Set] | None = None

    @property
    def ahead(self) -> int:
        """As many sets are worth asking about together."""
        return self._planner.ahead

    def plan(self, keys: Sequence[str], chosen: Set) -> dict[str, Answer]:
        """Ask the planner about statements under `chosen`, remember the answers and return them as `ask` does."""
        return self.plan_sets([(keys, chosen)])[0]

    def plan_sets(self, questions: Sequence[tuple[Sequence[str], Set]]) -> list[dict[str, Answer]]:
        """Ask about several sets together, each as `plan` does."""
        found = self._ask_all([(keys, chosen, frozenset()) for keys, chosen in questions])
        for (_, chosen), answers in zip(questions, found, strict=True):
            for key, (cost, used) in answers.items():
                known = self.known[key]
                known.triples.append((chosen, used & chosen, cost))
                known.asked += 1
                if len(known.triples) > _MAX_TRIPLES:
                    del known.triples[1 : _MAX_TRIPLES // 4]  # the first is the cost without candidates
        return found

    def learn(self, wanted: Iterable[tuple[str, Set]]) -> None:
        """Ask together about statements under sets for which no answer holds yet.

        Not those whose planning takes long: they are asked about when the answer is needed.
        """
        unknown: dict[Set, dict[str, None]] = {}
        for key, chosen in wanted:
            known = self.known[key]
            within = chosen & known.relevant
            if known.failed is not None or known.most is not None or within in known.costs:
                continue
            cost = known.lookup(within)
            if cost is not None:
                known.costs[within] = cost
            else:
                unknown.setdefault(within, {})[key] = None
        if unknown:
            self.plan_sets([(tuple(keys), within) for within, keys in unknown.items()])

    def look(self, looks: Iterable[tuple[str, Look]], late: Callable[[], bool]) -> Iterator[tuple[str, set[str]]]:
        """Follow looks at statements (by key) side by side, and yield what each found, in their order."""
        waiting = iter(looks)
        active: deque[_Followed] = deque()
        while True:
            active.extend(_Followed(*look) for look in islice(waiting, self.ahead - len(active)))
            if not active:
                return
            if active[0].found is not None:
                done = active.popleft()
                yield done.key, done.found or set()
                continue
            asking = [one for one in active if one.found is None]
            answers: list[dict[str, Answer]] = [{} for _ in asking]
            if not late():
                answers = self.plan_sets([((one.key,), one.asks) for one in asking])
            for one, answer in zip(asking, answers, strict=True):
                one.go_on(answer.get(one.key))

    def ask(self, keys: Sequence[str], chosen: Set, hidden: Set) -> dict[str, Answer]:
        """Return cost per call and indexes used (candidates by handle, existing by name), past all caches.

        A statement the planner refuses is missing from the answer; if it never had one it is marked as failed.
        """
        if self.nearby is None or len(chosen) <= _TOGETHER:
            return self._ask_all([(keys, chosen, hidden)])[0]
        # Neighbours share their tables' indexes: switching thousands for each part would take longer than planning.
        line = sorted(keys, key=lambda key: self.known[key].statement.relations)
        parts = [line[start : start + _TOGETHER] for start in range(0, len(line), _TOGETHER)]
        answers = self._ask_all([(part, chosen, hidden) for part in parts])
        return {key: answer for part in answers for key, answer in part.items()}

    def _ask_all(self, questions: Sequence[tuple[Sequence[str], Set, Set]]) -> list[dict[str, Answer]]:
        """Return for each (keys, on, hidden) what `ask` does."""
        groups: list[Group] = []
        owners: list[list[tuple[str, float]]] = []
        for keys, chosen, hidden in questions:
            requests: list[tuple[Statement, Binding]] = []
            own: list[tuple[str, float]] = []
            for key in keys:
                known = self.known[key]
                if known.failed is None:
                    for binding in known.statement.bindings or (Binding(values=(), weight=1.0),):
                        requests.append((known.statement, binding))
                        own.append((key, binding.weight))
            groups.append(Group(requests, self._near(keys, chosen), hidden))
            owners.append(own)
            self.plans_asked += len(requests)
        if not any(group.requests for group in groups):
            return [{} for _ in groups]
        answers = self._planner.plan_groups(groups)
        return [self._weighed(own, plans) for own, plans in zip(owners, answers, strict=True)]

    def _weighed(self, owners: Sequence[tuple[str, float]], plans: Sequence[Plan | PlanFailed]) -> dict[str, Answer]:
        """Return cost per call and indexes used by statement, from the plans of (key, weight)."""
        sums: dict[str, tuple[float, float, Set]] = {}
        refused: dict[str, str] = {}
        for (key, weight), answer in zip(owners, plans, strict=True):
            if isinstance(answer, PlanFailed):
                refused[key] = str(answer)
                continue
            cost, total, used = sums.get(key, (0.0, 0.0, frozenset()))
            sums[key] = (cost + weight * self._cost_of(answer, key), total + weight, used | answer.used)
        for key, message in refused.items():
            # A binding the server refuses drops out; a statement is lost only with all of them.
            if key not in sums and not self.known[key].triples:
                self.known[key].failed = message
        return {key: (cost / total if total else cost, used) for key, (cost, total, used) in sums.items()}

    def _cost_of(self, plan: Plan, key: str) -> float:
        return guarded_cost(plan, self._table_rows, self._conditions) - surplus(plan, self.known[key].statement)

    def _near(self, keys: Sequence[str], chosen: Set) -> Set:
        """Return those of the chosen indexes that are on tables of the statements."""
        if self.nearby is None or not chosen:
            return chosen
        near = frozenset().union(*(self.nearby(key, chosen) for key in keys))
        return chosen if len(near) == len(chosen) else near

    def by_binding(self, key: str, chosen: Set) -> list[tuple[float, float | None]]:
        """Return (weight, cost per call) for each of a statement's bindings; None where the planner refuses it."""
        statement = self.known[key].statement
        requests = [(statement, binding) for binding in statement.bindings]
        answers = self._planner.plan_many(requests, self._near((key,), chosen))
        self.plans_asked += len(answers)
        costs = [None if isinstance(one, PlanFailed) else self._cost_of(one, key) for one in answers]
        return [(binding.weight, cost) for binding, cost in zip(statement.bindings, costs, strict=True)]

    def cost(self, key: str, chosen: Set) -> float:
        """Return the statement's cost per call under a set of indexes."""
        known = self.known[key]
        if known.failed is not None:
            return 0.0
        within = chosen & known.relevant
        found = known.costs.get(within)
        if found is None:
            found = known.lookup(within)
            if found is None and known.most is not None and known.asked >= known.most:
                # A plan whose indexes are all there stays possible: it costs this or less.
                found = known.bounds(within)[1]
            elif found is None:
                self.plan((key,), within)
                found = known.lookup(within)
            found = known.costs[within] = known.base if found is None else found
        return found

    def felt(self, key: str, chosen: Set) -> float:
        """Return `cost` as the search counts it."""
        return self.known[key].felt(self.cost(key, chosen))

    def least_felt(self, key: str, chosen: Set) -> float:
        """Return `least` as the search counts it."""
        return self.known[key].felt(self.least(key, chosen))

    def least(self, key: str, chosen: Set) -> float:
        """Return a cost the statement hardly goes below under a set of indexes, without asking."""
        known = self.known[key]
        within = chosen & known.relevant
        found = known.costs.get(within)
        return found if found is not None else max(known.bounds(within)[0], _NEARLY * known.best)


class _Followed:
    """A look on its way: what it asks next, or what it found."""

    def __init__(self, key: str, look: Look) -> None:
        self.key = key
        self.asks: Set = frozenset()
        self.found: set[str] | None = None
        self._look = look
        self.go_on(None)

    def go_on(self, answer: Answer | None) -> None:
        try:
            self.asks = self._look.send(answer)
        except StopIteration as end:
            self.found = end.value
