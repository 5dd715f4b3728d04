"""Did a change do what was promised? Time before and after with uncertainty; what harms gets its revert. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from advisor.history.model import LedgerState, Promise
from advisor.history.statements import mean, variance
from advisor.model.catalog import Index
from advisor.model.history import LedgerEntry, StatementEffectSeen
from advisor.units import format_duration

# Executions of one statement come in alike runs: the naive error is too small.
_CORRELATION = 2.0
_Z = 1.96
_LEAST_CALLS = 5  # on either side, for one statement to take part
_ENOUGH_CALLS = 50  # after the change, for "no effect" to be said
_UNUSED_AFTER = timedelta(days=7)
_UNUSED_CALLS = 100
_BETTER, _WORSE = 0.9, 1.1
# Reads may not get slower than this without an index that was dropped.
_DROP_HARMS = 1.2
_RATE_BETTER, _RATE_WORSE = 0.7, 1.4
# A setting has no statements that stay as they were to compare with: the load's own drift must not look like a win.
_SETTING_BETTER = 0.8
NO_GAIN_PROMISED = 1.0
_FINAL = ("verified", "no_effect")
# What a setting is for, where a counter of the server tells it: rate per hour that should fall.
RATE_OF = {
    "work_mem": "temp_bytes",
    "hash_mem_multiplier": "temp_bytes",
    "max_wal_size": "checkpoints_req",
    "checkpoint_timeout": "checkpoints_req",
    "shared_buffers": "blks_read",
    "wal_buffers": "wal_buffers_full",
    "wal_compression": "wal_bytes",
    "bgwriter_lru_maxpages": "maxwritten_clean",
    "autovacuum_max_workers": "dead_share",
    "autovacuum_vacuum_cost_limit": "dead_share",
    "autovacuum_vacuum_scale_factor": "dead_share",
    "autovacuum_work_mem": "dead_share",
    "maintenance_work_mem": "dead_share",
    "vacuum_buffer_usage_limit": "dead_share",
}
# What is divided by the transactions of the same time: by the hour it would follow the load.
_PER_TRANSACTION = frozenset(("wal_bytes",))
# How much less is a win where it is not the usual 30 %: compression of full pages saves what full pages are.
_BETTER_BY = {"wal_bytes": 0.9, "dead_share": 0.5}
# A share of dead rows depends on when vacuum was last there: one look tells nothing.
_LEAST = {"dead_share": 3.0}
# Told by the time of the dearest statements: settings of the planner, of parallel and of asynchronous work.
_BY_TIME = frozenset(
    (
        "random_page_cost", "seq_page_cost", "effective_cache_size", "jit", "cpu_tuple_cost",
        "default_statistics_target", "effective_io_concurrency", "io_method", "io_workers", "huge_pages",
        "max_parallel_workers", "max_parallel_workers_per_gather", "max_worker_processes",
    )
)  # fmt: skip
RATES = (
    "temp_bytes",
    "checkpoints_req",
    "blks_read",
    "wal_buffers_full",
    "maxwritten_clean",
    "wal_bytes",
    "xacts",
    "io_ms",
)
_WORDS = {
    "temp_bytes": "temporary bytes per hour",
    "checkpoints_req": "forced checkpoints per hour",
    "blks_read": "blocks read per hour",
    "wal_buffers_full": "waits for full WAL buffers per hour",
    "maxwritten_clean": "rounds the background writer had to end per hour",
    "wal_bytes": "bytes of WAL per transaction",
    "dead_share": "dead rows of 1,000",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Time after / before of statements with today's calls, with its 95 % interval."""

    ratio: float
    low: float
    high: float
    calls: int
    saved_ms: float
    blocks: float  # touched after / before: what a busy machine does not change

    @property
    def works_more(self) -> bool:
        """Whether the statements really do more than before; time alone may be the load of others."""
        return self.blocks > _WORSE


