"""Whether a table with a window should be partitioned by its time, and the script if so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from advisor.model.activity import StatementCounters
from advisor.model.finding import Severity
from advisor.model.lookup import Catalog
from advisor.model.report import RetentionStatus
from advisor.retention.detect import GEOLOCATION
from advisor.retention.plans.convert import Conversion, plan_conversion
from advisor.retention.plans.interval import choose_interval
from advisor.retention.plans.obstacles import obstacles
from advisor.retention.sqltext import Token, tokens
from advisor.retention.statuses import Judged, make_status
from advisor.retention.trials import PartitionTrial, about, best_trial
from advisor.units import format_count, format_size

# Where dropping a partition instead of deleting its rows is worth a conversion.
_LARGE_BYTES = 10 << 30
_STEADY_BYTES = 50 << 30
_MANY_PER_DAY = 1_000_000
# Streams of positions go by time only and are never looked up by their key: partitions pay earlier.
_STREAM_ROWS = 500_000
_WORTH_A_WORD = 256 << 20
_FEW_UPDATES = 0.05
# Statements named in the text, and in the evidence.
_MOST_NAMED = 3
_MOST_EVIDENCE = 20


@dataclass(frozen=True, slots=True)
class _Use:
    """How the statements seen ask for the table."""

    calls: float
    without_time: float  # calls that name no condition on the time column
    examples: tuple[str, ...]

    @property
    def share(self) -> float | None:
        return self.without_time / self.calls if self.calls else None


def wants_partitions(judged: Judged, catalog: Catalog) -> bool:
    """Return whether size, growth, kind or policy ask for partitions, and nothing stands in their way."""
    target = judged.target
    if target.table.kind != "r" or target.column is None or target.keep is None:
        return False
    asked = target.policy.enforcement == "drop_partition"
    if not (asked or _reasons(judged) or _is_stream(judged, catalog)):
        return False
    return not any(obstacles(target.table, target.column, judged.ends.newest, judged.now, catalog))


def proposal_statuses(
    judged: Judged, catalog: Catalog, trials: Sequence[PartitionTrial] = ()
) -> Iterator[RetentionStatus]:
    """The proposal to partition, or why not; silent for small tables nobody asked about."""
    target, growth = judged.target, judged.growth
    if target.table.kind != "r" or target.column is None or target.keep is None:
        return
    asked = target.policy.enforcement == "drop_partition"
    reasons = _reasons(judged)
    stream = _is_stream(judged, catalog)
    too_long = _longer_than_the_data(judged)
    if too_long is not None:
        yield too_long  # a proposal with it would contradict that
        return
    if not (asked or reasons or stream or judged.bytes >= _WORTH_A_WORD):
        return
    per_day = growth.bytes_per_day if growth is not None else None
    usual = target.policy.interval or choose_interval(target.keep, target.tolerance, per_day)
    trial = best_trial(trials, usual)
    conversion = plan_conversion(
        target, judged.ends.newest, trial.interval if trial is not None else usual, judged.now, catalog
    )
    use = _use(judged, catalog)
    # What the planner said beats what the texts suggest.
    harmful = trial.is_harmful if trial is not None else (use.share or 0) > 0.9
    wanted = asked or bool(reasons) or stream
    if conversion.plan is not None and wanted and (not harmful or (asked and trial is not None)):
        yield _should(judged, conversion, conversion.plan.sql, reasons, use, trials, trial, asked=asked)
    elif wanted:
        yield _should_not(judged, conversion, use, trials, trial)
    else:
        yield make_status(
            judged,
            "part.should_not",
            Severity.INFO,
            f"At {format_size(judged.bytes)} this table does not need partitions: deleting in batches is enough."
            f" They pay from about {format_size(_LARGE_BYTES)}, or a million expired rows a day.{_settles(judged)}",
        )


def _longer_than_the_data(judged: Judged) -> RetentionStatus | None:
    interval, ends = judged.target.policy.interval, judged.ends
    if interval is None or ends.oldest is None or ends.newest is None or interval.before(ends.newest) >= ends.oldest:
        return None
    days = (ends.newest - ends.oldest).total_seconds() / 86400
    return make_status(
        judged,
        "part.interval_too_big",
        Severity.LOW,
        f"The policy's interval of {interval} is longer than all the data ({days:,.0f} days): a single partition"
        " would hold it, and nothing is won over a plain table. Choose a shorter one, or leave it out: it is then"
        " chosen from the window and the growth.",
        interval=str(interval),
    )


def _is_stream(judged: Judged, catalog: Catalog) -> bool:
    return judged.target.kind == GEOLOCATION and judged.rows >= _STREAM_ROWS and _append_only(judged, catalog)


def _reasons(judged: Judged) -> list[str]:
    found: list[str] = []
    if judged.bytes >= _LARGE_BYTES:
        found.append(f"it has {format_size(judged.bytes)}")
    if judged.growth is not None and judged.target.keep is not None:
        steady = judged.growth.steady_bytes(judged.target.keep.total_days)
        if steady >= _STEADY_BYTES:
            found.append(f"it would settle at {format_size(steady)}")
        if judged.growth.rows_per_day >= _MANY_PER_DAY:
            found.append(f"{format_count(judged.growth.rows_per_day)} rows a day come in and must go again")
    return found


def _settles(judged: Judged) -> str:
    if judged.growth is None or judged.target.keep is None:
        return ""
    steady = judged.growth.steady_bytes(judged.target.keep.total_days)
    return f" At its present growth it settles at {format_size(steady)}."


def _append_only(judged: Judged, catalog: Catalog) -> bool:
    counters = [t.counters for t in catalog.leaves(judged.target.relation) if t.counters is not None]
    inserted, updated = sum(c.n_tup_ins for c in counters), sum(c.n_tup_upd for c in counters)
    return updated <= _FEW_UPDATES * max(inserted, 1)


def _should(
    judged: Judged, conversion: Conversion, sql: tuple[str, ...], reasons: list[str], use: _Use,
    trials: Sequence[PartitionTrial], trial: PartitionTrial | None, *, asked: bool,
) -> RetentionStatus:  # fmt: skip
    plan, target = conversion.plan, judged.target
    if plan is None or conversion.interval is None:
        raise ValueError("no plan to propose")
    severity = Severity.MEDIUM if reasons else Severity.LOW if asked else Severity.INFO
    because = "; ".join(reasons) or ("the policy asks for it" if asked else "its rows come and go by time alone")
    sentences = [
        f"Partition it by {target.column.name if target.column else ''}, one partition per {conversion.interval}:"
        f" {because}.",
        "Old rows then go by DROP TABLE, which writes about a two-thousandth of the WAL of a DELETE and gives the"
        " disk back.",
        *plan.notes,
        "Afterwards run this report again: it then proposes partitions ahead and dropping in place of a nightly"
        " delete. If"
        " pg_partman is to do that, leave its retention unset until the old partition is gone: it would drop it"
        " with rows inside the window.",
    ]
    if trial is not None:
        sentences += _told(trials, trial)
    elif use.share:
        sentences.append(
            f"{use.share:.0%} of the calls seen have no condition on the time and would look into every partition"
            + (f", for instance: {use.examples[0]}" if use.examples else "")
            + "."
        )
    return make_status(
        judged,
        "part.should_partition",
        severity,
        " ".join(sentences),
        sql=sql,
        undo_sql=plan.undo_sql,
        locks=list(plan.locks),
        times=list(plan.times),
        interval=str(conversion.interval),
        losses=list(conversion.losses),
        **_evidence(trials),
    )


def _told(trials: Sequence[PartitionTrial], chosen: PartitionTrial) -> list[str]:
    """Return what the planner said: the chosen interval against the others, and the statements that get slower."""
    before, after = chosen.costs
    compared = "; ".join(
        f"{t.interval} ({t.partitions} partitions): {len(t.slower)} of {len(t.statements)} statements slower,"
        f" {t.burden_ms / t.total_ms:+.0%} time in all"
        for t in trials
        if t.total_ms > 0
    )
    sentences = [
        f"Planned on the twin with {chosen.partitions} partitions of {chosen.interval}, the workload's"
        f" {len(chosen.statements)} statements on it cost {about(after):,.0f} instead of {about(before):,.0f}"
        + (f" ({compared})." if compared else ".")
    ]
    slower = chosen.slower
    if slower:
        named = "; ".join(s.describe() for s in slower[:_MOST_NAMED])
        more = f"; and {len(slower) - _MOST_NAMED} more" if len(slower) > _MOST_NAMED else ""
        sentences.append(f"These get slower, because nothing in them says which partition: {named}{more}.")
    return sentences


def _evidence(trials: Sequence[PartitionTrial]) -> dict[str, Any]:
    if not trials:
        return {}
    return {
        "what_if": [
            {
                "interval": str(t.interval),
                "partitions": t.partitions,
                "statements": len(t.statements),
                "cost_before": about(t.costs[0]),
                "cost_after": about(t.costs[1]),
                "slower": [
                    {
                        "query": " ".join(s.query.split())[:500],
                        "calls": s.calls,
                        "cost_before": about(s.cost_before),
                        "cost_after": None if s.cost_after is None else about(s.cost_after),
                        "planning_ms_before": round(s.planning_ms_before, 2),
                        "planning_ms_after": round(s.planning_ms_after, 2),
                        "partitions": s.partitions,
                        "error": s.error,
                    }
                    for s in t.slower[:_MOST_EVIDENCE]
                ],
            }
            for t in trials
        ]
    }


def _should_not(
    judged: Judged,
    conversion: Conversion,
    use: _Use,
    trials: Sequence[PartitionTrial],
    trial: PartitionTrial | None,
) -> RetentionStatus:
    if conversion.refused:
        why = "; ".join(conversion.refused)
    elif trial is not None:
        why = f"the statements on it would take {trial.burden_ms / trial.total_ms:.0%} longer. " + " ".join(
            _told(trials, trial)
        )
        why = why.rstrip(".")
    else:
        why = (
            f"{use.share or 0:.0%} of the calls seen have no condition on the time and would look into every partition"
        )
    return make_status(
        judged,
        "part.should_not",
        Severity.INFO,
        f"Partitioning this table by time is not proposed: {why}. Delete in batches instead.{_settles(judged)}",
        losses=list(conversion.losses),
        **_evidence(trials),
    )


def _use(judged: Judged, catalog: Catalog) -> _Use:
    """Return how many calls name the table and not, after WHERE, its time column; read from tokens."""
    target = judged.target
    if target.column is None:
        return _Use(0, 0, ())
    calls = without = 0.0
    worst: list[StatementCounters] = []
    for row in catalog.snapshot.statements:
        if row.query is None or target.relation.name.lower() not in row.query.lower():
            continue
        stream = tokens(row.query)
        if not stream or stream[0].text not in ("select", "update", "delete", "with"):
            continue
        if not any(t.is_name and t.text == target.relation.name for t in stream):
            continue
        calls += row.calls
        start = next((i for i, t in enumerate(stream) if t.kind == "word" and t.text == "where"), len(stream))
        if not _compared(stream[start:], target.column.name):
            without += row.calls
            worst.append(row)
    worst.sort(key=lambda r: -r.calls)
    return _Use(calls, without, tuple(" ".join((r.query or "").split())[:120] for r in worst[:3]))


def _compared(condition: tuple[Token, ...], column: str) -> bool:
    """Return whether the column stands in the condition, not only in ORDER BY after it."""
    for token in condition:
        if token.kind == "word" and token.text == "order":
            return False
        if token.is_name and token.text == column:
            return True
    return False
