"""Verdicts on size: when a table reaches its limit at the present growth, and where its window would hold it."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.finding import Severity
from advisor.model.report import RetentionStatus
from advisor.retention.enforcement import ENFORCED
from advisor.retention.statuses import Judged, make_status
from advisor.units import format_size

# Where no limit is declared: beyond this VACUUM, index builds and restores of one table take hours.
_USUAL_LIMIT = 50 << 30
# Below this nobody needs to know a date years ahead.
_WORTH_A_DATE = 1 << 30
_HORIZON_DAYS = 730
# Weeks that differ by less give the same date within a few days.
_SAME_WEEKS = 0.05


def size_statuses(judged: Judged) -> Iterator[RetentionStatus]:
    """The date on which the table reaches its limit, silent where that is far off or never."""
    growth, target = judged.growth, judged.target
    declared = target.policy.max_size
    limit = declared or _USUAL_LIMIT
    if growth is None or (declared is None and judged.bytes < _WORTH_A_DATE):
        return
    steady = growth.steady_bytes(target.keep.total_days) if target.keep is not None else None
    if judged.enforcement.state == ENFORCED and growth.net_bytes_per_day is None and (steady or 0) < limit:
        return  # what removes old rows holds it below the limit
    reached = growth.reaches(limit, judged.bytes, judged.now)
    if reached is None or (reached - judged.now).days > _HORIZON_DAYS:
        return
    days = (reached - judged.now).days
    net = growth.net_bytes_per_day
    rate, source = (net, growth.net_source) if net is not None else (growth.bytes_per_day, growth.source)
    if days == 0:
        when = f"It has {format_size(judged.bytes)}, past {_limit(judged, limit)}"
    else:
        when = (
            f"It has {format_size(judged.bytes)} and grows by {format_size(round(rate or 0))} a day (by {source}):"
            f" it reaches {_limit(judged, limit)} about {reached:%Y-%m-%d}{_range(judged, limit)}"
        )
    settles = ""
    if steady is not None:
        below = "below" if steady < limit else "still past"
        settles = f" Held to its window it would settle at about {format_size(round(steady))}, {below} the limit."
    if declared is None:
        severity = Severity.INFO
    else:
        severity = Severity.HIGH if days == 0 else Severity.MEDIUM if days <= 90 else Severity.LOW
    yield make_status(
        judged,
        "ret.size_limit",
        severity,
        f"{when}.{settles}",
        confidence=growth.confidence,
        limit_bytes=limit,
        limit_reached=reached.date().isoformat(),
    )


def _range(judged: Judged, limit: int) -> str:
    """Return the dates by the slowest and the fastest of the last weeks, where they differ."""
    growth = judged.growth
    if growth is None or growth.error is None or growth.error < _SAME_WEEKS or growth.net_bytes_per_day is not None:
        return ""
    early = growth.reaches(limit, judged.bytes, judged.now, faster=growth.error)
    late = growth.reaches(limit, judged.bytes, judged.now, faster=-min(growth.error, 1.0))
    if early is None:
        return ""
    end = f"{late:%Y-%m-%d}" if late is not None else "never"
    return f" (its last weeks differ by {growth.error:.0%} to either side: between {early:%Y-%m-%d} and {end})"


def _limit(judged: Judged, limit: int) -> str:
    if judged.target.policy.max_size is not None:
        return f"the policy's limit of {format_size(limit)}"
    return f"{format_size(limit)} (a usual limit for one table, not your policy)"
