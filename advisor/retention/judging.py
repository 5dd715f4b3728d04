"""Everything found out about each table with a window, before any verdict."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from advisor.model.lookup import Catalog
from advisor.model.snapshot import Snapshot
from advisor.retention.enforcement import Enforcement, find_enforcement, read_purges
from advisor.retention.expired import Expired, find_expired, total_bytes, total_rows
from advisor.retention.growth import find_growth
from advisor.retention.oldest import find_ends
from advisor.retention.statuses import Judged
from advisor.retention.targets import Target, Targets, snapshot_time


def judge_targets(
    snapshot: Snapshot, catalog: Catalog, targets: Targets, previous: Snapshot | None = None
) -> tuple[Judged, ...]:
    """Return the facts about every table with a window. `previous`: an older reading of the same database."""
    now = snapshot_time(snapshot)
    purges = read_purges(snapshot)
    return tuple(
        _judge(target, find_enforcement(target, purges, catalog), now, catalog, previous) for target in targets.found
    )


def _judge(
    target: Target, enforcement: Enforcement, now: datetime, catalog: Catalog, previous: Snapshot | None
) -> Judged:
    ends = find_ends(target, catalog)
    candidate = target.choice.candidate
    if candidate is not None and candidate.unit is None and ends.unit is not None:
        # The values read from the index told the unit of a numeric column.
        known = replace(candidate, unit=ends.unit)
        target = replace(target, choice=replace(target.choice, candidate=known, problem=None))
    cutoff = target.keep.before(now) if target.keep is not None else None
    expired = Expired(rows=None, bytes=None, source="no window")
    if cutoff is not None:
        expired = find_expired(target, ends, cutoff, catalog)
    return Judged(
        target=target,
        ends=ends,
        expired=expired,
        enforcement=enforcement,
        growth=find_growth(target, now, catalog, previous=previous),
        cutoff=cutoff,
        now=now,
        rows=total_rows(target.relation, catalog),
        bytes=total_bytes(target.relation, catalog),
        seen_since=_seen_since(target, catalog, previous),
    )


def _seen_since(target: Target, catalog: Catalog, previous: Snapshot | None) -> str | None:
    """Return what was seen to be removed since the previous reading, as a sentence; None where it cannot be said."""
    if previous is None:
        return None
    before = {t.relation: t for t in previous.tables}
    deleted = 0
    for leaf in catalog.leaves(target.relation):
        earlier = before.get(leaf.relation)
        if leaf.counters is None or (earlier is not None and earlier.counters is None):
            return None
        grown = leaf.counters.n_tup_del - (
            earlier.counters.n_tup_del if earlier is not None and earlier.counters is not None else 0
        )
        if grown < 0:
            return None  # the counters were reset
        deleted += grown
    now = {t.relation for t in catalog.snapshot.tables}
    dropped = [t for t in previous.tables if t.parent == target.relation and t.relation not in now]
    when = f"{previous.server.collected_at:%Y-%m-%d %H:%M}"
    partitions = f" and {len(dropped)} partitions went" if dropped else ""
    earlier_ends = find_ends(target, Catalog(previous)).oldest if previous.facts else None
    moved = f"; the oldest row was of {earlier_ends:%Y-%m-%d %H:%M}" if earlier_ends is not None else ""
    return f"Since the reading of {when} UTC {deleted:,} rows were deleted{partitions}{moved}."
