"""One table with everything found out about it, and the row of the report made from it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from advisor.model.finding import Severity
from advisor.model.report import RetentionStatus
from advisor.retention.enforcement import Enforcement
from advisor.retention.expired import Expired
from advisor.retention.growth import Growth
from advisor.retention.oldest import EMPTY, WITHIN, Ends
from advisor.retention.targets import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A target with its ends, its expired rows and its enforcement."""

    target: Target
    ends: Ends
    expired: Expired
    enforcement: Enforcement
    growth: Growth | None
    cutoff: datetime | None
    now: datetime
    rows: float
    bytes: int
    seen_since: str | None = None  # what was removed since the previous reading, as a sentence


def make_status(
    judged: Judged,
    rule: str,
    severity: Severity,
    detail: str,
    *,
    sql: tuple[str, ...] = (),
    undo_sql: tuple[str, ...] = (),
    confidence: str = "medium",
    **evidence: Any,
) -> RetentionStatus:
    """Return the report's row; every row of one table carries the same facts."""
    target, ends = judged.target, judged.ends
    candidate = target.choice.candidate
    return RetentionStatus(
        table=target.relation,
        rule=rule,
        severity=severity.value,
        policy=target.describe(),
        policy_is_default=target.is_default,
        time_column=candidate.column.name if candidate is not None else None,
        oldest=ends.oldest,
        oldest_source="the table is empty" if ends.precision == EMPTY else ends.source,
        expired_rows=judged.expired.rows,
        expired_bytes=judged.expired.bytes,
        enforcement=judged.enforcement.describe(),
        detail=detail,
        sql=sql,
        undo_sql=undo_sql,
        confidence=confidence,
        evidence=_evidence(judged) | evidence,
        window_days=target.keep.total_days if target.keep is not None else None,
    )


def _evidence(judged: Judged) -> dict[str, Any]:
    target, ends, candidate = judged.target, judged.ends, judged.target.choice.candidate
    found: dict[str, Any] = {
        "kind": target.kind,
        "recognised_by": target.recognised_by,
        "basis": candidate.basis if candidate is not None else None,
        "time_column_reasons": list(candidate.reasons) if candidate is not None else [],
        "epoch": candidate.unit if candidate is not None else None,
        "cutoff": judged.cutoff.isoformat() if judged.cutoff is not None else None,
        "newest": ends.newest.isoformat() if ends.newest is not None else None,
        "oldest_precision": ends.precision,
        "expired_source": judged.expired.source,
        "expired_error": judged.expired.error,
        "rows": round(judged.rows),
        "bytes": judged.bytes,
        "legal_basis": target.policy.legal_basis,
        "policy_line": target.policy.line,
    }
    if ends.precision == WITHIN and ends.latest_possible is not None:
        found["oldest_before"] = ends.latest_possible.isoformat()
    if judged.growth is not None:
        found["rows_per_day"] = round(judged.growth.rows_per_day)
        found["growth_source"] = judged.growth.source
        if judged.growth.error is not None:
            found["growth_error"] = round(judged.growth.error, 2)
        if judged.growth.net_bytes_per_day is not None:
            found["net_bytes_per_day"] = round(judged.growth.net_bytes_per_day)
        if target.keep is not None:
            found["steady_rows"] = round(judged.growth.steady_rows(target.keep.total_days))
            found["steady_bytes"] = round(judged.growth.steady_bytes(target.keep.total_days))
    return {key: value for key, value in found.items() if value not in (None, [])}
