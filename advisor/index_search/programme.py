"""An integer programme over everything the planner has said so far.

For each statement there are answers (indexes used, cost): whoever builds those indexes may have that cost. One binary
variable per index, one share per answer; the sum of the chosen indexes' sizes stays within the budget. Its solution
puts together indexes that greedy steps found apart. With guesses (an answer where nobody has looked yet, as cheap as
it could be if more indexes never raise a cost) the optimum is a lower bound. Solved by HiGHS.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

_TAKEN = 3  # offers of one statement that a solution names
_SOME = 0.05  # share


@dataclass(slots=True)
class Offer:
    """A statement's cost where all `needs` (bits) are built and none of `without` is; `gain` is weighted."""

    needs: int
    without: int
    gain: float


@dataclass(slots=True)
class Programme:
    """`sizes` per index (bit); `costs`: what having an index costs; `offers` per statement."""

    sizes: Sequence[int]
    room: float | None
    most: int | None
    allowed: int
    costs: dict[int, float] = field(default_factory=dict)  # by place
    offers: list[list[Offer]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Solution:
    """`chosen` (bits), a gain that no choice exceeds, and the offers each statement takes, the largest share first."""

    chosen: int
    most_gain: float
    taken: tuple[tuple[Offer, ...], ...]


def solve(
    programme: Programme, seconds: float, *, relaxed: bool = False, incumbent: int | None = None
) -> Solution | None:
    """Return the best choice; None when the solver found none in time.

    `relaxed`: indexes may be built in part. `incumbent`: a choice that is allowed, which spares the solver to look for
    one; it must fit the programme.
    """
    import highspy  # 0.2 s to import: only for those who spend a budget
    import numpy as np

    places = _places(programme)
    if not places:
        return None
    column_of = {place: number for number, place in enumerate(places)}
    objective = [programme.costs.get(place, 0.0) for place in places]
    rows = _Rows()
    if programme.room is not None:
        rows.add([(column_of[place], float(programme.sizes[place]) / 1e6) for place in places], programme.room / 1e6)
    if programme.most is not None:
        rows.add([(column_of[place], 1.0) for place in places], float(programme.most))
    shares: list[list[tuple[int, Offer]]] = []
    for offers in programme.offers:
        mine = []
        for offer in offers:
            mine.append((len(objective), offer))
            objective.append(-offer.gain)
        shares.append(mine)
        if mine:
            rows.add([(column, 1.0) for column, _ in mine], 1.0)
        _bind(rows, mine, column_of)
    scale = max((-value for value in objective), default=0.0) or 1.0
    count = len(objective)
    problem = highspy.HighsLp()
    problem.num_col_ = count
    problem.num_row_ = len(rows.upper)
    problem.col_cost_ = np.array(objective) / scale
    problem.col_lower_ = np.zeros(count)
    problem.col_upper_ = np.ones(count)
    problem.row_lower_ = np.full(len(rows.upper), -highspy.kHighsInf)
    problem.row_upper_ = np.array(rows.upper)
    problem.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    problem.a_matrix_.start_ = np.array(rows.start)
    problem.a_matrix_.index_ = np.array(rows.index)
    problem.a_matrix_.value_ = np.array(rows.value)
    if not relaxed:
        whole, part = highspy.HighsVarType.kInteger, highspy.HighsVarType.kContinuous
        problem.integrality_ = [whole] * len(places) + [part] * (count - len(places))
    solver = highspy.Highs()  # type: ignore[no-untyped-call]
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("time_limit", max(0.01, seconds))
    solver.setOptionValue("mip_rel_gap", 1e-4)
    solver.setOptionValue("threads", 1)
    # Programmes of some hundred columns: presolving them again and looking for first answers took most of the time.
    solver.setOptionValue("mip_allow_restart", False)
    solver.setOptionValue("mip_heuristic_run_feasibility_jump", False)
    solver.passModel(problem)
    if incumbent is not None:
        start = highspy.HighsSolution()
        start.col_value = _columns_of(incumbent, count, column_of, shares)
        solver.setSolution(start)
    solver.run()
    info = solver.getInfo()
    optimal = solver.getModelStatus() == highspy.HighsModelStatus.kOptimal
    if info.primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
        return None
    values = solver.getSolution().col_value
    chosen = sum(1 << place for place in places if values[column_of[place]] > 0.5)
    taken = tuple(
        tuple(
            offer
            for column, offer in sorted(mine, key=lambda pair: -values[pair[0]])[:_TAKEN]
            if values[column] > _SOME
        )
        for mine in shares
    )
    least = info.objective_function_value if relaxed else info.mip_dual_bound
    return Solution(chosen, -least * scale if optimal or not relaxed else float("inf"), taken)


def _columns_of(
    chosen: int, count: int, column_of: dict[int, int], shares: Sequence[Sequence[tuple[int, Offer]]]
) -> list[float]:
    """Return a choice as values of the columns: each statement takes the best offer that it allows."""
    values = [0.0] * count
    for place, column in column_of.items():
        values[column] = float(chosen >> place & 1)
    for mine in shares:
        allowed = [pair for pair in mine if pair[1].needs & ~chosen == 0 and pair[1].without & chosen == 0]
        if allowed:
            values[max(allowed, key=lambda pair: pair[1].gain)[0]] = 1.0
    return values


@dataclass(slots=True)
class _Rows:
    """Constraints `sum(value * column) <= upper`, row by row."""

    start: list[int] = field(default_factory=lambda: [0])
    index: list[int] = field(default_factory=list)
    value: list[float] = field(default_factory=list)
    upper: list[float] = field(default_factory=list)

    def add(self, terms: Sequence[tuple[int, float]], upper: float) -> None:
        self.index.extend(column for column, _ in terms)
        self.value.extend(value for _, value in terms)
        self.start.append(len(self.index))
        self.upper.append(upper)


def _bind(rows: _Rows, mine: Sequence[tuple[int, Offer]], column_of: dict[int, int]) -> None:
    """Offers that need an index together weigh no more than it is built; those without it no more than it is not."""
    needing: dict[int, list[int]] = {}
    refusing: dict[int, list[int]] = {}
    for column, offer in mine:
        for place in bits(offer.needs):
            needing.setdefault(place, []).append(column)
        for place in bits(offer.without):
            if place in column_of:
                refusing.setdefault(place, []).append(column)
    for place, columns in needing.items():
        rows.add([*((column, 1.0) for column in columns), (column_of[place], -1.0)], 0.0)
    for place, columns in refusing.items():
        rows.add([*((column, 1.0) for column in columns), (column_of[place], 1.0)], 1.0)


def _places(programme: Programme) -> list[int]:
    """Return the indexes that some offer needs; offers needing others are dropped."""
    for offers in programme.offers:
        offers[:] = [offer for offer in offers if offer.needs & ~programme.allowed == 0]
    needed = 0
    for offers in programme.offers:
        for offer in offers:
            needed |= offer.needs
    return list(bits(needed))


def best_offers(offers: Sequence[Offer]) -> list[Offer]:
    """Return the offers that no other beats with fewer demands."""
    found: list[Offer] = []
    for offer in sorted(offers, key=lambda one: (-one.gain, one.needs.bit_count() + one.without.bit_count())):
        if not any(b.needs & ~offer.needs == 0 and b.without & ~offer.without == 0 for b in found):
            found.append(offer)
    return found


def bits(mask: int) -> list[int]:
    """Return the places of a mask's bits, ascending."""
    found = []
    while mask:
        lowest = mask & -mask
        found.append(lowest.bit_length() - 1)
        mask ^= lowest
    return found
