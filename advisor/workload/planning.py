"""From a typed statement to representative bindings: draw scenarios, plan them, calibrate, choose."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from advisor.model.catalog import Table
from advisor.model.lookup import Catalog
from advisor.model.workload import Binding, ColumnUse
from advisor.workload.calibrate import Outcome, Sizes, calibrate, outcome_of, representatives, tables_by_name
from advisor.workload.classify import Unusable, has_limit
from advisor.workload.literals import Literals
from advisor.workload.parameters import Meeting, meetings_of_plan, meetings_of_uses
from advisor.workload.scenarios import Scenario, default_scenario, draw_scenarios
from advisor.workload.session import ParseError, ParseSession
from advisor.workload.slots import Slot, make_slots
from advisor.workload.sources import Counters
from advisor.workload.types import Typed, refused
from advisor.workload.values import Values

# The first few scenarios decide whether the values matter at all; most key lookups end here.
_FIRST_LOOK = 8
# Costs of one plan shape that differ less than this do not depend on the values.
_SAME_COST = 1.02
# So many recorded sets of real values replace those drawn from statistics.
_ENOUGH_LITERALS = 6
_MOST_LITERALS = 40
_WRITTEN = frozenset(["set", "insert"])
_TIMEOUTS = frozenset(["57014", "55P03"])
# Blocks per call beyond every plan by this factor, and this many, make another type of the bound value likely.
_MISMATCH_FACTOR, _MISMATCH_BLOCKS, _MISMATCH_CALLS = 10.0, 200.0, 5


@dataclass(frozen=True, slots=True)
class Planned:
    """What planning found out about one statement."""

    bindings: tuple[Binding, ...]
    evidence: str  # literals, statistics
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One statement to plan: typed text, where it runs, what was observed, and what real values are known."""

    typed: Typed
    search_path: tuple[str, ...]
    kind: str
    uses: tuple[ColumnUse, ...]
    counters: Counters
    literals: tuple[tuple[Literals, float], ...] = ()  # by parameters of the typed text, with how often
    lists: frozenset[int] = frozenset()
    seed: str = ""
    scenarios: int = 32  # how many to plan at most; 1 also spares the generic plan


@dataclass
class Bindings:
    """Finds representative bindings with one session and one catalog."""

    session: ParseSession
    catalog: Catalog
    values: Values
    _sizes: dict[tuple[str, ...], Sizes] = field(default_factory=dict)

    @cached_property
    def _by_name(self) -> dict[str, list[Table]]:
        return tables_by_name(self.catalog)

    def find(self, question: Question) -> Planned:
        """Return the statement's bindings. Raises Unusable when no values make it plannable."""
        typed = question.typed
        if not typed.types:
            plan = self._explain(question, ())
            if isinstance(plan, ParseError):
                raise refused(plan)
            return Planned((Binding(values=(), weight=1.0, origin="constant"),), "statistics")
        slots = self._slots(question)
        outcomes, starts = self._outcomes(question, slots)
        counters = question.counters
        rows, blocks = _per_call(counters.rows, counters.calls), _per_call(counters.shared_blks, counters.calls)
        # What a write touches besides its rows (indexes, triggers, foreign keys) no plan shows.
        weights = calibrate(outcomes, rows, blocks if question.kind == "select" else None, starts)
        chosen = representatives(outcomes, weights)
        bindings = tuple(Binding(values=o.values, weight=weight, origin=o.origin) for o, weight in chosen)
        literal = any(outcome.origin == "literal" for outcome in outcomes)
        return Planned(
            bindings, "literals" if literal else "statistics", tuple(_doubts(question, slots, outcomes, blocks))
        )

    def _explain(self, question: Question, values: Scenario) -> dict[str, Any] | ParseError:
        typed = question.typed
        return self.session.explain(typed.text, typed.types, values, question.search_path)

    def _slots(self, question: Question) -> tuple[Slot, ...]:
        typed = question.typed
        met: tuple[Meeting, ...] = ()
        if question.scenarios > 1:
            met, _ = meetings_of_plan(self.session, typed.text, typed.types, question.search_path)
        known = {meeting.parameter for meeting in met}
        meetings: tuple[Meeting, ...] = met + meetings_of_uses(question.uses, known)
        return make_slots(typed.types, meetings, question.lists, typed.tree, self.values)

    def _outcomes(self, question: Question, slots: Sequence[Slot]) -> tuple[list[Outcome], list[float]]:
        """Return planned scenarios and their weights before calibration."""
        drawn_first = next(self._drawn(question, slots, 1, "literal"), (None,) * len(slots))
        real = _real_values(question.literals, drawn_first)
        outcomes: list[Outcome] = []
        starts: list[float] = []
        recorded = self._outcomes_of(question, [values for values, _ in real], "literal")
        for (_, count), found in zip(real, recorded, strict=True):
            if isinstance(found, Outcome):
                outcomes.append(found)
                starts.append(count)
        if (outcomes and len(question.literals) >= _ENOUGH_LITERALS) or (outcomes and not _values_matter(slots)):
            return outcomes, starts
        drawn, error = self._planned_draws(question, slots)
        if not drawn and not outcomes:
            drawn = [(self._last_resort(question, slots, error), 1.0)]
        if outcomes:  # few real values: they get half of the weight
            share = sum(weight for _, weight in drawn) / max(sum(starts), 1e-9)
            starts = [start * share if drawn else start for start in starts]
        return [*outcomes, *(outcome for outcome, _ in drawn)], [*starts, *(weight for _, weight in drawn)]

    def _planned_draws(
        self, question: Question, slots: Sequence[Slot]
    ) -> tuple[list[tuple[Outcome, float]], ParseError | None]:
        """Plan drawn scenarios, each set of values once: a first look, then the rest if values change plan or cost."""
        planned: dict[Scenario, tuple[Outcome, float]] = {}
        error: ParseError | None = None
        looks = [1] if question.scenarios == 1 or not _values_matter(slots) else [min(_FIRST_LOOK, question.scenarios)]
        if looks[0] > 1 and question.scenarios > looks[0]:
            looks.append(question.scenarios - looks[0])
        for number, count in enumerate(looks):
            if number and planned and _all_alike([outcome for outcome, _ in planned.values()]):
                break
            drawn = list(self._drawn(question, slots, count, str(number)))
            new = list(dict.fromkeys(values for values in drawn if values not in planned))
            for values, found in zip(new, self._outcomes_of(question, new, "statistics"), strict=True):
                if isinstance(found, Outcome):
                    planned[values] = (found, 0.0)
                else:
                    error = found
            for values in drawn:
                if values in planned:
                    planned[values] = (planned[values][0], planned[values][1] + 1)
        return list(planned.values()), error

    def _drawn(self, question: Question, slots: Sequence[Slot], count: int, part: str) -> Iterator[Scenario]:
        rows = _per_call(question.counters.rows, question.counters.calls)
        yield from draw_scenarios(
            slots, count, self.values, kind=question.kind, rows_per_call=rows, seed=f"{question.seed}/{part}"
        )

    def _outcome(self, question: Question, values: Scenario, origin: str) -> Outcome | ParseError:
        return self._outcomes_of(question, [values], origin)[0]

    def _outcomes_of(self, question: Question, values: Sequence[Scenario], origin: str) -> list[Outcome | ParseError]:
        """Plan sets of values together; the first alone, because what takes too long once does so each time."""
        typed = question.typed
        found = [self._outcome_of(question, one, self._explain(question, one), origin) for one in values[:1]]
        rest = values[1:]
        if rest:
            plans = self.session.explain_each(typed.text, typed.types, rest, question.search_path)
            found += [self._outcome_of(question, one, plan, origin) for one, plan in zip(rest, plans, strict=True)]
        return found

    def _outcome_of(
        self, question: Question, values: Scenario, plan: dict[str, Any] | ParseError, origin: str
    ) -> Outcome | ParseError:
        if isinstance(plan, ParseError):
            if plan.sqlstate in _TIMEOUTS:
                raise Unusable("planning it takes too long", "unplannable", plan.sqlstate)
            return plan  # the text and types are accepted: it is the values
        sizes = self._sizes.get(question.search_path)
        if sizes is None:
            sizes = self._sizes[question.search_path] = Sizes(self.catalog, question.search_path, self._by_name)
        return outcome_of(values, plan, sizes, origin)

    def _last_resort(self, question: Question, slots: Sequence[Slot], error: ParseError | None) -> Outcome:
        """Plan with plausible values by type, then with NULLs: no drawn value was accepted."""
        rows = _per_call(question.counters.rows, question.counters.calls)
        for values in (default_scenario(slots, self.values, rows), (None,) * len(slots)):
            found = self._outcome(question, values, "statistics")
            if isinstance(found, Outcome):
                return found
            error = found
        assert error is not None
        raise refused(error)


