"""The ledger: what was proposed, what of it is there now, and whether it did what was promised. Pure.

An entry is `open` until its change is seen in the catalog, then `applied` until enough executions tell: `verified`,
`harmful`, `unused` or `no_effect`; `reverted` when it is gone again. The window in which the change was made belongs to
neither side and is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from advisor.history.definitions import canonical
from advisor.history.findings import setting_changes
from advisor.history.model import LedgerState, Promise, Tally
from advisor.history.statements import WindowRow, plus
from advisor.history.take import definition_of, searched
from advisor.history.verdict import NO_GAIN_PROMISED, judged
from advisor.model.catalog import Index
from advisor.model.history import LedgerEntry, statement_key
from advisor.model.names import RelationName
from advisor.model.report import IndexDrop, IndexProposal, Report, SettingProposal, StatementEffect
from advisor.model.snapshot import Snapshot
from advisor.settings.facts import settings_of
from advisor.settings.values import ValueRefused, normalise
from advisor.workload.redact import without_literals

# From so many executions on, one window tells how a statement is now; fewer are added to those before.
_FRESH = 30
_MOST_PROMISES = 20
_MOST_ENTRIES = 500
_SYSTEM = re.compile(r"\bpg_[a-z]")  # catalogs and administrators' functions are no part of the application
_APART = "\x1f"  # between the parts of a drop's definition; names may hold anything else
_FORGET = timedelta(days=400)
PENDING = ("open", "lapsed")
DECIDED = ("verified", "harmful", "unused", "no_effect")
_WRITE = (
    r"^\s*(?:insert\s+into|update|delete\s+from|merge\s+into)\s+(?:only\s+)?"
    r"(?:\"?{schema}\"?\s*\.\s*)?\"?{name}\"?(?!\w)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One run as the ledger sees it."""

    at: datetime
    snapshot: Snapshot
    report: Report
    window: Mapping[str, WindowRow] | None  # since the run before; None where it could not be subtracted
    rates: Mapping[str, tuple[float, float]]  # of the same window: name -> (amount, hours)
    cumulative: Mapping[str, WindowRow]
    before: Snapshot | None = None  # the run before

    @property
    def changed(self) -> bool:
        """Whether somebody changed an index or a setting since the run before: effects then mix."""
        if self.before is None:
            return False
        indexes = {definition_of(i) for i in self.before.indexes} != {definition_of(i) for i in self.snapshot.indexes}
        return indexes or bool(setting_changes(self.before, self.snapshot))


def advance(states: Sequence[LedgerState], reading: Reading) -> tuple[LedgerState, ...]:
    """Return the ledger after one more run."""
    proposed = {state.entry.key: state for state in _proposals(reading)}
    here = {found: index for index in reading.snapshot.indexes if (found := _found(index)) is not None}
    result = []
    for state in states:
        again = proposed.pop(state.entry.key, None)
        result.append(_advanced(_renewed(state, again, reading), reading, here))
    result += proposed.values()
    kept = [
        state
        for state in result
        if not (state.entry.state == "lapsed" and reading.at - state.entry.last_proposed > _FORGET)
    ]
    kept.sort(key=lambda state: state.entry.last_proposed, reverse=True)
    return tuple(sorted(kept[:_MOST_ENTRIES], key=lambda state: (state.entry.proposed, state.entry.key)))


def _found(index: Index) -> str | None:
    if not (index.is_valid and index.is_ready) or index.being_built:
        return None
    return canonical(index.definition)


def _renewed(state: LedgerState, again: LedgerState | None, reading: Reading) -> LedgerState:
    """Return the entry with this run's proposal; one that is no longer proposed lapses."""
    entry = replace(state.entry, is_news=False)
    if entry.state not in PENDING:
        return replace(state, entry=entry)
    if again is None:
        could = entry.kind in _judged_kinds(reading.report)
        return replace(state, entry=replace(entry, state="lapsed" if could else entry.state))
    known = {promise.key: promise for promise in state.promises}
    promises = tuple(replace(p, before=known[p.key].before) if p.key in known else p for p in again.promises)
    writers = {promise.key: promise for promise in state.writers}
    writing = tuple(replace(p, before=writers[p.key].before) if p.key in writers else p for p in again.writers)
    entry = replace(again.entry, proposed=entry.proposed)
    rates = state.rates_before or again.rates_before
    return replace(again, entry=entry, promises=promises, writers=writing, rates_before=rates)


