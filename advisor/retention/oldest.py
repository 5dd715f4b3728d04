"""How old a table's oldest row is, by the surest source there is; never by reading the table.

In this order: the ends of an index, the first pages of the heap when they are all there is, bounds of range
partitions, the planner's statistics, a sample of the first pages. Every answer says where it is
from and how it can err.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from advisor.model.arrays import parse_array
from advisor.model.catalog import Column
from advisor.model.lookup import Catalog
from advisor.model.names import RelationName
from advisor.retention.bounds import Partitioning, holds_rows, time_partitioning
from advisor.retention.fill import Ident, fill
from advisor.retention.moments import epoch_unit_of, parse_moment
from advisor.retention.probes import ENDS, PAGES, SAMPLED_PAGES, leaves_to_ask
from advisor.retention.targets import Target

EXACT, AT_LEAST_THIS_OLD, WITHIN, UNKNOWN, EMPTY = (
    "exact",
    "at least this old",
    "within a partition",
    "unknown",
    "empty",
)
# Above this share of changed rows since the last ANALYZE, statistics say little about the ends.
_STALE_SHARE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """The oldest and newest moment of a table, as far as known."""

    oldest: datetime | None
    newest: datetime | None = None
    source: str
    precision: str
    confidence: str  # high medium low
    latest_possible: datetime | None = None  # the oldest row is older than this (WITHIN)
    grants: tuple[str, ...] = ()
    why_unknown: tuple[str, ...] = ()
    unit: str | None = None  # inferred from the values of a numeric column

    def is_known(self) -> bool:
        return self.precision not in (UNKNOWN,)


def find_ends(target: Target, catalog: Catalog) -> Ends:
    """Return the ends of the target's time column."""
    candidate = target.choice.candidate
    if candidate is None:
        return Ends(oldest=None, source="unknown: no time column", precision=UNKNOWN, confidence="low")
    column, unit = candidate.column, candidate.unit
    facts = catalog.snapshot.facts
    subject = str(target.relation)
    by_index = [r for r in facts.get(ENDS, ()) if r.get("subject") == subject and r.get("column") == column.name]
    by_pages = [r for r in facts.get(PAGES, ()) if r.get("subject") == subject and r.get("column") == column.name]
    asked = leaves_to_ask(target.table, column, catalog)
    partitioning = time_partitioning(target.table, catalog)
    if partitioning is not None and partitioning.column.name != column.name:
        partitioning = None
    probed = _from_probes(
        by_index, by_pages, len(asked), unit, whole=partitioning is not None or _all_leaves(target, asked, catalog)
    )
    if probed is not None:
        return probed
    if all(size == 0 for size in _sizes(target.relation, catalog)):
        return Ends(oldest=None, source="the table is empty", precision=EMPTY, confidence="high")
    candidates = [
        found
        for found in (
            _from_bounds(partitioning, catalog) if partitioning is not None else None,
            *(
                _from_statistics(relation, column, unit, catalog)
                for relation in dict.fromkeys((target.relation, *(leaf.relation for leaf in asked)))
            ),
            _from_sample(by_index + by_pages, unit),
        )
        if found is not None
    ]
    refused = [r for r in (*by_index, *by_pages) if r.get("status") != "ok"]
    grants = tuple(dict.fromkeys(str(r["grant"]) for r in refused if r.get("status") == "refused" and r.get("grant")))
    reasons = tuple(dict.fromkeys(str(r["why"]) for r in refused if r.get("why")))
    if candidates:
        # Partition bounds are facts; a sample and statistics both err on the young side, so the older one is nearer.
        # Of a wide partition (the first one of a converted table) they tell more than its upper end does.
        best = candidates[0]
        seen = [c for c in candidates if c.precision != WITHIN]
        surest = min(seen, key=_age_key, default=None)
        if surest is not None and (best.precision != WITHIN or _tells_more(surest, best)):
            best = surest
        return Ends(
            oldest=best.oldest, newest=best.newest, source=best.source, precision=best.precision,
            confidence=best.confidence, latest_possible=best.latest_possible,
            grants=grants, why_unknown=reasons, unit=best.unit,
        )  # fmt: skip
    return Ends(
        oldest=None, source="unknown", precision=UNKNOWN, confidence="low",
        grants=grants or _default_grant(target, column, catalog),
        why_unknown=reasons or ("there are neither statistics nor an index on the column",),
    )  # fmt: skip


def _tells_more(seen: Ends, bounds: Ends) -> bool:
    """Return whether a row that was seen is older than the bounds alone prove."""
    if seen.oldest is None or seen.confidence == "low":
        return False
    return bounds.latest_possible is None or seen.oldest < bounds.latest_possible


def _age_key(ends: Ends) -> tuple[bool, datetime]:
    moment = ends.oldest or ends.latest_possible
    if moment is None:
        raise ValueError("an answer without a moment is no candidate")
    return ends.confidence == "low", moment


