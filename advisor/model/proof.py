"""What building proposed indexes on a disposable server showed: real times, real sizes, what did not help."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementProof:
    """One statement, run before and after. Times in milliseconds per call, weighted over its sets of values."""

    query: str
    kind: str
    calls: float
    before_ms: float
    after_ms: float
    indexes: tuple[str, ...] = ()  # new indexes that its plans used
    slower: bool = False  # by more than measuring blurs


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexProof:
    """One proposed index. `seconds_*`: calls times time of the statements whose plans use it."""

    name: str
    ddl: str
    helped: bool
    reason: str
    estimated_bytes: int
    real_bytes: int | None = None  # None when it could not be built
    build_seconds: float | None = None
    seconds_before: float = 0.0
    seconds_after: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofReport:
    """The whole run. `not_run`: (query, why) of statements the server refused or that took too long."""

    database: str
    version: str
    statements: tuple[StatementProof, ...]
    indexes: tuple[IndexProof, ...]
    seconds_before: float
    seconds_after: float  # with the indexes that helped
    not_run: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    generated: bool = False  # the rows were made from statistics
    kept: bool = False  # the indexes that helped were left in place