def _judged_kinds(report: Report) -> frozenset[str]:
    kinds = set()
    if "index" in report.subjects:
        kinds.add("drop")
    if searched(report):
        kinds.add("index")
    if "settings" in report.subjects:
        kinds.add("setting")
    return frozenset(kinds)


def _advanced(state: LedgerState, reading: Reading, here: Mapping[str, Index]) -> LedgerState:
    there, index = _in_place(state, reading.snapshot, here)
    entry = state.entry
    if entry.state in PENDING:
        return _applied(state, reading, index) if there else _before(state, reading)
    if entry.state == "reverted":
        return _applied(state, reading, index) if there else state
    if not there:
        gone = replace(entry, state="reverted", reverted=reading.at, is_news=True, why="it is not there any more")
        return replace(state, entry=gone)
    return judged(_after(state, reading), reading.at, index)


def _in_place(state: LedgerState, snapshot: Snapshot, here: Mapping[str, Index]) -> tuple[bool, Index | None]:
    """Return whether the change is made, and for an index which one it is."""
    if state.entry.kind == "index":
        found = here.get(state.definition)
        return found is not None, found
    if state.entry.kind == "drop":
        tables = {str(table.relation) for table in snapshot.tables}
        names = {(str(index.relation), definition_of(index)) for index in snapshot.indexes}
        table, definition, meaning = state.definition.split(_APART)
        # An index of the same definition under another name is the dropped one come back.
        gone = (state.entry.object, definition) not in names and (not meaning or meaning not in here)
        return table in tables and gone, None
    setting = snapshot.setting(state.entry.object)
    return setting is not None and setting.setting == state.definition, None


def _applied(state: LedgerState, reading: Reading, index: Index | None) -> LedgerState:
    """Begin the time after: nothing of the window in which the change was made counts."""
    entry = replace(
        state.entry, state="applied", applied=reading.at, decided=None, verdict="", reverted=None, is_news=True
    )
    entry = replace(entry, why="seen for the first time; its effect shows from the next run on")
    if index is not None:
        entry = replace(entry, object=str(index.relation), undo=(f"DROP INDEX CONCURRENTLY {index.relation};",))
    return replace(
        state,
        entry=entry,
        promises=tuple(replace(promise, after=Tally()) for promise in state.promises),
        writers=tuple(replace(promise, after=Tally()) for promise in state.writers),
        rates_after={},
        closed=False,
        scans_at_start=index.idx_scan if index is not None else None,
    )


def _before(state: LedgerState, reading: Reading) -> LedgerState:
    """Note how the statements are while the change is not made: the newest window, or with the earlier ones."""
    window = reading.window
    if window is None:
        return state

    def noted(promise: Promise) -> Promise:
        row = window.get(promise.key)
        if row is None:
            return promise
        fresh = row.tally.calls >= _FRESH
        return replace(promise, before=row.tally if fresh else plus(promise.before, row.tally))

    return replace(
        state,
        promises=tuple(map(noted, state.promises)),
        writers=tuple(map(noted, state.writers)),
        rates_before=dict(reading.rates) or state.rates_before,
    )


def _after(state: LedgerState, reading: Reading) -> LedgerState:
    if state.entry.kind != "index" and reading.changed:
        # An index has statements of its own; a setting or a drop is judged by all, which the new change moves too.
        state = replace(state, closed=True)
    window = reading.window
    if window is None or state.closed:
        return state

    def noted(promise: Promise) -> Promise:
        row = window.get(promise.key)
        return promise if row is None else replace(promise, after=plus(promise.after, row.tally))

    rates = dict(state.rates_after)
    for name, (amount, hours) in reading.rates.items():
        old = rates.get(name, (0.0, 0.0))
        rates[name] = (old[0] + amount, old[1] + hours)
    return replace(
        state,
        promises=tuple(map(noted, state.promises)),
        writers=tuple(map(noted, state.writers)),
        rates_after=rates,
    )


# What this run proposes


def _proposals(reading: Reading) -> Iterable[LedgerState]:
    report = reading.report
    if report.indexes is not None:
        yield from (_index(proposal, reading) for proposal in report.indexes.create)
        yield from (_drop(drop, reading) for drop in report.indexes.drop)
    if report.settings is not None:
        yield from (_setting(proposal, reading) for proposal in report.settings.proposals)


def _entry(kind: str, key: str, object: str, title: str, reading: Reading) -> LedgerEntry:
    return LedgerEntry(
        key=f"{kind}:{key}",
        kind=kind,
        object=object,
        title=title,
        state="open",
        ddl=(),
        undo=(),
        proposed=reading.at,
        last_proposed=reading.at,
    )


