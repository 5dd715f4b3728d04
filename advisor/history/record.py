"""One look with history: before the report, what earlier runs know; after it, what changed and what to keep.

    prepared = prepare(history, snapshot, identity)          # reads
    report = make_report(prepared.snapshot, replace(options, previous=prepared.previous, keep_plans=True), …)
    report, run = conclude(prepared, report, ignore=…, today=…)   # pure
    # … deliver the report …
    keep(history, prepared, run)                             # writes, in one transaction

The report leaves before the run is kept: a run that dies in between tells its news again, and loses none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import pairwise

from advisor.history.authors import with_authors
from advisor.history.findings import as_change, difference, mute_notes, muted_names, names_of, overdue, setting_changes
from advisor.history.ledger import Reading, advance
from advisor.history.model import Identity, IndexUse, LedgerState, Run, RunHead, TargetRow
from advisor.history.season import Season, season, usual_load
from advisor.history.statements import WindowRow, changes, totals_by_key, window
from advisor.history.store import History
from advisor.history.take import dead_share, measures, saved_findings, slim, totals, unexamined
from advisor.history.trends import grown, growth, limits, peak
from advisor.history.verdict import RATES
from advisor.history.windows import WINDOW, Continuity, across_nodes, continuity, used_indexes, with_index_use
from advisor.model.history import Changes, FindingChange, LedgerEntry, SavedFinding, StatementChange, StatementPlan
from advisor.model.report import Report
from advisor.model.snapshot import Snapshot

# So many windows before the last one show what is usual for a statement.
_EARLIER = 5
_PEAK_RUNS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What history knows before the report is made."""

    target: TargetRow
    snapshot: Snapshot  # to report on: indexes carry what earlier windows know of their use
    slim: Snapshot  # to keep and to compare
    last: Run | None  # the run before
    previous: Snapshot | None  # where the report's window begins: the oldest of the last week that can be subtracted
    earlier: tuple[Snapshot, ...]  # before `last`, oldest first, as far as they can be subtracted from one another
    link: Continuity | None  # between `last` and now
    uses: tuple[IndexUse, ...]
    heads: tuple[RunHead, ...]
    season: Season | None  # earlier windows of this time of the day or the week,
    # the statements of each, with those of the window before it
    season_rows: tuple[tuple[Mapping[str, WindowRow], Mapping[str, WindowRow]], ...]
    series: tuple[tuple[datetime, Mapping[str, float]], ...]
    keeps: bool  # False: this reading is kept already, or older than the newest kept


def prepare(history: History, snapshot: Snapshot, identity: Identity) -> Prepared:
    """Read what is known of the snapshot's database; a new one gets its row."""
    target = history.target(identity)
    now = snapshot.server.collected_at
    heads = history.runs(target.id)
    before = tuple(head for head in heads if head.at < now)
    keeps = len(before) == len(heads)
    last = history.last_run(target.id, before=now)
    bare = slim(snapshot)
    link = continuity(last.snapshot, bare) if last is not None else None
    uses = used_indexes(
        last.index_use if last is not None else (),
        last.snapshot if last is not None else None,
        bare,
        link is not None and link.same_server and link.relations,
    )
    earlier = _chain(history, before[:-1], last) if last is not None else ()
    same_time = season([head.at for head in before], last.at, now) if last is not None else None
    return Prepared(
        target=target,
        snapshot=with_index_use(snapshot, uses) if last is not None else snapshot,
        slim=bare,
        last=last,
        previous=_base(history, before, last, bare),
        earlier=earlier,
        link=link,
        uses=uses,
        heads=before,
        season=same_time,
        season_rows=_season_rows(history, before, same_time),
        series=tuple(item for item in history.measures(target.id) if item[0] < now),
        keeps=keeps,
    )


def _chain(history: History, heads: Sequence[RunHead], last: Run) -> tuple[Snapshot, ...]:
    """Return the readings before `last`, as long as each can be subtracted from the next."""
    found = [last.snapshot]
    for head in reversed(heads[-_EARLIER:]):
        run = history.run(head.id)
        if run is None or not continuity(run.snapshot, found[0]).statements:
            break
        found.insert(0, run.snapshot)
    return tuple(found[:-1])


def _season_rows(
    history: History, heads: Sequence[RunHead], found: Season | None
) -> tuple[tuple[Mapping[str, WindowRow], Mapping[str, WindowRow]], ...]:
    """Return the statements of each window of the season, with those of the window before it."""
    rows = []
    for begin in found.begins if found is not None else ():
        runs = [history.run(heads[place].id) for place in range(max(begin - 1, 0), begin + 2)]
        readings = [run.snapshot for run in runs if run is not None]
        if len(readings) == 3 and all(_sound(old, new) for old, new in pairwise(readings)):
            first, second = (window(old.statements, new.statements) for old, new in pairwise(readings))
            rows.append((first, second))
    return tuple(rows)