def _all_leaves(target: Target, asked: tuple[Any, ...], catalog: Catalog) -> bool:
    return len([leaf for leaf in catalog.leaves(target.relation) if leaf.kind == "r"]) == len(asked)


def _sizes(relation: RelationName, catalog: Catalog) -> list[int]:
    return [
        leaf.size_bytes if leaf.size_bytes is not None else leaf.relpages * 8192 for leaf in catalog.leaves(relation)
    ]


def _moments(rows: list[dict[str, Any]], key: str, unit: str | None) -> list[datetime]:
    return [m for r in rows if (m := parse_moment(r.get(key), unit)) is not None]


def _unit_in(rows: list[dict[str, Any]]) -> str | None:
    """Return the unit of numeric values when all agree."""
    units = set()
    for row in rows:
        for key in ("oldest", "newest"):
            text = row.get(key)
            if text is not None and text.replace(".", "", 1).isdigit():
                units.add(epoch_unit_of(float(text)))
    return units.pop() if len(units) == 1 else None


def _from_probes(
    by_index: list[dict[str, Any]], by_pages: list[dict[str, Any]], asked: int, unit: str | None, *, whole: bool
) -> Ends | None:
    """Return exact ends when every leaf that was to be asked has answered for all its rows."""
    complete = [r for r in by_index if r.get("status") == "ok"]
    sampled = [
        r
        for r in by_pages
        if r.get("status") == "ok" and r.get("pages") is not None and int(r["pages"]) <= SAMPLED_PAGES
    ]
    answered = complete + sampled
    if not answered or len(answered) < asked or not whole:
        return None
    unit = unit or _unit_in(answered)
    oldest, newest = _moments(answered, "oldest", unit), _moments(answered, "newest", unit)
    if not oldest:
        numeric_without_unit = any(r.get("oldest") is not None for r in answered)
        if numeric_without_unit:
            return None
        return Ends(oldest=None, source="no row has a time", precision=EMPTY, confidence="high")
    source = "first entry of an index" if complete else "all pages of a small table"
    return Ends(
        oldest=min(oldest), newest=max(newest, default=None), source=source, precision=EXACT, confidence="high",
        unit=unit,
    )  # fmt: skip


def _from_bounds(partitioning: Partitioning, catalog: Catalog) -> Ends | None:
    filled = [leaf for leaf in partitioning.leaves if holds_rows(leaf.table, catalog)]
    if not filled:
        return None
    first, last = filled[0], filled[-1]
    return Ends(
        oldest=first.lower,
        newest=last.upper if last.upper is None else None,
        source=f"bounds of the oldest partition that holds rows, {first.table.relation}",
        precision=WITHIN,
        confidence="medium",
        latest_possible=first.upper,
    )


def _from_statistics(relation: RelationName, column: Column, unit: str | None, catalog: Catalog) -> Ends | None:
    row = catalog.statistics(relation, column.name)
    if row is None:
        return None
    values = [
        m
        for text in (*parse_array(row.histogram_bounds), *parse_array(row.most_common_vals))
        if (m := parse_moment(text, unit)) is not None
    ]
    if not values:
        return None
    stale = _changed_share(relation, catalog)
    note = "" if stale is None or stale <= _STALE_SHARE else f"; {stale:.0%} of the rows changed since"
    return Ends(
        oldest=min(values),
        newest=max(values),
        source=f"the planner's statistics (a sample: the oldest row is at least this old{note})",
        precision=AT_LEAST_THIS_OLD,
        confidence="low" if note else "medium",
        unit=unit,
    )


def _changed_share(relation: RelationName, catalog: Catalog) -> float | None:
    leaves = catalog.leaves(relation)
    changed = sum(leaf.counters.n_mod_since_analyze for leaf in leaves if leaf.counters is not None)
    rows = catalog.rows(relation)
    return changed / rows if rows > 0 else None


def _from_sample(rows: list[dict[str, Any]], unit: str | None) -> Ends | None:
    answered = [r for r in rows if r.get("status") == "ok"]
    unit = unit or _unit_in(answered)
    oldest = _moments(answered, "oldest", unit)
    if not oldest:
        return None
    return Ends(
        oldest=min(oldest),
        source="a sample of the table's first pages (the oldest row is at least this old)",
        precision=AT_LEAST_THIS_OLD,
        confidence="medium",
        unit=unit,
    )


def _default_grant(target: Target, column: Column, catalog: Catalog) -> tuple[str, ...]:
    if catalog.snapshot.server.is_superuser:
        return ()
    role = catalog.snapshot.server.user
    return (fill("grant select ({c}) on {t} to {r}", c=Ident(column.name), t=target.relation, r=Ident(role)),)
