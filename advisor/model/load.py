"""What a load check measured: throughput and latency of the workload's own statements by number of clients."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadTarget:
    """A latency that the given share of the transactions must keep: 0.95 and 200 ms for `--target-p95 200ms`."""

    share: float  # 0..1
    milliseconds: float

    @property
    def name(self) -> str:
        return f"p{self.share * 100:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadStep:
    """One number of clients, each with the next statement as soon as the last one is answered. Latencies in ms."""

    clients: int
    seconds: float  # from the first statement to the last answer
    transactions: int
    per_second: float
    p50: float
    p95: float
    p99: float
    most: float
    failed_clients: int = 0  # ended by an error before the step was over
    error: str | None = None  # the first one

    def latency(self, share: float) -> float:
        """Return the latency in ms that `share` (0.5, 0.95 or 0.99) of the transactions kept."""
        return {0.5: self.p50, 0.95: self.p95, 0.99: self.p99}[share]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadStatement:
    """One statement of the load; latencies in ms with the fewest and with the most clients, None where it never ran."""

    query: str
    share: float  # of the calls, 0..1
    writes: bool
    transactions: int
    p95_first: float | None
    p95_last: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadCheck:
    """The whole measurement and what follows from it."""

    database: str
    version: str
    pgbench_version: str
    step_seconds: float
    steps: tuple[LoadStep, ...]
    statements: tuple[LoadStatement, ...]
    covered: float  # share of the workload's calls that the statements stand for, 0..1
    left_out: tuple[tuple[str, str], ...]  # statement, why it took no part
    targets: tuple[LoadTarget, ...]
    saturated_at: int | None  # clients beyond which throughput hardly grows
    best: int | None  # most clients with which every target holds; None: with none, or no target was given
    users: int | None
    needed_per_second: float | None  # statements per second that the users need at the peak
    carried: bool | None  # whether a step with every target kept brought that much; None without users
    verdict: tuple[str, ...]  # sentences
    notes: tuple[str, ...] = ()