def _base(history: History, heads: Sequence[RunHead], last: Run | None, now: Snapshot) -> Snapshot | None:
    """Return the oldest reading of the last week that the present one goes on from; else the last, else None.

    Whether one can be subtracted has one turning point in time (a reset, a failover), which is halved for.
    """
    if last is None:
        return None
    recent = [head for head in heads if head.at >= now.server.collected_at - WINDOW] or list(heads[-1:])
    low, high, found = 0, len(recent) - 1, None
    while low <= high:
        middle = (low + high) // 2
        run = last if recent[middle].id == last.id else history.run(recent[middle].id)
        if run is not None and _sound(run.snapshot, now):
            found, high = run.snapshot, middle - 1
        else:
            low = middle + 1
    return found


def _sound(before: Snapshot, now: Snapshot) -> bool:
    link = continuity(before, now)
    return link.same_server and link.statements


def conclude(
    prepared: Prepared,
    report: Report,
    *,
    ignore: Sequence[Mapping[str, object]] = (),
    today: date | None = None,
    disk_bytes: int | None = None,
) -> tuple[Report, Run]:
    """Return the report with what changed, and the run to keep.

    `report` is the whole one: what `ignore` mutes is left out of the changes here, and of the report later.
    """
    last, now = prepared.last, prepared.slim
    at = now.server.collected_at
    before = {finding.key: finding for finding in last.findings} if last is not None else {}
    findings = saved_findings(report, before, at)
    numbers, sums = measures(now, report), totals(now)
    cumulative = totals_by_key(now.statements)
    rows = _window(prepared)
    reading = Reading(
        at=at,
        snapshot=across_nodes(now),
        report=report,
        window=rows if prepared.link is not None and prepared.link.statements else None,
        rates=_rates(last, at, sums, dead_share(now)) if prepared.link is not None and prepared.link.relations else {},
        cumulative=cumulative,
        before=last.snapshot if last is not None else None,
    )
    ledger = advance(last.ledger if last is not None else (), reading)
    found = _changes(prepared, report, findings, rows, ledger, (numbers, sums), ignore, today or at.date(), disk_bytes)
    run = Run(
        at=at,
        tool_version=report.tool_version,
        snapshot=now,
        findings=findings,
        plans=report.plans or (last.plans if last is not None and "index" not in report.subjects else ()),
        ledger=ledger,
        index_use=prepared.uses,
        measures=numbers,
        totals=sums,
        counts=found.counts,
        events=found.events,
        subjects=report.subjects,
    )
    return replace(report, changes=found), run


def keep(history: History, prepared: Prepared, run: Run) -> int | None:
    """Keep the run; return its number, None where this reading (or a later one) is kept already."""
    return history.save(prepared.target.id, run) if prepared.keeps else None


def _window(prepared: Prepared) -> dict[str, WindowRow] | None:
    """Return what was run since the last run; after a reset, since the reset; None on another server."""
    if prepared.last is None or prepared.link is None or not prepared.link.same_server:
        return None
    before = prepared.last.snapshot.statements if prepared.link.statements else ()
    return window(before, prepared.slim.statements)


def _rates(
    last: Run | None, at: datetime, sums: Mapping[str, float], dead: float | None
) -> dict[str, tuple[float, float]]:
    if last is None:
        return {}
    hours = (at - last.at).total_seconds() / 3600
    found = {
        name: (sums[name] - last.totals[name], hours)
        for name in RATES
        if name in sums and name in last.totals and sums[name] >= last.totals[name] and hours > 0
    }
    # Not counted but looked at: each look is one of its own.
    return found | ({"dead_share": (dead, 1.0)} if dead is not None else {})


