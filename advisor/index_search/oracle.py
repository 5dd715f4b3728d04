"""What a statement costs under a set of indexes, asking the planner as rarely as possible.

For each statement the answers are kept as triples (allowed, used, cost). A set S with used ⊆ S ⊆ allowed has that cost
without asking; otherwise the triples bound it: at least the largest cost among the answers that allowed more, at most
the smallest among those whose used indexes are all in S (both if more indexes never raise a cost, which planners keep
but for a few per cent).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from advisor.index_search.guard import guarded_cost
from advisor.index_search.observed import surplus
from advisor.index_search.planner import Plan, PlanFailed, Planner
from advisor.model.workload import Binding, Statement

Set = frozenset[str]
_MAX_TRIPLES = 400  # per statement


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

    def lookup(self, chosen: Set) -> float | None:
        for allowed, used, cost in self.triples:
            if used <= chosen <= allowed:
                return cost
        return None

    def used(self, chosen: Set) -> Set:
        """Return the indexes of the answer that holds for a set; empty when there is none yet."""
        return next((used for allowed, used, _ in self.triples if used <= chosen <= allowed), frozenset())

    def bounds(self, chosen: Set) -> tuple[float, float]:
        low = max((cost for allowed, _, cost in self.triples if chosen <= allowed), default=0.0)
        high = min((cost for _, used, cost in self.triples if used <= chosen), default=float("inf"))
        return min(low, high), high


class Oracle:
    """Costs per call, weighted over a statement's bindings, with the LIMIT guard applied.

    Sets hold handles of candidates that are switched on; existing indexes stay as they are.
    """

    def __init__(
        self, planner: Planner, statements: Iterable[Statement], table_rows: Mapping[str, float] | None = None
    ) -> None:
        self._planner = planner
        self._table_rows = table_rows or {}
        self.known: dict[str, Known] = {s.key: Known(s) for s in statements}
        self.plans_asked = 0

    def plan(self, keys: Sequence[str], chosen: Set) -> dict[str, tuple[float, Set]]:
        """Ask the planner about statements under `chosen`, remember the answers and return them as `ask` does."""
        answers = self.ask(keys, chosen, frozenset())
        for key, (cost, used) in answers.items():
            known = self.known[key]
            known.triples.append((chosen, used & chosen, cost))
            if len(known.triples) > _MAX_TRIPLES:
                del known.triples[1 : _MAX_TRIPLES // 4]  # the first is the cost without candidates
        return answers

    def ask(self, keys: Sequence[str], chosen: Set, hidden: Set) -> dict[str, tuple[float, Set]]:
        """Return cost per call and indexes used (candidates by handle, existing by name), past all caches.

        A statement the planner refuses is missing from the answer; if it never had one it is marked as failed.
        """
        requests: list[tuple[Statement, Binding]] = []
        owners: list[tuple[str, float]] = []
        for key in keys:
            known = self.known[key]
            if known.failed is None:
                for binding in known.statement.bindings or (Binding(values=(), weight=1.0),):
                    requests.append((known.statement, binding))
                    owners.append((key, binding.weight))
        if not requests:
            return {}
        answers = self._planner.plan_many(requests, chosen, hidden)
        self.plans_asked += len(requests)
        sums: dict[str, tuple[float, float, frozenset[str]]] = {}
        refused: dict[str, str] = {}
        for (key, weight), answer in zip(owners, answers, strict=True):
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
        return guarded_cost(plan, self._table_rows) - surplus(plan, self.known[key].statement)

    def by_binding(self, key: str, chosen: Set) -> list[tuple[float, float | None]]:
        """Return (weight, cost per call) for each of a statement's bindings; None where the planner refuses it."""
        statement = self.known[key].statement
        answers = self._planner.plan_many([(statement, binding) for binding in statement.bindings], chosen)
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
            if found is None:
                self.plan((key,), within)
                found = known.lookup(within)
            found = known.costs[within] = known.base if found is None else found
        return found

    def lower_bound(self, key: str, chosen: Set) -> float:
        known = self.known[key]
        return known.bounds(chosen & known.relevant)[0]
