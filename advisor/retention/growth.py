"""How fast a table grows, where it settles under its window, and the date on which it reaches a size.

Rates are gross (what comes in) where they can be; sizes seen before give the net change, which is what fills a disk
while nothing is removed. Source of the slope: Theil and Sen's median of pairwise slopes, which one odd day cannot bend.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from advisor.model.arrays import parse_array
from advisor.model.lookup import Catalog
from advisor.model.names import RelationName
from advisor.model.snapshot import Snapshot
from advisor.retention.bounds import leaf_bytes, time_partitioning
from advisor.retention.expired import total_bytes, total_rows
from advisor.retention.moments import parse_moment
from advisor.retention.targets import Target

_DAY = 86400.0
_WEEK = timedelta(days=7)
_MOST_WEEKS = 8
# Rates come from the newest tenth of a histogram of 100 buckets: recent, and still a thousand sampled rows.
_RECENT_BUCKETS = 10
# Two readings closer together say more about the hour than about the growth.
_SHORTEST = timedelta(hours=6)
# From this many readings on, the median of slopes is robust.
_ROBUST = 7
_MOST_POINTS = 100
_RECENT_LEAVES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A table's size at one moment; None where it was not known."""

    at: datetime
    bytes: float | None = None
    rows: float | None = None


@dataclass(frozen=True, slots=True)
class _Rate:
    per_day: float
    error: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """How fast rows come in, and how fast the table as a whole gets larger."""

    rows_per_day: float
    bytes_per_day: float
    source: str
    net_bytes_per_day: float | None = None  # from sizes seen before: removals counted
    net_source: str | None = None
    confidence: str = "medium"
    error: float | None = None  # half of what the last weeks differ by, as a share of the rate

    def steady_rows(self, keep_days: float) -> float:
        return self.rows_per_day * keep_days

    def steady_bytes(self, keep_days: float) -> float:
        return self.bytes_per_day * keep_days

    def reaches(self, limit: float, size: float, now: datetime, *, faster: float = 0.0) -> datetime | None:
        """Return when a table of `size` bytes has `limit`, at the net rate where it is known, by so much faster; None
        when never, or so late that nobody plans for it."""
        rate = self.net_bytes_per_day if self.net_bytes_per_day is not None else self.bytes_per_day
        rate *= 1 + faster
        if size >= limit:
            return now
        if rate <= 0:
            return None
        days = (limit - size) / rate
        return now + timedelta(days=days) if days < 3650 else None


def find_growth(target: Target, now: datetime, catalog: Catalog, *, previous: Snapshot | None = None) -> Growth | None:
    """Return the growth: inserts since an earlier reading, else the newest part of the histogram, else the newest
    closed partitions, else inserts since the counters were reset; and the net change of the sizes seen before."""
    rows, size = total_rows(target.relation, catalog), total_bytes(target.relation, catalog)
    if rows <= 0:
        return None
    net = net_rate(size_points(target.relation, catalog), "bytes")
    by_week = _histogram_rate(target, now, rows, catalog)
    rates = (
        (_inserted_rate(target.relation, catalog, previous, now), "inserts since the previous reading", "high"),
        (by_week.per_day if by_week is not None else None, "the newest part of the histogram", "medium"),
        (_leaf_rate(target, now, catalog), "the newest closed partitions", "high"),
        (_counter_rate(target.relation, now, catalog), "inserts since the statistics were reset", "medium"),
        (net_rate(size_points(target.relation, catalog), "rows"), "the rows of earlier readings", "medium"),
    )
    for rate, source, confidence in rates:
        if rate is not None and math.isfinite(rate) and rate >= 0:
            return Growth(
                rows_per_day=rate,
                bytes_per_day=rate * size / rows,
                source=source,
                net_bytes_per_day=net,
                net_source="the sizes of earlier readings" if net is not None else None,
                confidence=confidence,
                error=by_week.error if by_week is not None else None,
            )
    return None


def size_points(relation: RelationName, catalog: Catalog) -> tuple[Point, ...]:
    """Return the sizes of a table with its partitions over time, the present one last."""
    snapshot = catalog.snapshot
    if not snapshot.sizes:
        return ()
    now = {str(leaf.relation) for leaf in catalog.leaves(relation)}
    # Partitions dropped since are known by their names only.
    gone = re.compile(re.escape(f"{relation.schema}.{relation.name}") + r"_p?\d[\d_]*")
    known = {str(name) for name in catalog.tables}
    by_time: dict[datetime, list[tuple[float, float | None]]] = {}
    for sample in snapshot.sizes:
        name = sample.relation
        if name in now or (name not in known and gone.fullmatch(name.replace('"', ""))):
            by_time.setdefault(sample.at, []).append((sample.total_bytes, sample.reltuples))
    found = [
        Point(
            at=at,
            bytes=sum(size for size, _ in parts),
            rows=None if any(rows is None for _, rows in parts) else sum(rows or 0.0 for _, rows in parts),
        )
        for at, parts in sorted(by_time.items())
    ]
    if found:
        present = Point(
            at=snapshot.server.collected_at, bytes=total_bytes(relation, catalog), rows=total_rows(relation, catalog)
        )
        found.append(present)
    return tuple(found)