def measure(promises: Sequence[Promise]) -> Measured | None:
    """Return the effect over the statements that were run often enough on both sides; None where there are none."""
    after = before = after_variance = before_variance = blocks_after = blocks_before = 0.0
    calls = 0
    for promise in promises:
        if promise.before.calls < _LEAST_CALLS or promise.after.calls < _LEAST_CALLS:
            continue
        n = promise.after.calls
        calls += n
        after += promise.after.ms
        blocks_after += promise.after.blocks
        blocks_before += n * promise.before.blocks / promise.before.calls
        before += n * mean(promise.before)
        after_variance += n * variance(promise.after)
        before_variance += n * n * variance(promise.before) / promise.before.calls
    if before <= 0:
        return None
    ratio = after / before
    relative = before_variance / before**2 + (after_variance / after**2 if after > 0 else 0.0)
    error = _Z * _CORRELATION * ratio * math.sqrt(relative)
    return Measured(
        ratio=ratio,
        low=max(ratio - error, 0.0),
        high=ratio + error,
        calls=calls,
        saved_ms=before - after,
        blocks=blocks_after / blocks_before if blocks_before > 0 else 1.0,
    )


def judged(state: LedgerState, now: datetime, index: Index | None) -> LedgerState:
    """Return the entry with its effect so far and, where that is clear, the verdict."""
    entry = state.entry
    found = measure(state.promises)
    seen = tuple(_seen(promise) for promise in state.promises)
    scans = None
    if index is not None and index.idx_scan is not None:
        # Fewer scans than at the start: the counters began anew, and all of them are later.
        start = state.scans_at_start or 0
        scans = index.idx_scan - start if index.idx_scan >= start else index.idx_scan
    entry = replace(
        entry,
        statements=seen,
        scans=scans,
        ratio=found.ratio if found else None,
        ratio_low=found.low if found else None,
        ratio_high=found.high if found else None,
    )
    if entry.kind == "index":
        stands_in = entry.promised_ratio is not None and entry.promised_ratio >= NO_GAIN_PROMISED
        verdict, why = _stand_in_verdict(found) if stands_in else _index_verdict(state, entry, found, now)
    elif entry.kind == "drop":
        verdict, why = _drop_verdict(found)
    else:
        verdict, why = _setting_verdict(state, found)
    if verdict is None and state.closed:
        why = "other changes came before its own effect could be told"
    if verdict is None:
        return replace(state, entry=replace(entry, why=why if entry.state == "applied" else entry.why))
    if entry.kind != "index" and entry.verdict:
        return replace(state, entry=entry)  # what comes later has other causes too
    if verdict in _FINAL and entry.state in _FINAL:
        return replace(state, entry=entry)  # judged once: a published score must not waver with the load
    changed = verdict != entry.state
    decided = now if changed else entry.decided
    entry = replace(entry, state=verdict, verdict=verdict, why=why, decided=decided, is_news=changed)
    return replace(state, entry=entry)


def _seen(promise: Promise) -> StatementEffectSeen:
    return StatementEffectSeen(
        query=promise.query,
        promised_ratio=promise.cost_after / promise.cost_before if promise.cost_before > 0 else 1.0,
        mean_before=mean(promise.before) if promise.before.calls else None,
        mean_after=mean(promise.after) if promise.after.calls else None,
        calls_before=promise.before.calls,
        calls_after=promise.after.calls,
    )


def _index_verdict(
    state: LedgerState, entry: LedgerEntry, found: Measured | None, now: datetime
) -> tuple[str | None, str]:
    calls = sum(promise.after.calls for promise in state.promises)
    age = now - (entry.applied or now)
    if entry.scans == 0 and (calls >= _UNUSED_CALLS or (age >= _UNUSED_AFTER and calls > 0)):
        return (
            "unused",
            f"not one scan in {format_duration(age.total_seconds())}, though its statements ran {calls:,} times",
        )
    if entry.scans == 0 and age >= 4 * _UNUSED_AFTER:
        return "unused", f"not one scan in {age.days} days; its statements were not run either"
    if found is None:
        return None, "its statements have not been run often enough to tell"
    writers = measure(state.writers)
    lost = -writers.saved_ms if writers is not None else 0.0
    if writers is not None and writers.works_more and writers.low > _DROP_HARMS and lost > max(found.saved_ms, 0.0):
        return "harmful", (
            f"writes take {_times(writers)} as long, which costs {format_duration(lost / 1000)} where reads win "
            f"{format_duration(max(found.saved_ms, 0) / 1000)}"
        )
    if found.low > _WORSE and found.works_more:
        return "harmful", f"its statements take {_times(found)} as long as before"
    if found.high < _BETTER:
        return "verified", f"its statements take {_times(found)} the time of before, {found.calls:,} calls measured"
    if found.calls >= _ENOUGH_CALLS and found.high - found.low < 1:
        return "no_effect", f"its statements take {_times(found)} the time: no gain that can be told from chance"
    return None, f"{_times(found)} the time so far, {found.calls:,} calls: too few to tell"


