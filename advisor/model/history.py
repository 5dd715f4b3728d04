"""What history adds to a report: what changed since the last run, trends, and what became of earlier proposals."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from datetime import datetime

_COMMENT = re.compile(r'("(?:[^"]|"")*")|/\*.*?\*/|--[^\n]*', re.DOTALL)


def statement_key(text: str) -> str:
    """Return a key of a statement's text; comments and white space do not matter, query ids neither.

    >>> statement_key("select 1 /* page=2 */") == statement_key("select  1")
    True
    """
    bare = _COMMENT.sub(lambda match: match[1] or " ", text)
    return hashlib.sha256(" ".join(bare.split()).rstrip("; ").encode("utf-8", "replace")).hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexWatch:
    """How long all runs together have watched one index, on every node that was read."""

    index: str  # "public.orders_note_idx"
    since: datetime
    last_used: datetime | None = None
    holes: int = 0  # windows in which a reset hid what happened


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedFinding:
    """One thing a run asked for. `since` is when it was first seen without a gap, carried from run to run."""

    key: str
    rule: str
    subject: str
    severity: str
    confidence: str
    object: str
    title: str
    since: datetime
    size_bytes: int = 0  # expired rows, an index's size
    judged: bool = True  # False: this run did not look (another subject, a skipped rule); carried over


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementPlan:
    """The plan of one statement with its commonest values, as the what-if planner has it."""

    key: str  # statement_key() of the text
    cost: float  # planner units
    outline: str  # indented lines, one per node; no literals


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingChange:
    """A finding that is new, worse, better, resolved or overdue."""

    key: str
    title: str
    severity: str
    before: str | None = None  # its severity before, where that differs
    since: datetime | None = None  # open since
    why: str = ""  # "expired rows 2.1 GB, were 1.2 GB"; for a resolved one, when it was seen last


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementChange:
    """A statement that became slower or faster; times in ms per call."""

    key: str
    query: str
    mean_before: float
    mean_after: float
    ratio_low: float  # 95 % interval of after / before
    ratio_high: float
    calls: int  # in the window
    extra_ms: float  # (after - before) x calls
    usual: float | None = None  # ms per call at this time of earlier days or weeks
    why: str = ""  # "reads 40 times as many blocks", "another plan"
    plan_before: str | None = None
    plan_after: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """A table or index that grows. Bytes and bytes per day, the rate with its interval."""

    object: str
    size_bytes: int
    per_day: float
    low: float
    high: float
    sudden: bool = False  # far more in this window than in those before


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitDate:
    """When a limit is reached if things go on; None for `latest`: at the slow end, never."""

    what: str  # "sequence public.orders_id_seq", "disk", "transaction ids"
    used: float  # share of the limit used now, 0..1
    earliest: datetime
    expected: datetime
    latest: datetime | None
    is_new: bool = False  # not within the horizon at the run before


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingChange:
    """A setting with another value than in the run before."""

    name: str
    before: str | None
    after: str | None
    source: str  # "configuration file /etc/…/postgresql.conf line 12", "ALTER SYSTEM (postgresql.auto.conf)"
    pending_restart: bool = False
    by: tuple[str, ...] = ()  # roles that pg_stat_statements has seen changing it since; the catalog does not say
    when: str = ""  # "at 2026-03-04 12:10 UTC", "between … and …"


@dataclass(frozen=True, slots=True, kw_only=True)
class MuteNote:
    """What is to say of the mutes: one that expired, will expire, or mutes nothing."""

    finding: str
    reason: str
    state: str  # expired unused
    until: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementEffectSeen:
    """One promised statement before and after the change was made; ms per call with the number of calls."""

    query: str
    promised_ratio: float  # cost after / before
    mean_before: float | None
    mean_after: float | None
    calls_before: int = 0
    calls_after: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """One proposal and what became of it.

    `state`: open, lapsed (no longer proposed, never applied), applied (too early to judge), verified, harmful,
    unused, no_effect, reverted. `ratio` is the time after / before of the promised statements with today's calls.
    """

    key: str
    kind: str  # index drop setting
    object: str
    title: str
    state: str
    ddl: tuple[str, ...]
    undo: tuple[str, ...]  # the revert, with the names the change really has
    proposed: datetime
    last_proposed: datetime
    applied: datetime | None = None  # first seen applied; made between the run before and this
    decided: datetime | None = None
    verdict: str = ""  # verified harmful unused no_effect; stays when the change is taken back
    reverted: datetime | None = None
    promised_ratio: float | None = None
    ratio: float | None = None
    ratio_low: float | None = None
    ratio_high: float | None = None
    scans: int | None = None  # of the new index since it is there
    statements: tuple[StatementEffectSeen, ...] = ()
    why: str = ""
    is_news: bool = False  # its state changed in this run


@dataclass(frozen=True, slots=True, kw_only=True)
class Peak:
    """The busiest time of the week, where runs are dense enough. Hours are UTC."""

    text: str
    busiest_hours: tuple[int, ...] = ()
    busiest_days: tuple[str, ...] = ()
    ratio: float = 1.0  # busiest over the median


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """The load since the last run beside that of the same time before."""

    when: str  # "at 13h UTC", "on Saturdays", "on Saturdays at 13h UTC"
    unit: str  # calls, transactions
    per_second: float
    usual: float  # the median
    low: float
    high: float
    windows: int  # so many earlier windows of this time
    unusual: bool = False  # more than twice the highest, less than half the lowest


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """The difference between this run and the one before, and what only many runs can show."""

    previous: datetime | None  # None: the first run of this database
    runs: int = 1  # this one included
    events: tuple[str, ...] = ()  # resets, restarts, failover, upgrade: one sentence each
    new: tuple[FindingChange, ...] = ()
    worse: tuple[FindingChange, ...] = ()
    better: tuple[FindingChange, ...] = ()
    resolved: tuple[FindingChange, ...] = ()
    overdue: tuple[FindingChange, ...] = ()  # those that became overdue in this run
    overdue_total: int = 0
    # Known from earlier runs and neither seen nor gone: this run did not get to them (time, a missing privilege)
    unexamined: tuple[FindingChange, ...] = ()
    slower: tuple[StatementChange, ...] = ()
    faster: tuple[StatementChange, ...] = ()
    growth: tuple[Growth, ...] = ()
    limits: tuple[LimitDate, ...] = ()
    settings: tuple[SettingChange, ...] = ()
    mutes: tuple[MuteNote, ...] = ()
    notes: tuple[str, ...] = ()  # what limits the comparison: evictions, other query ids
    ledger: tuple[LedgerEntry, ...] = ()  # all but those that lapsed, news first
    peak: Peak | None = None
    usual: Usual | None = None  # where runs of the same hour or weekday are there to compare with
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def changed(self) -> bool:
        """Whether this run says something the run before did not; trends that go on are no change.

        The first run of a database says everything for the first time.
        """
        return self.previous is None or bool(self.counts)