def _per_call(amount: float | None, calls: float) -> float | None:
    return None if amount is None or calls <= 0 else amount / calls


def _values_matter(slots: Sequence[Slot]) -> bool:
    """Return whether any parameter meets a column in a condition: values that are only stored change no plan."""
    return any(
        slot.meeting is not None and slot.meeting.operator not in _WRITTEN for slot in slots if slot.place is None
    )


def _all_alike(outcomes: Sequence[Outcome]) -> bool:
    costs = [outcome.cost for outcome in outcomes]
    return len({outcome.shape for outcome in outcomes}) == 1 and max(costs) <= min(costs) * _SAME_COST


def _real_values(literals: Sequence[tuple[Literals, float]], drawn: Scenario) -> list[tuple[Scenario, float]]:
    """Return the different sets of real values, the most frequent first, with how often each was seen.

    Parameters without a real value (variables of a function) take a drawn one.
    """
    counted: dict[Scenario, float] = defaultdict(float)
    for found, times in literals:
        counted[tuple(found.get(number, value) for number, value in enumerate(drawn, start=1))] += times
    return sorted(counted.items(), key=lambda item: -item[1])[:_MOST_LITERALS]


def _doubts(
    question: Question, slots: Sequence[Slot], outcomes: Sequence[Outcome], blocks_per_call: float | None
) -> Iterator[str]:
    """Yield notes on what does not add up."""
    unknown = [
        f"${slot.number}"
        for slot in slots
        if slot.meeting is not None
        and slot.column is not None
        and slot.meeting.operator not in _WRITTEN
        and not slot.column.known
        and not slot.column.elements
        and not slot.column.ranges
    ]
    if unknown:
        yield f"no statistics for what {', '.join(unknown)} is compared with: values are guesses; run ANALYZE"
    expected = max(outcome.blocks for outcome in outcomes)
    by_index = all("Index" in outcome.shape for outcome in outcomes)
    if (
        blocks_per_call is not None
        and question.kind == "select"  # writing touches blocks no plan shows: indexes, triggers
        and question.counters.calls >= _MISMATCH_CALLS
        and by_index
        and blocks_per_call > _MISMATCH_FACTOR * expected
        and blocks_per_call - expected > _MISMATCH_BLOCKS
    ):
        touches = f"a call touches {blocks_per_call:,.0f} blocks where the plan expects {expected:,.0f}"
        if has_limit(question.typed.tree):
            yield f"{touches}: what the LIMIT waits for may lie at the far end of the index that the plan walks through"
        else:
            yield (
                f"parameter type mismatch suspected: {touches}; if the application binds another type than the "
                "column's, the index cannot be used"
            )
