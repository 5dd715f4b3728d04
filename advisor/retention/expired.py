"""How many rows and bytes are past the window."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from advisor.model.arrays import parse_array
from advisor.model.lookup import Catalog
from advisor.model.names import RelationName
from advisor.retention.bounds import Leaf, leaf_bytes, time_partitioning
from advisor.retention.moments import parse_moment
from advisor.retention.oldest import EMPTY, EXACT, Ends
from advisor.retention.probes import PAGES, PLANNER, SAMPLED_PAGES
from advisor.retention.targets import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired:
    """Rows and bytes past the window; None where nothing tells."""

    rows: int | None
    bytes: int | None
    source: str
    error: float | None = None  # largest relative difference of two estimates
    whole_leaves: tuple[Leaf, ...] = ()  # partitions past the window as a whole


def total_bytes(relation: RelationName, catalog: Catalog) -> int:
    """Return heap, indexes and TOAST of a table with all its partitions."""
    return sum(leaf.total_bytes or leaf.size_bytes or leaf.relpages * 8192 for leaf in catalog.leaves(relation))


def total_rows(relation: RelationName, catalog: Catalog) -> float:
    """Return the estimated rows: the planner's count, else the statistics collector's."""
    rows = catalog.rows(relation)
    if rows > 0:
        return rows
    return float(sum(leaf.counters.n_live_tup for leaf in catalog.leaves(relation) if leaf.counters is not None))


def find_expired(target: Target, ends: Ends, cutoff: datetime, catalog: Catalog) -> Expired:
    """Return what is older than `cutoff`."""
    if ends.precision == EMPTY:
        return Expired(rows=0, bytes=0, source="no rows")
    if ends.precision == EXACT and ends.oldest is not None and ends.oldest >= cutoff:
        return Expired(rows=0, bytes=0, source=ends.source)
    rows = total_rows(target.relation, catalog)
    size = total_bytes(target.relation, catalog)
    width = size / rows if rows > 0 else None
    leaves = _whole_leaves(target, cutoff, catalog)
    counted_rows = _counted_rows(target, catalog)
    if counted_rows is not None:
        each = width if width is not None else size / max(counted_rows[1], 1)
        return Expired(
            rows=counted_rows[0],
            bytes=min(size, round(counted_rows[0] * each)),
            source="a count of all rows of a small table",
            whole_leaves=leaves,
        )
    planner = _planner_rows(target, catalog)
    share = expired_share(target, cutoff, catalog)
    histogram = None if share is None or rows <= 0 else share * rows
    counted = sum(max(catalog.rows(leaf.table.relation), 0.0) for leaf in leaves) if leaves else None
    by_planner, by_histogram = "the planner's estimate", "the histogram"
    if target.policy.keep_where is not None:
        by_planner += ", rough: it takes keep_where as independent of the age"
        by_histogram += ", at most: keep_where is not counted"
        histogram = histogram if planner is None else None
    estimates = [
        (name, value) for name, value in ((by_planner, planner), (by_histogram, histogram)) if value is not None
    ]
    if estimates:
        # The planner takes an empty partition for ten pages of rows; the statistics of the whole table know better.
        empty = any(leaf.size_bytes == 0 for leaf in catalog.leaves(target.relation) if leaf.kind == "r")
        source, best = estimates[-1 if empty else 0]
        error = None
        if len(estimates) == 2 and max(planner or 0, histogram or 0) > 0:
            error = abs(estimates[0][1] - estimates[1][1]) / max(estimates[0][1], estimates[1][1])
    elif (even := _even_share(ends, cutoff)) is not None and rows > 0:
        source, best, error = "the age of the oldest and newest row, as if rows came evenly", even * rows, None
    elif counted is not None:
        source, best, error = "partitions past the window as a whole", counted, None
    else:
        return Expired(rows=None, bytes=None, source="unknown: the column has no statistics", whole_leaves=leaves)
    if ends.precision == EXACT and ends.oldest is not None and ends.oldest < cutoff:
        best = max(best, 1.0)
    best = max(best, counted or 0.0)
    whole_bytes = sum(leaf_bytes(leaf.table, catalog) for leaf in leaves)
    rest = max(best - (counted or 0.0), 0.0)
    return Expired(
        rows=round(best),
        bytes=None if width is None else min(size, round(whole_bytes + rest * width)),
        source=source,
        error=error,
        whole_leaves=leaves,
    )


def _whole_leaves(target: Target, cutoff: datetime, catalog: Catalog) -> tuple[Leaf, ...]:
    partitioning = time_partitioning(target.table, catalog)
    if partitioning is None or target.column is None or partitioning.column.name != target.column.name:
        return ()
    return tuple(leaf for leaf in partitioning.leaves if leaf.upper is not None and leaf.upper <= cutoff)


def _planner_rows(target: Target, catalog: Catalog) -> float | None:
    """Return the planner's own count, unless it had no statistics to count with."""
    if target.column is None:
        return None
    for row in catalog.snapshot.facts.get(PLANNER, ()):
        if (
            row.get("subject") == str(target.relation)
            and row.get("keep") == str(target.keep)
            and row.get("status") == "ok"
        ):
            if catalog.statistics(target.relation, target.column.name) is None and not _analyzed(
                target.relation, catalog
            ):
                return None  # it would be a third of the table, whatever is in it
            value = row.get("rows")
            return None if value is None else (float(value) if value > 1 else 0.0)
    return None