def _index(proposal: IndexProposal, reading: Reading) -> LedgerState:
    definition = canonical(proposal.ddl) or ""
    name = RelationName(proposal.table.schema, proposal.name)
    title = f"index on {proposal.table.display()} ({', '.join(proposal.columns)})"
    before = sum(effect.cost_before * effect.calls for effect in proposal.statements)
    after = sum(effect.cost_after * effect.calls for effect in proposal.statements)
    entry = replace(
        _entry("index", definition or proposal.ddl, str(name), title, reading),
        ddl=(proposal.ddl,),
        undo=(proposal.undo_ddl,),
        # What stands in for a wider index promises less space, and no time.
        promised_ratio=NO_GAIN_PROMISED if proposal.frees_bytes else after / before if before > 0 else None,
    )
    return LedgerState(
        entry=entry,
        definition=definition,
        promises=_promises(proposal.statements, reading),
        writers=_named(reading, re.compile(_write_pattern(proposal.table), re.IGNORECASE)),
    )


def _write_pattern(table: RelationName) -> str:
    return _WRITE.format(schema=re.escape(table.schema), name=re.escape(table.name))


def _drop(drop: IndexDrop, reading: Reading) -> LedgerState:
    index = next((i for i in reading.snapshot.indexes if i.relation == drop.index), None)
    definition = definition_of(index) if index is not None else ""
    entry = replace(
        _entry(
            "drop", str(drop.index), str(drop.index), f"drop of index {drop.index.display()} ({drop.kind})", reading
        ),
        ddl=(drop.ddl,),
        undo=(drop.undo_ddl,),
        promised_ratio=1.0,
    )
    mentions = re.compile(rf"(?<!\w){re.escape(drop.table.name)}(?!\w)", re.IGNORECASE)
    meaning = canonical(index.definition) if index is not None else None
    twins = [i for i in reading.snapshot.indexes if meaning is not None and canonical(i.definition) == meaning]
    return LedgerState(
        entry=entry,
        # Of duplicates one stays: there the name alone tells.
        definition=_APART.join((str(drop.table), definition, meaning if meaning and len(twins) == 1 else "")),
        promises=_named(reading, mentions, readers=True),
    )


def _setting(proposal: SettingProposal, reading: Reading) -> LedgerState:
    fact = settings_of(reading.snapshot.server.major).get(proposal.name)
    try:
        definition = normalise(fact, proposal.proposed) if fact is not None else proposal.proposed
    except ValueRefused:
        definition = proposal.proposed
    entry = replace(
        _entry("setting", proposal.name, proposal.name, f"{proposal.name} = {proposal.proposed}", reading),
        ddl=proposal.apply_sql,
        undo=proposal.undo_sql,
    )
    return LedgerState(
        entry=entry,
        definition=definition,
        promises=_named(reading, re.compile(""), readers=True),
        rates_before=dict(reading.rates),
    )


def _promises(effects: Sequence[StatementEffect], reading: Reading) -> tuple[Promise, ...]:
    found = []
    for effect in effects[:_MOST_PROMISES]:
        key = statement_key(effect.query)
        found.append(
            Promise(
                key=key,
                query=without_literals(effect.query),
                cost_before=effect.cost_before,
                cost_after=effect.cost_after,
                before=_known(key, reading),
            )
        )
    return tuple(found)


def _named(reading: Reading, pattern: re.Pattern[str], *, readers: bool = False) -> tuple[Promise, ...]:
    """Return the dearest statements whose text fits; for these the same cost is promised."""
    rows = sorted(reading.cumulative.values(), key=lambda row: -row.tally.ms)
    is_read = re.compile(r"^\s*(?:\(?\s*select|with)\b", re.IGNORECASE)
    chosen = [
        row
        for row in rows
        if row.query
        and pattern.search(row.query)
        and not _SYSTEM.search(row.query)
        and (not readers or is_read.match(row.query))
    ][:_MOST_PROMISES]
    return tuple(
        Promise(key=row.key, query=row.query or "", cost_before=1.0, cost_after=1.0, before=_known(row.key, reading))
        for row in chosen
    )


def _known(key: str, reading: Reading) -> Tally:
    """Return how the statement is now: the last window where it was run in it, else all that is counted."""
    row = reading.window.get(key) if reading.window is not None else None
    if row is None or row.tally.calls < _FRESH:
        row = reading.cumulative.get(key) or row
    return row.tally if row is not None else Tally()
