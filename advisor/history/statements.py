"""Statements that became slower or faster: windows compared by means and deviations, not by a glance. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median, median_low

from advisor.history.model import Tally
from advisor.model.activity import StatementCounters
from advisor.model.history import StatementChange, StatementPlan, statement_key

# A change is told from this ratio of the means on, when even the near end of its interval is beyond the second.
_RATIO, _SURE = 1.5, 1.2
_LEAST_CALLS = 10
# It must matter: this part of the window's execution time, and at least so many ms in all.
_SHARE, _LEAST_MS = 0.01, 100.0
# The same work in another time is told from this many ms a call on: below, it is the machine's own noise.
_LEAST_ALONE_MS = 5.0
_ALONE_RATIO = 2.0  # beyond what all statements of the window have in common
# So many times the blocks are other work, however uncertain the times are.
_MUCH_WORK = 4.0
# A statement that was never seen before is told from this part of the window's time on.
_NEW_SHARE = 0.05
# Executions of one statement come in alike runs (caches, batches), so the naive error of a mean is too small.
_CORRELATION = 2.0
# What so many windows of the same time have shown is usual then, up to this far beyond their extremes.
_LEAST_TIMES, _TIMES_MARGIN = 3, 1.25
_MOST = 10
_Z = 1.96


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowRow:
    """One statement in one window, all roles together."""

    key: str
    query: str | None
    tally: Tally
    rows: float


def tally_of(row: StatementCounters) -> Tally:
    """Return calls, ms and squares; stddev_exec_time is that of the population (pg_stat_statements.c)."""
    squares = row.calls * (row.stddev_exec_time**2 + row.mean_exec_time**2)
    return Tally(calls=row.calls, ms=row.total_exec_time, squares=squares, blocks=_blocks(row))


def minus(now: Tally, before: Tally) -> Tally:
    """Return the executions of the time between two cumulative tallies."""
    return Tally(
        calls=now.calls - before.calls,
        ms=max(now.ms - before.ms, 0.0),
        squares=max(now.squares - before.squares, 0.0),
        blocks=max(now.blocks - before.blocks, 0.0),
    )


def plus(one: Tally, other: Tally) -> Tally:
    """Return both together."""
    return Tally(
        calls=one.calls + other.calls,
        ms=one.ms + other.ms,
        squares=one.squares + other.squares,
        blocks=one.blocks + other.blocks,
    )


def mean(tally: Tally) -> float:
    """Return ms per call, 0 without calls."""
    return tally.ms / tally.calls if tally.calls else 0.0


def variance(tally: Tally) -> float:
    """Return the variance of the executions in ms²."""
    return max(tally.squares / tally.calls - mean(tally) ** 2, 0.0) if tally.calls else 0.0


def ratio(before: Tally, after: Tally) -> tuple[float, float, float] | None:
    """Return after / before of the means with its 95 % interval (delta method); None without calls."""
    if not before.calls or not after.calls or mean(before) <= 0:
        return None
    value = mean(after) / mean(before)
    relative = variance(before) / (before.calls * mean(before) ** 2)
    if mean(after) > 0:
        relative += variance(after) / (after.calls * mean(after) ** 2)
    error = _Z * _CORRELATION * value * math.sqrt(relative)
    return value, max(value - error, 0.0), value + error


def window(before: Sequence[StatementCounters], now: Sequence[StatementCounters]) -> dict[str, WindowRow]:
    """Return what was run between two readings, by statement key. Without a text the query id is the key."""
    earlier = {(row.queryid, row.role, row.toplevel): row for row in before}
    found: dict[str, WindowRow] = {}
    for row in now:
        old = earlier.get((row.queryid, row.role, row.toplevel))
        if old is not None and (row.calls < old.calls or row.stats_since != old.stats_since):
            old = None  # evicted and come back, or reset: what it has now is all of this window
        tally = tally_of(row) if old is None else minus(tally_of(row), tally_of(old))
        if tally.calls <= 0:
            continue
        key = statement_key(row.query) if row.query else f"id:{row.queryid}"
        known = found.get(key) or WindowRow(key=key, query=row.query, tally=Tally(), rows=0.0)
        found[key] = replace(
            known,
            tally=plus(known.tally, tally),
            rows=known.rows + row.rows - (old.rows if old is not None else 0),
        )
    return found


def _blocks(row: StatementCounters) -> int:
    return row.shared_blks_hit + row.shared_blks_read + row.temp_blks_written


def changes(
    windows: Sequence[Mapping[str, WindowRow]],
    cumulative: Mapping[str, WindowRow],
    plans: tuple[Sequence[StatementPlan], Sequence[StatementPlan]],
    *,
    arrivals: bool,
    season: Sequence[tuple[Mapping[str, WindowRow], Mapping[str, WindowRow]]] = (),
) -> tuple[tuple[StatementChange, ...], tuple[StatementChange, ...]]:
    """Return (slower, faster) statements of the last of `windows` (oldest first), the dearest first.

    Compared with the window before it, and not beyond what earlier windows have shown. `cumulative` are all
    executions up to the last window, for statements the window before had none of. `plans` are those of the run
    before and of this one. `arrivals`: a statement nobody knew counts as slower than nothing. `season`: windows of the
    same time of earlier days or weeks, each with the one before it: what changes then every time is no change.
    """
    last, earlier = windows[-1], windows[:-1]
    total = sum(row.tally.ms for row in last.values())
    drift = _drift(last, earlier)
    old_plans = {plan.key: plan for plan in plans[0]}
    new_plans = {plan.key: plan for plan in plans[1]}
    slower: list[StatementChange] = []
    faster: list[StatementChange] = []
    for key, row in last.items():
        same_time = [rows[key] for _, rows in season if key in rows]
        # A nightly job is in none of the hours before this one, but in the same hour of every day.
        past = [rows[key] for rows in earlier if key in rows] or same_time
        base = next((p for p in reversed(past) if p.tally.calls >= _LEAST_CALLS), None) or cumulative.get(key)
        if base is None:
            if arrivals and not past and row.query and row.tally.ms >= max(_NEW_SHARE * total, _LEAST_MS):
                slower.append(_change(row, None, (1.0, 1.0, 1.0), "new: not seen before this window"))
            continue
        compared = ratio(base.tally, row.tally)
        if compared is None or not row.query:
            continue
        change = _change(row, base, compared, "")
        enough = abs(change.extra_ms) >= max(_SHARE * total, _LEAST_MS)
        if not enough or not _real(compared, base, row, past) or _every_time(key, compared[0], season):
            continue
        if len(same_time) >= _LEAST_TIMES:
            change = replace(change, usual=median(mean(other.tally) for other in same_time))
        old, new = old_plans.get(key), new_plans.get(key)
        if old is not None and new is not None and old.outline != new.outline:
            change = replace(change, plan_before=old.outline, plan_after=new.outline)
        work = _work(base, row)
        if not work and change.plan_after is None and not _alone(change, compared, drift):
            continue
        change = replace(change, why=_why(work, change))
        (slower if compared[0] > 1 else faster).append(change)
    slower.sort(key=lambda c: -c.extra_ms)
    faster.sort(key=lambda c: c.extra_ms)
    return tuple(slower[:_MOST]), tuple(faster[:_MOST])


def _real(compared: tuple[float, float, float], base: WindowRow, row: WindowRow, past: Sequence[WindowRow]) -> bool:
    """Whether a change is beyond chance and beyond what this statement does anyway."""
    value, low, high = compared
    means = [mean(p.tally) for p in past]
    # What it moves by from one window to the next anyway: weekends, nights. One lasting change among them is no habit.
    habit = 4 * median_low(abs(new - old) for old, new in pairwise(means)) if len(means) >= 3 else 0.0
    now, usual = mean(row.tally), mean(base.tally)
    if row.tally.calls < _LEAST_CALLS or base.tally.calls < _LEAST_CALLS:
        # A nightly job runs once: only the windows before can say what is usual for it.
        return len(means) >= 3 and (
            (value >= 2 and now > max(means) + habit) or (value <= 0.5 and now < min(means) - habit)
        )
    if (value >= _RATIO or value <= 1 / _RATIO) and _other_work(base, row, past, up=value > 1):
        return True  # however the machine's load makes the times scatter
    if value >= _RATIO and low > _SURE:
        return now > usual + habit
    # Downwards what it moves by is a factor: beside the mean of a bad time the difference would leave no room.
    return value <= 1 / _RATIO and high < 1 / _SURE and now < max(usual - habit, usual / _habitual_factor(means))


def _other_work(base: WindowRow, row: WindowRow, past: Sequence[WindowRow], *, up: bool) -> bool:
    """Whether a call touches several times as many (or few) blocks as before, beyond what it does anyway."""
    if not base.tally.blocks or not row.tally.blocks:
        return False
    factor = (row.tally.blocks / row.tally.calls) / (base.tally.blocks / base.tally.calls)
    usual = _habitual_factor([p.tally.blocks / p.tally.calls for p in past])
    return (factor if up else 1 / factor) >= max(_MUCH_WORK, usual)


def _habitual_factor(means: Sequence[float]) -> float:
    """Return the square of the factor between one window and the next, where three windows or more tell it."""
    if len(means) < 3 or min(means) <= 0:
        return 1.0
    return median_low(max(new / old, old / new) for old, new in pairwise(means)) ** 2


def _every_time(
    key: str, value: float, season: Sequence[tuple[Mapping[str, WindowRow], Mapping[str, WindowRow]]]
) -> bool:
    """Whether the mean changes like this at this time of every day, or day of every week."""
    ratios = [
        mean(rows[key].tally) / mean(before[key].tally)
        for before, rows in season
        if key in before and key in rows and mean(before[key].tally) > 0
    ]
    return len(ratios) >= _LEAST_TIMES and min(ratios) / _TIMES_MARGIN <= value <= max(ratios) * _TIMES_MARGIN


def _change(row: WindowRow, base: WindowRow | None, compared: tuple[float, float, float], why: str) -> StatementChange:
    before = mean(base.tally) if base is not None else 0.0
    after = mean(row.tally)
    return StatementChange(
        key=row.key,
        query=row.query or "",
        mean_before=before,
        mean_after=after,
        ratio_low=compared[1],
        ratio_high=compared[2],
        calls=row.tally.calls,
        extra_ms=(after - before) * row.tally.calls,
        why=why,
    )


def _drift(last: Mapping[str, WindowRow], earlier: Sequence[Mapping[str, WindowRow]]) -> float:
    """Return how much slower everything was than in the window before: the machine's part in any change of time."""
    if not earlier:
        return 1.0
    both = [(earlier[-1][key].tally, row.tally) for key, row in last.items() if key in earlier[-1]]
    ratios = [
        mean(new) / mean(old)
        for old, new in both
        if min(old.calls, new.calls) >= _LEAST_CALLS and mean(old) > 0 and mean(new) > 0
    ]
    return median(ratios) if len(ratios) >= 3 else 1.0