def _stand_in_verdict(found: Measured | None) -> tuple[str | None, str]:
    """Judge a shorter index in the place of a wider one, which may still be there."""
    if found is None:
        return None, "its statements have not been run often enough to tell"
    if found.low > _DROP_HARMS and found.works_more:
        return "harmful", f"its statements take {_times(found)} as long as with the wider index"
    if found.calls >= _ENOUGH_CALLS and not found.works_more:
        return (
            "verified",
            f"nothing got slower with the shorter index ({_times(found)} the time, {found.calls:,} calls)",
        )
    return None, f"{found.calls:,} calls so far: too few to tell"


def _drop_verdict(found: Measured | None) -> tuple[str | None, str]:
    if found is None:
        return None, "the table's statements have not been run often enough to tell"
    if found.low > _DROP_HARMS and found.works_more:
        return "harmful", f"the table's statements take {_times(found)} as long without it"
    if found.calls >= _ENOUGH_CALLS and not found.works_more:
        return "verified", f"nothing got slower without it ({_times(found)} the time, {found.calls:,} calls)"
    return None, f"{found.calls:,} calls so far: too few to tell"


def _setting_verdict(state: LedgerState, found: Measured | None) -> tuple[str | None, str]:
    name = RATE_OF.get(state.entry.object)
    before, after = _rate(state.rates_before, name), _rate(state.rates_after, name)
    if (
        name is not None
        and before is not None
        and after is not None
        and state.rates_after[name][1] >= _LEAST.get(name, 1.0)
    ):
        text = f"{_WORDS[name]} {_amount(before)} → {_amount(after)}"
        if before > 0 and after <= _BETTER_BY.get(name, _RATE_BETTER) * before:
            return "verified", text
        if before > 0 and after >= _RATE_WORSE * before:
            return "no_effect", text
    if state.entry.object == "track_io_timing" and state.rates_after.get("io_ms", (0.0, 0.0))[0] > 0:
        return "verified", "reads and writes of blocks are timed"
    if found is not None and found.calls >= _ENOUGH_CALLS:
        if found.low > _DROP_HARMS and found.works_more:
            return "harmful", f"the dearest statements take {_times(found)} as long as before"
        if state.entry.object in _BY_TIME:
            if found.high < _SETTING_BETTER:
                return "verified", f"the dearest statements take {_times(found)} the time of before"
            return "no_effect", f"the dearest statements take {_times(found)} the time of before"
    return None, "in place; its benefit is safety or cannot be told from counters yet"


def _rate(rates: Mapping[str, tuple[float, float]], name: str | None) -> float | None:
    """Return the amount per hour, look or transaction; None where it is not known."""
    amount, per = rates.get(name or "", (0.0, 0.0))
    if name in _PER_TRANSACTION:
        per = rates.get("xacts", (0.0, 0.0))[0]
    if per <= 0:
        return None
    return 1000 * amount / per if name == "dead_share" else amount / per


def _amount(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == 0 else f"{value:.2g}"


def _times(found: Measured) -> str:
    """Return '0.012 (0.01 to 0.014) times' or '1.8 (1.6 to 2) times'."""

    def short(value: float) -> str:
        return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"

    return f"{short(found.ratio)} ({short(found.low)} to {short(found.high)}) times"


def hit_rate(entries: Sequence[LedgerEntry]) -> tuple[int, int]:
    """Return how many judged proposals did what was promised, and how many were judged."""
    decided = [entry for entry in entries if entry.verdict]
    return sum(entry.verdict == "verified" for entry in decided), len(decided)
