"""A table tried out as partitioned: which shapes are worth planning, and what the plans said.

The shapes are made here from the snapshot; `advisor.whatif.partitioned` builds each on the twin and plans the
workload against it. What comes back decides, together with the window, which interval is proposed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from advisor.model.catalog import Column
from advisor.model.lookup import Catalog
from advisor.model.names import RelationName
from advisor.retention.plans.interval import boundary_after, bounds_from, candidate_intervals
from advisor.retention.targets import Target
from advisor.retention.windows import Window

# A statement that costs this much more is named; less is within what statistics can say.
_SLOWER = 1.1
# Below this no plan and no planning is worth a word (ms per call).
_NOTICEABLE_MS = 0.1
# Planner units are not time; where no execution time is known, one sequential page is taken for 10 microseconds.
_MS_PER_COST = 0.01
# Planning takes this much longer for each partition a plan looks into (seen: 0.015 to 0.035 ms). Not measured each
# time: the same snapshot shall give the same proposal on any machine.
_PLANNING_MS_PER_PARTITION = 0.025
# A trial with more partitions than this tells what is known already, and takes seconds to build.
_MOST_PARTITIONS = 150


def planning_ms(partitions: int) -> float:
    """Return how much longer planning takes, in ms, for a plan that looks into so many partitions."""
    return partitions * _PLANNING_MS_PER_PARTITION


def about(cost: float) -> float:
    """Return a cost to three digits: the clock moves inside the ranges of `now()`, and so do the digits after them."""
    return float(f"{cost:.3g}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionShape:
    """How a table would be partitioned. `bounds` are (lower, upper); the first lower None takes all older rows."""

    table: RelationName
    column: Column
    unit: str | None  # of an epoch number
    interval: Window
    bounds: tuple[tuple[datetime | None, datetime], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementTrial:
    """One statement before and after. Costs are planner units per call, times milliseconds."""

    query: str
    calls: float
    mean_exec_ms: float | None
    cost_before: float
    cost_after: float | None  # None: it cannot be planned any more
    planning_ms_before: float = 0.0
    planning_ms_after: float = 0.0
    partitions: int = 0  # that the plan looks into
    error: str | None = None

    @property
    def run_ms(self) -> float:
        """Milliseconds of one call now: measured, else by the planner's units."""
        return self.mean_exec_ms if self.mean_exec_ms is not None else self.cost_before * _MS_PER_COST

    @property
    def extra_ms(self) -> float:
        """Milliseconds one call would take longer (negative: gain), execution in proportion to cost, and planning."""
        after = self.cost_before if self.cost_after is None else self.cost_after
        ratio = after / self.cost_before if self.cost_before > 0 else 1.0
        return self.run_ms * (ratio - 1) + self.planning_ms_after - self.planning_ms_before

    @property
    def is_slower(self) -> bool:
        """Whether a call would take noticeably longer, or fail."""
        if self.cost_after is None:
            return True
        now = self.run_ms + self.planning_ms_before
        return self.extra_ms > _NOTICEABLE_MS and self.extra_ms > (_SLOWER - 1) * now

    def describe(self) -> str:
        """Return the statement with both costs, for people."""
        text = " ".join(self.query.split())[:100]
        if self.cost_after is None:
            return f"{text}: fails ({self.error})"
        return (
            f"{text}: cost {about(self.cost_before):,.1f} becomes {about(self.cost_after):,.1f}, planning about"
            f" {self.planning_ms_after - self.planning_ms_before:.1f} ms more, {self.partitions} partitions"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionTrial:
    """What the planner said of one shape."""

    table: RelationName
    interval: Window
    partitions: int
    statements: tuple[StatementTrial, ...]

    @property
    def slower(self) -> tuple[StatementTrial, ...]:
        """The statements that would get slower or fail, the dearest first."""
        found = [s for s in self.statements if s.is_slower]
        return tuple(sorted(found, key=lambda s: (s.cost_after is not None, -s.extra_ms * s.calls)))

    @property
    def burden_ms(self) -> float:
        """Milliseconds over all calls of the window, gains counted against losses."""
        return sum(s.extra_ms * s.calls for s in self.statements)

    @property
    def total_ms(self) -> float:
        """What the same calls take now."""
        return sum((s.run_ms + s.planning_ms_before) * s.calls for s in self.statements)

    @property
    def costs(self) -> tuple[float, float]:
        """Planner units of all calls now and then, of those that can be planned."""
        known = [s for s in self.statements if s.cost_after is not None]
        return sum(s.cost_before * s.calls for s in known), sum((s.cost_after or 0.0) * s.calls for s in known)

    @property
    def is_harmful(self) -> bool:
        """Whether the workload as a whole would pay more than a fifth."""
        return self.total_ms > 0 and self.burden_ms > 0.2 * self.total_ms


def trial_shapes(
    target: Target,
    oldest: datetime | None,
    newest: datetime | None,
    bytes_per_day: float | None,
    now: datetime,
    catalog: Catalog,
) -> tuple[PartitionShape, ...]:
    """Return the shapes to try for a table, the usual interval first; none without statistics to divide."""
    column, keep = target.column, target.keep
    statistics = catalog.statistics(target.relation, column.name) if column is not None else None
    if column is None or keep is None or statistics is None or statistics.histogram_bounds is None:
        return ()
    if target.policy.interval is not None:
        intervals: tuple[Window, ...] = (target.policy.interval,)
    else:
        intervals = candidate_intervals(keep, target.tolerance, bytes_per_day)
    found = []
    for interval in intervals:
        bounds = _bounds(interval, keep, oldest, newest, target.policy.premake, now)
        if len(bounds) <= _MOST_PARTITIONS:
            found.append(
                PartitionShape(table=target.relation, column=column, unit=target.unit, interval=interval, bounds=bounds)
            )
    return tuple(found)


def _bounds(
    interval: Window, keep: Window, oldest: datetime | None, newest: datetime | None, premake: int, now: datetime
) -> tuple[tuple[datetime | None, datetime], ...]:
    """Return one wide partition for all that is past the window, one per interval inside it, and those ahead."""
    start = keep.before(now)
    if oldest is not None and oldest > start:
        start = oldest
    first = boundary_after(start, interval)
    end = max(now, newest) if newest is not None else now
    ranges: list[tuple[datetime | None, datetime]] = [(None, first)]
    ahead = 0
    while ahead < premake and len(ranges) <= _MOST_PARTITIONS:
        lower = ranges[-1][1]
        ranges.append(bounds_from(lower, interval, 1)[0])
        ahead += lower > end
    return tuple(ranges)


def best_trial(trials: Sequence[PartitionTrial], usual: Window) -> PartitionTrial | None:
    """Return the trial with the least burden; the usual interval's unless another saves a hundredth of the time."""
    if not trials:
        return None
    default = next((t for t in trials if t.interval == usual), trials[0])
    best = min(trials, key=lambda t: t.burden_ms)
    return best if best.burden_ms < default.burden_ms - 0.01 * default.total_ms else default