def _alone(change: StatementChange, compared: tuple[float, float, float], drift: float) -> bool:
    """Whether the same work in another time is this statement's own change, and not the machine's."""
    if abs(change.mean_after - change.mean_before) < _LEAST_ALONE_MS:
        return False
    value, low, high = (part / drift for part in compared)
    return (value >= _ALONE_RATIO and low > _SURE) or (value <= 1 / _ALONE_RATIO and high < 1 / _SURE)


def _work(base: WindowRow, row: WindowRow) -> list[str]:
    """Return what the statement does more or less of per call."""
    parts = []
    for name, old, new in (
        ("blocks", base.tally.blocks / max(base.tally.calls, 1), row.tally.blocks / max(row.tally.calls, 1)),
        ("rows", base.rows / max(base.tally.calls, 1), row.rows / max(row.tally.calls, 1)),
    ):
        if old > 0 and (new / old >= _RATIO or new / old <= 1 / _RATIO):
            parts.append(f"{name} per call {_short(old)} → {_short(new)}")
    return parts


def _why(work: list[str], change: StatementChange) -> str:
    if change.plan_after is not None:
        return "; ".join([*work, "another plan"])
    return "; ".join(work) or "the same work takes another time: look at I/O, locks and load"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def totals_by_key(rows: Iterable[StatementCounters]) -> dict[str, WindowRow]:
    """Return cumulative counters by statement key."""
    return window((), tuple(rows))