def _changes(
    prepared: Prepared,
    report: Report,
    findings: tuple[SavedFinding, ...],
    rows: dict[str, WindowRow] | None,
    ledger: tuple[LedgerState, ...],
    numbers: tuple[dict[str, float], dict[str, float]],
    ignore: Sequence[Mapping[str, object]],
    today: date,
    disk_bytes: int | None,
) -> Changes:
    last, link, at = prepared.last, prepared.link, prepared.slim.server.collected_at
    entries = _entries(ledger)
    if last is None or link is None:
        return Changes(previous=None, mutes=mute_notes(ignore, findings, today), ledger=entries)
    muted = _muted(findings, ignore, today) | _muted(last.findings, ignore, today)
    found = difference(last.findings, findings)
    late, late_total = overdue((f for f in findings if f.key not in muted), at, last.at)
    slower, faster = _statements(prepared, report.plans, rows)
    series = (*prepared.series, (at, numbers[0]))
    growing = growth(series)
    limit_dates = limits(series, _with_columns(prepared), disk_bytes, report.retention)
    times = [(head.at, head.totals) for head in prepared.heads[-_PEAK_RUNS:]]
    notes = mute_notes(ignore, findings, today)
    ended = [note for note in notes if note.state == "expired" and note.until is not None]
    settings = with_authors(setting_changes(last.snapshot, prepared.slim), last.snapshot, prepared.snapshot)

    def told(items: tuple[FindingChange, ...]) -> tuple[FindingChange, ...]:
        return tuple(item for item in items if item.key not in muted)

    result = Changes(
        previous=last.at,
        runs=len(prepared.heads) + 1,
        events=link.events,
        notes=link.notes,
        new=told(found.new),
        worse=told(found.worse),
        better=told(found.better),
        resolved=told(found.resolved),
        overdue=late,
        overdue_total=late_total,
        unexamined=told(tuple(as_change(f, _why_not(f, report)) for f in unexamined(findings, report))),
        slower=slower,
        faster=faster,
        growth=growing,
        limits=limit_dates,
        settings=settings,
        mutes=notes,
        ledger=entries,
        peak=peak([*times, (at, numbers[1])]),
        usual=usual_load(prepared.season, [(head.at, head.totals) for head in prepared.heads], (at, numbers[1])),
    )
    counts = {
        "events": len(result.events),
        "new": len(result.new),
        "worse": len(result.worse),
        "better": len(result.better),
        "resolved": len(result.resolved),
        "overdue": len(result.overdue),
        "slower": len(result.slower),
        "faster": len(result.faster),
        "grown": sum(item.sudden for item in result.growth),
        "limits": sum(item.is_new for item in result.limits),
        "settings": len(result.settings),
        # A mute that ended is news in the first run after its last day.
        "mutes": sum(date.fromisoformat(note.until or "") >= last.at.date() for note in ended),
        "ledger": sum(entry.is_news for entry in entries),
    }
    return replace(result, counts={name: number for name, number in counts.items() if number})


def _why_not(finding: SavedFinding, report: Report) -> str:
    """Return why the run has nothing to say of a finding it was asked for."""
    skip = next((skip.why for skip in report.skipped if skip.rule == finding.rule), None)
    if skip is not None:
        return skip
    if finding.rule.startswith("index/") and report.indexes is not None and report.indexes.planner in ("", "none"):
        return "there was no what-if planner, or no time for it"
    return "the time was over before it was its turn"


def _muted(findings: Sequence[SavedFinding], ignore: Sequence[Mapping[str, object]], today: date) -> set[str]:
    """Return the keys that an [[ignore]] mutes today; what is critical is never muted."""
    muted = muted_names(ignore, today)
    return {f.key for f in findings if f.severity != "critical" and names_of(f) & muted}


def _entries(ledger: tuple[LedgerState, ...]) -> tuple[LedgerEntry, ...]:
    order = {"harmful": 0, "unused": 1, "no_effect": 2, "reverted": 3, "verified": 4, "applied": 5, "open": 6}
    told = [state.entry for state in ledger if state.entry.state in order]
    return tuple(sorted(told, key=lambda e: (not e.is_news, order[e.state], e.key)))


def _with_columns(prepared: Prepared) -> Snapshot:
    """Return the snapshot with the columns' types, which tell where a sequence's column ends."""
    return replace(prepared.slim, columns=prepared.snapshot.columns)


def _statements(
    prepared: Prepared, plans: tuple[StatementPlan, ...], rows: dict[str, WindowRow] | None
) -> tuple[tuple[StatementChange, ...], tuple[StatementChange, ...]]:
    if rows is None or prepared.last is None or prepared.link is None:
        return (), ()
    readings = [*prepared.earlier, prepared.last.snapshot]
    windows = [window(old.statements, new.statements) for old, new in pairwise(readings)]
    return changes(
        [*windows, rows],
        totals_by_key(prepared.last.snapshot.statements),
        (prepared.last.plans, plans),
        arrivals=not prepared.link.evicted,
        season=prepared.season_rows,
    )


def compare(before: Run, now: Run) -> Changes:
    """Return what changed between any two kept runs, the older first."""
    link = continuity(before.snapshot, now.snapshot)
    found = difference(before.findings, now.findings)
    slower: tuple[StatementChange, ...] = ()
    faster: tuple[StatementChange, ...] = ()
    if link.same_server:
        start = before.snapshot.statements if link.statements else ()
        slower, faster = changes(
            [window(start, now.snapshot.statements)],
            totals_by_key(before.snapshot.statements),
            (before.plans, now.plans),
            arrivals=not link.evicted,
        )
    result = Changes(
        previous=before.at,
        events=link.events,
        notes=link.notes,
        new=found.new,
        worse=found.worse,
        better=found.better,
        resolved=found.resolved,
        slower=slower,
        faster=faster,
        growth=grown(((before.at, before.measures), (now.at, now.measures))),
        settings=setting_changes(before.snapshot, now.snapshot),
    )
    names = ("events", "new", "worse", "better", "resolved", "slower", "faster", "settings")
    counts = {name: len(getattr(result, name)) for name in names}
    return replace(result, counts={name: number for name, number in counts.items() if number})