def _counted_rows(target: Target, catalog: Catalog) -> tuple[int, int] | None:
    """Return (expired, all) rows where every table with storage was small enough to be read whole."""
    leaves = [leaf for leaf in catalog.leaves(target.relation) if leaf.kind == "r"]
    rows = {
        r["leaf"]: r
        for r in catalog.snapshot.facts.get(PAGES, ())
        if r.get("subject") == str(target.relation)
        and r.get("status") == "ok"
        and r.get("keep") == str(target.keep)
        and r.get("expired") is not None
        and int(r.get("pages") or 0) <= SAMPLED_PAGES
    }
    if target.column is None or not leaves or any(str(leaf.relation) not in rows for leaf in leaves):
        return None
    return sum(int(r["expired"]) for r in rows.values()), sum(int(r["rows"]) for r in rows.values())


def _even_share(ends: Ends, cutoff: datetime) -> float | None:
    """Return the share of the time between the oldest and the newest row that lies before `cutoff`."""
    if ends.oldest is None or ends.newest is None or ends.newest <= ends.oldest:
        return None
    return min(max((cutoff - ends.oldest) / (ends.newest - ends.oldest), 0.0), 1.0)


def _analyzed(relation: RelationName, catalog: Catalog) -> bool:
    return any(
        leaf.counters is not None
        and (leaf.counters.last_analyze is not None or leaf.counters.last_autoanalyze is not None)
        for leaf in catalog.leaves(relation)
    )


def expired_share(target: Target, cutoff: datetime, catalog: Catalog) -> float | None:
    """Return the share of rows (0..1) below `cutoff` by the column's statistics."""
    if target.column is None:
        return None
    row = catalog.statistics(target.relation, target.column.name)
    if row is None:
        return None
    common = [parse_moment(v, target.unit) for v in parse_array(row.most_common_vals)]
    freqs = row.most_common_freqs or ()
    below = sum(f for v, f in zip(common, freqs, strict=False) if v is not None and v < cutoff)
    bounds = [m for m in (parse_moment(v, target.unit) for v in parse_array(row.histogram_bounds)) if m is not None]
    if not bounds and not common:
        return None
    rest = max(1.0 - row.null_frac - sum(freqs), 0.0)
    return min(1.0, below + rest * _position(bounds, cutoff))


def _position(bounds: list[datetime], moment: datetime) -> float:
    """Return where `moment` is among the bounds of equal buckets, 0..1."""
    if len(bounds) < 2 or moment <= bounds[0]:
        return 0.0
    if moment >= bounds[-1]:
        return 1.0
    for position in range(len(bounds) - 1):
        low, high = bounds[position], bounds[position + 1]
        if low <= moment < high:
            inside = (moment - low) / (high - low)
            return (position + inside) / (len(bounds) - 1)
    return 1.0
