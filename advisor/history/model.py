"""Runs as history keeps them: plain data, no database in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from advisor.model.history import LedgerEntry, SavedFinding, StatementPlan
from advisor.model.snapshot import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What one database is recognised by, strongest first.

    A `name` given by a person (a fleet's target) wins. Else the cluster's system identifier with the database. Else
    the address: after pg_upgrade or a restore the identifier is another one and the address still the same.
    """

    database: str
    name: str | None = None
    system_identifier: str | None = None
    address: str | None = None  # "db.example:5432", without user or password


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRow:
    """One database in the history."""

    id: int
    name: str | None
    database: str
    system_identifier: str | None
    address: str | None

    @property
    def title(self) -> str:
        return self.name or (f"{self.address}/{self.database}" if self.address else self.database)


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexUse:
    """What all runs together know of one index; it outlives pruned runs."""

    index: str  # "public.orders_note_idx"
    definition: str  # hash of its definition: a new index of an old name is another one
    first_seen: datetime
    observed_since: datetime  # its counters covered the time from here on
    last_used: datetime | None  # the end of the last window in which it was scanned
    holes: int = 0  # windows in which a reset hid what happened


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One look at one database. `at` is the server's time of the reading."""

    at: datetime
    tool_version: str
    snapshot: Snapshot  # slim, see slim()
    findings: tuple[SavedFinding, ...] = ()
    plans: tuple[StatementPlan, ...] = ()
    ledger: tuple[LedgerState, ...] = ()
    index_use: tuple[IndexUse, ...] = ()
    # Numbers with a trend, by name: "table:public.orders", "index:…", "sequence:…", "database", "xid_age" …
    measures: dict[str, float] = field(default_factory=dict)
    # Cumulative totals for rates: "calls", "exec_ms", "xacts", "wal_bytes" …
    totals: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)  # what changed in this run: {"new": 2, …}
    events: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Executions of one statement: calls, ms, and the sum of squared ms, from which means and deviations follow.

    `blocks` were touched (hit, read, or temporary): unlike time they do not depend on what else the machine does.
    """

    calls: int = 0
    ms: float = 0.0
    squares: float = 0.0
    blocks: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """What a proposal promised for one statement."""

    key: str  # statement_key() of its text
    query: str
    cost_before: float
    cost_after: float
    before: Tally = Tally()  # executions before the change, as far as runs saw them
    after: Tally = Tally()


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerState:
    """A ledger entry with what is needed to judge it later."""

    entry: LedgerEntry
    definition: str = ""  # canonical definition of the index, or the setting's proposed value
    promises: tuple[Promise, ...] = ()
    writers: tuple[Promise, ...] = ()  # statements that write the table: they must not get slower
    rates_before: dict[str, tuple[float, float]] = field(default_factory=dict)  # name -> (amount, hours)
    rates_after: dict[str, tuple[float, float]] = field(default_factory=dict)
    scans_at_start: int | None = None
    closed: bool = False  # other changes came after this one: what is measured from here on is not its effect alone


@dataclass(frozen=True, slots=True, kw_only=True)
class RunHead:
    """A run without its payload, for lists."""

    id: int
    target: TargetRow
    at: datetime
    tool_version: str
    version_num: int
    findings: dict[str, int]  # severity -> how many
    counts: dict[str, int]  # what changed: {"new": 2, "slower": 1}
    totals: dict[str, float]
    events: tuple[str, ...]
    size_bytes: int  # of the payload
