"""The verdicts: every table with a window against what the server holds, and what enforces it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from advisor.model.finding import Severity
from advisor.model.lookup import Catalog
from advisor.model.report import RetentionStatus
from advisor.model.snapshot import Snapshot
from advisor.retention.checks import column_statuses, undeclared_statuses, unresolved_statuses
from advisor.retention.copy_checks import copy_statuses
from advisor.retention.enforcement import ENFORCED, NONE
from advisor.retention.enforcement import UNKNOWN as NOT_KNOWN
from advisor.retention.job_checks import job_statuses, scheduler_statuses
from advisor.retention.judging import judge_targets
from advisor.retention.leaf_checks import leaf_statuses
from advisor.retention.oldest import EMPTY, EXACT, UNKNOWN, WITHIN
from advisor.retention.partitions import partition_statuses
from advisor.retention.plans.maintain import maintenance_plan
from advisor.retention.plans.purge import job_plan, purge_plan
from advisor.retention.policy import Policy
from advisor.retention.proposals import proposal_statuses, wants_partitions
from advisor.retention.size_checks import size_statuses
from advisor.retention.statuses import Judged, make_status
from advisor.retention.targets import find_targets, snapshot_time
from advisor.retention.tier_checks import BLOCKING, tier_statuses
from advisor.retention.trials import PartitionShape, PartitionTrial, trial_shapes
from advisor.units import format_count, format_size


def assess_retention(
    snapshot: Snapshot,
    catalog: Catalog,
    policy: Policy | None,
    *,
    previous: Snapshot | None = None,
    trials: Sequence[PartitionTrial] = (),
) -> tuple[RetentionStatus, ...]:
    """Return every verdict, worst first: each table against its window, its enforcement, and all time partitions.

    Without a policy, position, session and notification tables are judged against default windows, and every
    verdict says so. `previous` is an older reading of the same database, `trials` what the planner said of tables as
    partitioned; both are optional and make some verdicts surer. Earlier sizes are taken from `snapshot.sizes`.
    """
    now = snapshot_time(snapshot)
    targets = find_targets(catalog, policy)
    found: list[RetentionStatus] = list(unresolved_statuses(targets.unresolved))
    known = judge_targets(snapshot, catalog, targets, previous)
    for judged in known:
        own = [trial for trial in trials if trial.table == judged.target.relation]
        found += _verdicts(judged, catalog, own)
    found += partition_statuses(catalog, policy, now)
    found += leaf_statuses(catalog, {judged.target.relation: judged for judged in known})
    found += scheduler_statuses(catalog)
    found += copy_statuses(snapshot, known)
    found += undeclared_statuses(catalog, policy, targets)
    order = {severity.value: severity.rank for severity in Severity}
    return tuple(sorted(found, key=lambda s: (order[s.severity], str(s.table), s.rule)))


def partition_shapes(snapshot: Snapshot, catalog: Catalog, policy: Policy | None) -> tuple[PartitionShape, ...]:
    """Return the tables worth trying out as partitioned, each with its possible intervals."""
    found: list[PartitionShape] = []
    for judged in judge_targets(snapshot, catalog, find_targets(catalog, policy)):
        if not judged.target.is_paused(judged.now.date()) and wants_partitions(judged, catalog):
            growth = judged.growth.bytes_per_day if judged.growth is not None else None
            ends = judged.ends
            found += trial_shapes(judged.target, ends.oldest, ends.newest, growth, judged.now, catalog)
    return tuple(found)


def _verdicts(judged: Judged, catalog: Catalog, trials: Sequence[PartitionTrial]) -> Iterator[RetentionStatus]:
    target = judged.target
    yield from column_statuses(judged, catalog)
    yield from job_statuses(judged, catalog)
    if target.is_paused(judged.now.date()):
        until, reason = target.policy.paused_until, target.policy.pause_reason or "no reason given"
        yield make_status(
            judged,
            "ret.paused",
            Severity.INFO,
            f"The policy pauses this table until {until} ({reason}); it is not judged.",
        )
        return
    yield from size_statuses(judged)
    if target.keep is None:
        yield _permanent(judged)
        return
    tiers = tuple(tier_statuses(judged, catalog))
    yield from tiers
    blocked = any(status.rule in BLOCKING for status in tiers)
    age = _age(judged)
    if age is not None:
        yield _overdue(judged, age, catalog, purge=not blocked)
    elif judged.ends.precision == UNKNOWN and target.choice.problem is None:
        yield _unknown(judged)  # a time column without a meaning has its own finding
    unseen = judged.ends.precision == UNKNOWN and judged.enforcement.state == NOT_KNOWN
    # Without a time column nothing can be purged, and what this role may not see is said once.
    if target.column is not None and not unseen and (age is not None or judged.enforcement.state != ENFORCED):
        yield from _enforcement(judged, catalog, overdue=age is not None)
    if age is None and judged.ends.precision != UNKNOWN:
        yield _fine(judged)
    yield from proposal_statuses(judged, catalog, trials)


@dataclass(frozen=True, slots=True)
class _Overdue:
    """How far past the window: `at_least` days old, certain or by a sample."""

    days: float
    beyond_limit: bool
    far: bool


def _age(judged: Judged) -> _Overdue | None:
    """Return how overdue the oldest row is, None when it is within window and tolerance, or unknown."""
    target, ends = judged.target, judged.ends
    keep, limit = target.keep, target.max_age
    if keep is None or limit is None or judged.cutoff is None:
        return None
    oldest = ends.oldest
    if ends.precision == WITHIN:
        # Only the partition's upper bound is sure: every row in it is older than that.
        oldest = ends.latest_possible
    if oldest is None:
        return None
    due = keep.plus(target.tolerance).before(judged.now)
    if oldest >= due:
        return None
    if target.policy.keep_where is not None and judged.expired.rows == 0:
        return None  # what is that old is meant to stay
    days = (judged.now - oldest).total_seconds() / 86400
    return _Overdue(days, oldest < limit.before(judged.now), days > 2 * keep.total_days + 1)


def _overdue(judged: Judged, age: _Overdue, catalog: Catalog, *, purge: bool) -> RetentionStatus:
    target, expired = judged.target, judged.expired
    plan = purge_plan(target, expired, catalog) if purge else None
    if target.is_default:
        severity = Severity.HIGH if age.far else Severity.MEDIUM
    elif target.is_personal:
        severity = Severity.CRITICAL if age.beyond_limit else Severity.HIGH
    else:
        severity = Severity.HIGH if age.beyond_limit else Severity.MEDIUM
    what = f"The oldest row is {'at least ' if judged.ends.precision not in (EXACT,) else ''}{age.days:,.0f} days old"
    if target.choice.candidate is not None and target.choice.candidate.basis == "expiry":
        what = f"The oldest row expired {'at least ' if judged.ends.precision != EXACT else ''}{age.days:,.0f} days ago"
    sentences = [f"{what}; the window is {target.keep}."]
    if expired.rows is not None:
        size = f", about {format_size(expired.bytes)}" if expired.bytes else ""
        about = "" if expired.source == "no rows" else f" (by {expired.source})"
        sentences.append(f"About {format_count(expired.rows)} rows are past it{size}{about}.")
    if target.is_default:
        sentences.append(
            f"This is a default window for {target.kind} tables, not your policy: declare yours in a policy file to"
            " confirm"
            " or change it."
        )
    if plan is not None:
        sentences += plan.notes
    else:
        sentences.append("Nothing to delete is proposed until the coarser copy holds these rows.")
    return make_status(
        judged,
        "ret.overdue",
        severity,
        " ".join(sentences),
        sql=plan.sql if plan is not None else (),
        undo_sql=plan.undo_sql if plan is not None else (),
        confidence=judged.ends.confidence,
        **({"locks": list(plan.locks)} if plan is not None else {}),
    )


def _unknown(judged: Judged) -> RetentionStatus:
    ends = judged.ends
    reasons = "; ".join(ends.why_unknown) or "nothing tells it"
    detail = f"How old the oldest row is cannot be told: {reasons}."
    if ends.grants:
        detail += " The statement below lets this role read it."
    grants = ends.grants
    if judged.enforcement.state == NOT_KNOWN:
        detail += f" Nor is it known whether anything removes old rows: {'; '.join(judged.enforcement.hidden)}."
        grants = tuple(dict.fromkeys((*grants, *judged.enforcement.grants)))
    return make_status(judged, "ret.unknown", Severity.LOW, detail, sql=grants, confidence="low")


def _enforcement(judged: Judged, catalog: Catalog, *, overdue: bool) -> Iterator[RetentionStatus]:
    enforcement = judged.enforcement
    if enforcement.state == ENFORCED:
        if overdue and not any(m.trouble for m in enforcement.mechanisms):
            yield make_status(
                judged,
                "ret.enforcement_behind",
                Severity.MEDIUM,
                f"Something removes old rows ({enforcement.describe()}), and yet rows past the window are there: it"
                " may have"
                " another window, miss these rows, or not keep up."
                + (f" {judged.seen_since}" if judged.seen_since else ""),
            )
        return
    if enforcement.state == NONE:
        if judged.ends.precision == EMPTY:
            return
        if enforcement.partman is not None and enforcement.partman.retention is None:
            return  # pg_partman has the table and lacks its retention: said there, and a second job would be in its way
        plan = maintenance_plan(judged.target, catalog) or job_plan(judged.target, catalog)
        note = f" {enforcement.note}" if enforcement.note else ""
        looked = f" Looked at: {'; '.join(enforcement.looked)}." if enforcement.looked else ""
        severity = Severity.MEDIUM if judged.target.is_default else Severity.HIGH
        if not overdue:
            severity = Severity.LOW if judged.target.is_default else Severity.MEDIUM
        yield make_status(
            judged,
            "ret.no_enforcement",
            severity,
            f"Nothing was found that removes old rows.{note}{looked} A job outside the database is only seen"
            f" by the statements it runs. The procedure below repeats the purge. {' '.join(plan.notes)}",
            sql=plan.sql,
            undo_sql=plan.undo_sql,
            confidence="medium" if _short_window(judged, catalog) else "high",
        )
        return
    yield make_status(
        judged,
        "ret.enforcement_unknown",
        Severity.INFO,
        f"Whether anything removes old rows is not known: {'; '.join(enforcement.hidden)}."
        + (" The statements below would show it." if enforcement.grants else ""),
        sql=enforcement.grants,
        confidence="low",
    )


def _short_window(judged: Judged, catalog: Catalog) -> bool:
    """Return whether the statements cover less than two days: a nightly job may not have run in them."""
    snapshot = catalog.snapshot
    counters = snapshot.database_counters
    starts = (
        snapshot.statements_view.stats_reset,
        counters.stats_reset if counters is not None else None,
        snapshot.server.started_at if snapshot.statements_view.stats_reset is None else None,
    )
    known = [moment for moment in starts if moment is not None]
    return not known or judged.now - max(known) < timedelta(days=2)


def _fine(judged: Judged) -> RetentionStatus:
    target = judged.target
    if judged.ends.precision == EMPTY:
        detail = "The table holds no rows."
    else:
        detail = f"No row is past the window ({target.keep}) by more than the tolerance ({target.tolerance})."
    if target.is_default:
        detail += " The window is a default, not your policy."
    return make_status(judged, "ret.ok", Severity.INFO, detail, confidence=judged.ends.confidence)


def _permanent(judged: Judged) -> RetentionStatus:
    purging = [m for m in judged.enforcement.mechanisms if m.removal is not None or m.windows]
    if purging:
        return make_status(
            judged,
            "ret.delete_forbidden",
            Severity.CRITICAL,
            "The policy keeps this table for ever, and yet something removes rows by age:"
            f" {'; '.join(m.what for m in purging)}."
            " Stop it before more is lost.",
            sql=tuple(fix for m in purging for fix in m.fix),
        )
    return make_status(
        judged, "ret.ok", Severity.INFO, "The policy keeps this table for ever; nothing was seen to purge it."
    )
