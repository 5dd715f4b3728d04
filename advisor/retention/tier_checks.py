"""Verdicts on coarser copies: missing, not filled any more, or without the rows that are about to go."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.catalog import Table
from advisor.model.finding import Severity
from advisor.model.lookup import Catalog
from advisor.model.report import RetentionStatus
from advisor.retention.oldest import EMPTY, EXACT, UNKNOWN, Ends, find_ends
from advisor.retention.plans.rollup import rollup_plan
from advisor.retention.policy import Tier
from advisor.retention.statuses import Judged, make_status
from advisor.retention.targets import tier_target

# While one of these stands, deleting would lose what the copy should keep.
BLOCKING = frozenset(("ret.tier_missing", "ret.tier_gap", "ret.tier_view"))


def tier_statuses(judged: Judged, catalog: Catalog) -> Iterator[RetentionStatus]:
    """Coarser copies that must exist, and hold the source's rows, before those may go."""
    for tier in judged.target.policy.tiers:
        table = next((t for name, t in catalog.tables.items() if tier.table.matches(name)), None)
        if table is None:
            yield _missing(judged, tier, catalog)
        elif table.kind in ("m", "v"):
            yield make_status(
                judged,
                "ret.tier_view",
                Severity.HIGH,
                f"{table.relation} is a {'materialized view' if table.kind == 'm' else 'view'} of the rows that are to"
                " go: its next refresh loses them too. Make it a table and fill it from the source.",
                confidence="high",
                tier=str(table.relation),
            )
        else:
            yield from _filled(judged, tier, table, catalog)


def _missing(judged: Judged, tier: Tier, catalog: Catalog) -> RetentionStatus:
    plan = rollup_plan(judged.target, tier, catalog)
    return make_status(
        judged,
        "ret.tier_missing",
        Severity.HIGH,
        f"The policy keeps {tier.table.text} (one row per {tier.bucket}) for {tier.keep}, but the database has no"
        " such table. Old rows must not be deleted before they are in it. "
        + (
            " ".join(plan.notes)
            if plan is not None
            else "Name its key columns in the policy (key = [...]) to get a script."
        ),
        sql=plan.sql if plan is not None else (),
        undo_sql=plan.undo_sql if plan is not None else (),
        confidence="high",
        tier=tier.table.text,
    )


def _filled(judged: Judged, tier: Tier, table: Table, catalog: Catalog) -> Iterator[RetentionStatus]:
    """What the copy's own first and last bucket say."""
    copy = tier_target(judged.target, tier, table, catalog)
    ends = find_ends(copy, catalog)
    if ends.precision == UNKNOWN or judged.ends.precision in (UNKNOWN, EMPTY) or judged.cutoff is None:
        return
    plan = rollup_plan(judged.target, tier, catalog)
    fill = plan.sql[1:2] if plan is not None else ()
    expired = bool(judged.expired.rows)
    oldest, newest = judged.ends.oldest, ends.newest
    if expired and (ends.precision == EMPTY or (newest is not None and tier.bucket.before(judged.cutoff) > newest)):
        until = f"ends at {newest:%Y-%m-%d %H:%M}" if newest is not None else "is empty"
        yield make_status(
            judged,
            "ret.tier_gap",
            Severity.HIGH,
            f"{table.relation} {until}, and rows up to {judged.cutoff:%Y-%m-%d %H:%M} are about to go: what lies"
            " between would be lost. Nothing is to be deleted before the statement below has run.",
            sql=fill,
            confidence="high" if ends.precision in (EXACT, EMPTY) else ends.confidence,
            tier=str(table.relation),
        )
        return
    first = ends.oldest
    exact = ends.precision == EXACT and judged.ends.precision == EXACT
    if expired and exact and first is not None and oldest is not None and tier.bucket.before(first) > oldest:
        # A copy whose own rows went by its own window begins late with good reason.
        if first <= tier.keep.before(judged.now):
            return
        yield make_status(
            judged,
            "ret.tier_gap",
            Severity.HIGH,
            f"{table.relation} begins at {first:%Y-%m-%d %H:%M}, and the table has rows from {oldest:%Y-%m-%d %H:%M}:"
            " they would go without a trace. Run the statement below first.",
            sql=fill,
            confidence="high",
            tier=str(table.relation),
        )
        return
    if _is_stale(judged, tier, table, ends, catalog):
        yield make_status(
            judged,
            "ret.tier_stale",
            Severity.MEDIUM,
            f"The last bucket of {table.relation} is {newest:%Y-%m-%d %H:%M}, more than two of {tier.bucket} ago, and"
            " the table has newer rows: what fills it seems to have stopped. Repeat the statement below by a job.",
            sql=fill,
            confidence="high" if ends.precision == EXACT else "low",
            tier=str(table.relation),
        )


def _is_stale(judged: Judged, tier: Tier, table: Table, ends: Ends, catalog: Catalog) -> bool:
    newest, source = ends.newest, judged.ends.newest
    if newest is None or source is None:
        return False
    seen = judged.now
    if ends.precision != EXACT:
        # Statistics know nothing of what came after they were made.
        made = [
            moment
            for leaf in catalog.leaves(table.relation)
            if leaf.counters is not None
            for moment in (leaf.counters.last_analyze, leaf.counters.last_autoanalyze)
            if moment is not None
        ]
        if not made:
            return False
        seen = min(seen, max(made))
    twice = tier.bucket.plus(tier.bucket)
    return newest < twice.before(min(seen, source))