def net_rate(points: Sequence[Point], what: str) -> float | None:
    """Return the change per day of `bytes` or `rows`, negative for a table that shrinks; None for too few readings."""
    series = [(p.at, value) for p in points if (value := getattr(p, what)) is not None]
    if len(series) < 2 or series[-1][0] - series[0][0] < _SHORTEST:
        return None
    if len(series) < _ROBUST:
        (first, before), (last, after) = series[0], series[-1]
        return float((after - before) / ((last - first).total_seconds() / _DAY))
    step = -(-len(series) // _MOST_POINTS)
    thinned = series[::-1][::step][::-1]
    slopes = [
        (after - before) / ((late - early).total_seconds() / _DAY)
        for position, (early, before) in enumerate(thinned)
        for late, after in thinned[position + 1 :]
        if late > early
    ]
    return float(median(slopes)) if slopes else None


def _inserted_rate(relation: RelationName, catalog: Catalog, previous: Snapshot | None, now: datetime) -> float | None:
    """Return inserts per day between two readings of the counters; None where they were reset in between."""
    if previous is None or now - previous.server.collected_at < _SHORTEST:
        return None
    before = {t.relation: t.counters for t in previous.tables}
    inserted = 0
    for leaf in catalog.leaves(relation):
        if leaf.counters is None:
            return None
        earlier = before.get(leaf.relation)
        grown = leaf.counters.n_tup_ins - (earlier.n_tup_ins if earlier is not None else 0)
        if grown < 0:
            return None
        inserted += grown
    return inserted / ((now - previous.server.collected_at).total_seconds() / _DAY)


def _histogram_rate(target: Target, now: datetime, rows: float, catalog: Catalog) -> _Rate | None:
    if target.column is None or (target.choice.candidate is not None and target.choice.candidate.basis == "expiry"):
        return None
    row = catalog.statistics(target.relation, target.column.name)
    if row is None:
        return None
    bounds = [m for m in (parse_moment(v, target.unit) for v in parse_array(row.histogram_bounds)) if m is not None]
    if len(bounds) < 2 * _RECENT_BUCKETS:
        return None
    end, buckets = max(now, bounds[-1]), _RECENT_BUCKETS
    spread = rows * max(1.0 - row.null_frac - sum(row.most_common_freqs or ()), 0.0)
    weeks = _whole_weeks(bounds, end)
    if weeks:
        # Weekdays differ from Sundays: only whole weeks are compared, and they show how much weeks differ.
        rates = [spread * share / 7 for share in weeks]
        needed = min(max(1, math.ceil((end - bounds[-1 - buckets]) / _WEEK)), len(rates))
        rate = sum(rates[:needed]) / needed
        return _Rate(rate, (max(rates) - min(rates)) / 2 / rate if rate > 0 and len(rates) > 1 else None)
    # A burst of an hour is no daily rate: at least a day is looked at, where the table has one.
    while buckets < len(bounds) - 1 and end - bounds[-1 - buckets] < timedelta(days=1):
        buckets += 1
    days = (end - bounds[-1 - buckets]).total_seconds() / _DAY
    return _Rate(spread * buckets / (len(bounds) - 1) / days) if days > 0 else None


def _whole_weeks(bounds: Sequence[datetime], end: datetime) -> list[float]:
    """Return the share of the rows in each of the last whole weeks that the table covers, the newest first."""
    found: list[float] = []
    upper = 1.0
    for number in range(1, _MOST_WEEKS + 1):
        start = end - number * _WEEK
        if start < bounds[0]:
            break
        lower = _position(bounds, start)
        found.append(upper - lower)
        upper = lower
    return found


def _position(bounds: Sequence[datetime], moment: datetime) -> float:
    """Return which share of the rows is older than `moment`, between two bounds by the clock."""
    place = bisect_right(bounds, moment)
    if place in (0, len(bounds)):
        return place / len(bounds)
    low, high = bounds[place - 1], bounds[place]
    return (place - 1 + (moment - low) / (high - low)) / (len(bounds) - 1)


def _leaf_rate(target: Target, now: datetime, catalog: Catalog) -> float | None:
    """Return rows per day by the newest partitions that take no more rows."""
    partitioning = time_partitioning(target.table, catalog)
    if partitioning is None or target.column is None or partitioning.column.name != target.column.name:
        return None
    rates = [
        catalog.rows(leaf.table.relation) / ((leaf.upper - leaf.lower).total_seconds() / _DAY)
        for leaf in partitioning.leaves
        if leaf.lower is not None and leaf.upper is not None and leaf.lower < leaf.upper <= now
        and leaf_bytes(leaf.table, catalog) > 0
    ]  # fmt: skip
    return median(rates[-_RECENT_LEAVES:]) if rates else None


def _counter_rate(relation: RelationName, now: datetime, catalog: Catalog) -> float | None:
    counters = catalog.snapshot.database_counters
    since = counters.stats_reset if counters is not None and counters.stats_reset is not None else None
    if since is None or now - since < timedelta(days=1):
        return None
    inserted = sum(leaf.counters.n_tup_ins for leaf in catalog.leaves(relation) if leaf.counters is not None)
    return inserted / ((now - since).total_seconds() / _DAY)
