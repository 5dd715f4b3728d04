"""What changed since the last run, as blocks of lines that text, Markdown and HTML share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from advisor.model.history import (
    Changes,
    FindingChange,
    Growth,
    LedgerEntry,
    LimitDate,
    SettingChange,
    StatementChange,
    Usual,
)
from advisor.render.clean import one_line
from advisor.render.phrases import day, milliseconds, minute, percent, plural, size

_QUERY_CHARS = 110
_LISTED = 15
# A first run has hundreds of proposals at most; the ledger shows those with news and those that were made.
_LEDGER = 20
_STATE_WORDS = {
    "open": "proposed",
    "applied": "applied",
    "verified": "verified",
    "harmful": "does harm",
    "unused": "is not used",
    "no_effect": "has no effect",
    "reverted": "taken back",
}
_VERDICT_WORDS = {"verified": "verified", "harmful": "harmful", "unused": "unused", "no_effect": "without effect"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One change: a sentence, what belongs under it, and SQL to run."""

    text: str
    details: tuple[str, ...] = ()
    sql: tuple[str, ...] = ()
    severity: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Lines of one kind."""

    title: str
    lines: tuple[Line, ...]
    more: int = 0


def summary(changes: Changes, since: str = "the last run") -> str:
    """Return the change in one sentence."""
    if changes.previous is None:
        return "This is the first run in the history: changes show from the next one on."
    since = f"since {since} ({minute(changes.previous)})"
    words = (
        ("new", "new"),
        ("worse", "worse"),
        ("slower", "slower"),
        ("overdue", "newly overdue"),
        ("limits", "limit in sight"),
        ("grown", "grew suddenly"),
        ("resolved", "resolved"),
        ("better", "better"),
        ("faster", "faster"),
        ("settings", "settings changed"),
        ("ledger", "proposals with news"),
        ("mutes", "mute ended"),
        ("events", "event"),
    )
    parts = [f"{changes.counts[name]} {word}" for name, word in words if changes.counts.get(name)]
    if not parts:
        late = (
            f" {plural(changes.overdue_total, 'finding is', 'findings are')} overdue." if changes.overdue_total else ""
        )
        return f"Nothing changed {since}.{late}"
    return f"{since[:1].upper()}{since[1:]}: {', '.join(parts)}."


def hit_line(changes: Changes) -> str:
    """Return how often the proposals that were followed did what they promised; empty where none was judged."""
    judged = [entry for entry in changes.ledger if entry.verdict]
    if not judged:
        return ""
    hits = sum(entry.verdict == "verified" for entry in judged)
    return (
        f"Of {plural(len(judged), 'proposal')} that {'was' if len(judged) == 1 else 'were'} followed and could be "
        f"measured, {hits} did what {'it' if hits == 1 else 'they'} promised ({percent(hits / len(judged))})."
    )


def change_blocks(changes: Changes) -> tuple[Block, ...]:
    """Return what changed, the urgent first; then trends, which go on from run to run."""
    expired = [note for note in changes.mutes if note.state == "expired"]
    unused = [note for note in changes.mutes if note.state == "unused"]
    blocks = [
        _block("What happened", [Line(text=event) for event in (*changes.events, *changes.notes)]),
        _block("New", map(_finding, changes.new)),
        _block("Worse", map(_finding, changes.worse)),
        _block("Newly overdue", map(_finding, changes.overdue)),
        _block(
            "Mutes that ended (no longer muted)",
            [Line(text=f"{n.finding}: until {n.until}, because: {n.reason}") for n in expired],
        ),
        _block("Slower statements", map(_statement, changes.slower)),
        _block("Resolved", map(_finding, changes.resolved)),
        _block("Not examined this time", map(_finding, changes.unexamined)),
        _block("Better", map(_finding, changes.better)),
        _block("Faster statements", map(_statement, changes.faster)),
        _block(
            "Settings changed",
            [
                Line(
                    text=f"{s.name}: {s.before} → {s.after}",
                    details=(f"from {s.source}" + (", waits for a restart" if s.pending_restart else ""), *_author(s)),
                )
                for s in changes.settings
            ],
        ),
        _block("What became of proposals", map(_entry, _told(changes.ledger))),
        _block("Limits in sight", map(_limit, changes.limits)),
        _block("What grows", map(_growth, changes.growth)),
        _block("Busy hours", [Line(text=changes.peak.text)] if changes.peak is not None else []),
        _block("Load since the last run", [_usual(changes.usual)] if changes.usual is not None else []),
        _block("Mutes that mute nothing", [Line(text=f"{n.finding} (because: {n.reason})") for n in unused]),
    ]
    return tuple(block for block in blocks if block.lines)


def _block(title: str, lines: Iterable[Line]) -> Block:
    found = tuple(lines)
    return Block(title=title, lines=found[:_LISTED], more=max(len(found) - _LISTED, 0))


def _finding(change: FindingChange) -> Line:
    details = []
    if change.before is not None:
        details.append(f"was {change.before}")
    if change.why:
        details.append(change.why)
    return Line(text=change.title, details=tuple(details), severity=change.severity)


def _statement(change: StatementChange) -> Line:
    query = one_line(change.query, _QUERY_CHARS)
    if change.mean_before <= 0:
        text = f"{milliseconds(change.mean_after)} per call, {plural(change.calls, 'call')}: {change.why}"
        return Line(text=text, details=(query,))
    text = (
        f"{milliseconds(change.mean_before)} → {milliseconds(change.mean_after)} per call "
        f"({times(change.ratio_low)} to {times(change.ratio_high)} times), {plural(change.calls, 'call')}"
    )
    details = [query, change.why]
    if change.usual is not None:
        details.append(f"usually {milliseconds(change.usual)} at this time")
    if change.plan_before is not None and change.plan_after is not None:
        details += ["plan before:", *change.plan_before.splitlines(), "plan now:", *change.plan_after.splitlines()]
    return Line(text=text, details=tuple(detail for detail in details if detail))


def times(ratio: float) -> str:
    """Return a factor with two digits, and never as 1.5e+02."""
    return f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.2g}"


def _told(ledger: Iterable[LedgerEntry]) -> list[LedgerEntry]:
    """Return what was made or has news; what is only proposed stands in the steps already."""
    return [entry for entry in ledger if entry.state != "open"][:_LEDGER]


def entry_words(entry: LedgerEntry) -> str:
    """Return 'index on t (a): verified since 2026-11-20'."""
    word = _STATE_WORDS.get(entry.state, entry.state)
    moment = {"applied": entry.applied, "reverted": entry.reverted}.get(entry.state, entry.decided)
    text = f"{one_line(entry.title)}: {word}"
    if entry.state == "reverted" and entry.verdict:
        text += f", it was {_VERDICT_WORDS.get(entry.verdict, entry.verdict)}"
    return text + (f" (seen {day(moment)})" if moment is not None else "")


def promise_words(entry: LedgerEntry) -> str:
    """Return promised and real effect side by side; empty where nothing was measured."""
    if entry.kind == "setting" or entry.ratio is None:
        return ""
    promised = (
        "" if entry.promised_ratio is None else f"promised: {percent(entry.promised_ratio)} of the planned cost; "
    )
    return (
        f"{promised}measured: {percent(entry.ratio)} of the time "
        f"({percent(entry.ratio_low)} to {percent(entry.ratio_high)})"
    )


def _entry(entry: LedgerEntry) -> Line:
    words = promise_words(entry)
    details = [*([words] if words else []), *([entry.why] if entry.why and not words else [])]
    if words and entry.state in ("harmful", "unused", "no_effect"):
        details.append(entry.why)
    revert = entry.undo if entry.state in ("harmful", "unused") else ()
    return Line(text=entry_words(entry), details=tuple(details), sql=revert)


def _limit(limit: LimitDate) -> Line:
    latest = day(limit.latest) if limit.latest is not None else "never"
    text = f"{limit.what}: {percent(limit.used)} used, full about {day(limit.expected)}"
    if limit.earliest == limit.latest:
        return Line(text=f"{limit.what}: {percent(limit.used)} used, over on {day(limit.expected)}")
    return Line(text=text, details=(f"between {day(limit.earliest)} and {latest}, if it goes on as so far",))


def _author(change: SettingChange) -> tuple[str, ...]:
    if change.by:
        return (f"by {' or '.join(change.by)}, {change.when}",)
    return (f"{change.when}; by whom is not recorded",) if change.when else ()


def _usual(usual: Usual) -> Line:
    text = (
        f"{times(usual.per_second)} {usual.unit}/s; usually {times(usual.usual)} {usual.when} "
        f"({times(usual.low)} to {times(usual.high)} in {plural(usual.windows, 'window')})"
    )
    return Line(text=text, details=("far from what is usual at this time",) if usual.unusual else ())


def _growth(growth: Growth) -> Line:
    text = f"{growth.object}: {size(growth.size_bytes)}, {size(growth.per_day)} a day"
    if growth.low != growth.high:
        text += f" ({size(growth.low)} to {size(growth.high)})"
    return Line(text=text, details=("far more in this window than in those before",) if growth.sudden else ())
