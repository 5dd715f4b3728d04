"""What measured latencies say: percentiles, where throughput stops growing, and whether the users are carried."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from advisor.errors import UsageError
from advisor.model.load import LoadStep, LoadTarget
from advisor.settings.capacity import Assumptions
from advisor.units import format_count, parse_duration

# Twice the clients bring a fifth more at least, or the server is saturated (judgement).
_GROWTH = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Demanded:
    """What the users need; both None where their number is not given."""

    users: int | None = None
    per_second: float | None = None  # statements at the peak


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the steps amount to."""

    saturated_at: int | None
    best: int | None
    carried: bool | None
    sentences: tuple[str, ...]


def demand_of(users: int | None, assumptions: Assumptions) -> Demanded:
    """Return the statements per second that `users` send at the peak."""
    if users is None:
        return Demanded()
    factor = max((peak.factor for peak in assumptions.peaks), default=assumptions.peak_factor)
    rate = factor * users / assumptions.seconds_between_requests * assumptions.statements_per_request
    return Demanded(users=users, per_second=rate)


def parse_target(text: str, share: float) -> LoadTarget:
    """Return the target of `--target-p95 200ms`. Raises UsageError."""
    seconds = parse_duration(text)
    if seconds <= 0:
        raise UsageError(f"A target of {text} cannot be met.", "Write it like --target-p95 200ms")
    return LoadTarget(share=share, milliseconds=seconds * 1000)


def parse_clients(text: str) -> tuple[int, ...]:
    """Return the numbers of `--clients 1,2,4`. Raises UsageError."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdigit() and len(part) < 6 and int(part) > 0 for part in parts):
        raise UsageError(f"'{text}' is not a list of numbers of clients.", "Write it like --clients 1,2,4,8")
    return tuple(sorted({int(part) for part in parts}))


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` of the sorted values do not exceed.

    >>> percentile([1, 2, 3, 4], 0.5), percentile([1, 2, 3, 4], 0.95)
    (2, 4)
    """
    return ordered[max(0, math.ceil(round(share * len(ordered), 9)) - 1)]


def step_of(
    clients: int, transactions: Sequence[tuple[float, float]], failed_clients: int = 0, error: str | None = None
) -> LoadStep:
    """Return a step from its transactions: the end in seconds of any epoch, and the latency in ms; at least one."""
    ordered = sorted(latency for _, latency in transactions)
    begin = min(ended - latency / 1000 for ended, latency in transactions)
    seconds = max(max(ended for ended, _ in transactions) - begin, 1e-6)
    return LoadStep(
        clients=clients,
        seconds=seconds,
        transactions=len(transactions),
        per_second=len(transactions) / seconds,
        p50=percentile(ordered, 0.5),
        p95=percentile(ordered, 0.95),
        p99=percentile(ordered, 0.99),
        most=ordered[-1],
        failed_clients=failed_clients,
        error=error,
    )


def _grows(before: LoadStep, after: LoadStep) -> bool:
    """Return whether more clients brought more: a fifth of what as many times the throughput would have been."""
    return after.per_second / before.per_second - 1 >= _GROWTH * (after.clients / before.clients - 1)


def is_flat(steps: Sequence[LoadStep]) -> bool:
    """Return whether the last two steps brought hardly more throughput than the ones before them."""
    return len(steps) >= 3 and not any(_grows(a, b) for a, b in pairwise(steps[-3:]))


def saturation(steps: Sequence[LoadStep]) -> int | None:
    """Return the clients after which throughput never grows again, None where it still grew at the last step."""
    point = None
    for before, after in reversed(list(pairwise(steps))):
        if _grows(before, after):
            break
        point = before.clients
    return point


def _keeps(step: LoadStep, targets: Sequence[LoadTarget]) -> bool:
    return not step.failed_clients and all(step.latency(t.share) <= t.milliseconds for t in targets)


def judge(steps: Sequence[LoadStep], targets: Sequence[LoadTarget], demanded: Demanded) -> Verdict:
    """Return where the server saturates, how far the targets hold and whether the users are carried."""
    point = saturation(steps)
    sentences = [_about_saturation(steps, point)]
    kept = [step for step in steps if _keeps(step, targets)]
    best = max((step.clients for step in kept), default=None) if targets else None
    if targets:
        sentences.append(_about_targets(steps, targets, best))
    carried = None
    if demanded.per_second is not None and demanded.users is not None:
        most = max((step.per_second for step in kept), default=0.0)
        carried = most >= demanded.per_second
        need = f"{format_count(demanded.users)} users need {_rate(demanded.per_second)} statements a second at the peak"
        within = " within the targets" if targets else ""
        if carried:
            enough = next(step for step in kept if step.per_second >= demanded.per_second)
            sentences.append(
                f"{need}: {_clients(enough.clients)} carried {enough.per_second:,.0f} a second{within}, so they are"
                f" {'well ' if most >= 2 * demanded.per_second else ''}served."
            )
        else:
            carried_most = f"the server carried at most {_rate(most)} a second{within}"
            if not kept:
                top = max(step.per_second for step in steps)
                carried_most = f"no step kept the targets, and none brought more than {_rate(top)} a second"
            sentences.append(
                f"{need}; {carried_most}: more cores or faster statements are needed, not more connections."
            )
    return Verdict(saturated_at=point, best=best, carried=carried, sentences=tuple(sentences))


def _rate(per_second: float) -> str:
    return f"{per_second:,.0f}" if per_second >= 100 else f"{per_second:.3g}"


def _clients(count: int) -> str:
    return f"{count} client{'s' if count != 1 else ''}"


def _about_saturation(steps: Sequence[LoadStep], point: int | None) -> str:
    top = max(steps, key=lambda step: step.per_second)
    if point is None:
        return (
            f"Throughput still grew at {_clients(steps[-1].clients)} ({steps[-1].per_second:,.0f} statements a second):"
            " the limit was not reached."
            if len(steps) > 1
            else f"{_clients(top.clients)}: {top.per_second:,.0f} statements a second."
        )
    at = next(step for step in steps if step.clients == point)
    last = steps[-1]
    return (
        f"Saturated from {_clients(point)} on: {at.per_second:,.0f} statements a second there, {last.per_second:,.0f} "
        f"with {last.clients}, while p95 went from {at.p95:.3g} to {last.p95:.3g} ms. A pool larger than {point} only "
        "makes them wait."
    )


def _about_targets(steps: Sequence[LoadStep], targets: Sequence[LoadTarget], best: int | None) -> str:
    missed = next((step for step in steps if not _keeps(step, targets)), None)
    if missed is None:
        return f"Every target holds up to {_clients(steps[-1].clients)}."
    if missed.failed_clients:
        why = f"a client met an error: {missed.error}"
    else:
        target = next(t for t in targets if missed.latency(t.share) > t.milliseconds)
        why = f"{target.name} is {missed.latency(target.share):.3g} ms there, the target {target.milliseconds:g} ms"
    until = f"Every target holds up to {_clients(best)}" if best is not None else "No step keeps every target"
    return f"{until}; first missed with {_clients(missed.clients)}: {why}."
