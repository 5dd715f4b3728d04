"""The numbers behind the plots of the HTML report, as rows of bars and marks in percent of the plot's width."""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass
from datetime import datetime

from advisor.model.names import RelationName
from advisor.model.report import Report, RetentionStatus, StatementEffect
from advisor.render.clean import one_line
from advisor.render.order import asks
from advisor.render.phrases import change, cost, day, percent, plural, size, times_less, utc
from advisor.render.view import QUERY_CHARS, top, top_statements
from advisor.units import format_size

_SIZES, _STATEMENTS, _TABLES = 12, 10, 15
_LABEL_CHARS = 120
_RETENTION_LEGEND = (
    ("kept", "inside the window"),
    ("past", "past it"),
    ("rest", "length of the window unknown"),
    ("limit", "end of the window"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A piece of a row: from `x`, `width` wide, in percent; `kind` picks the colour."""

    kind: str
    x: float
    width: float
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A point or a line across a row at `x` percent."""

    kind: str
    x: float
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of a plot. `value` says in words what the bars show, so that nobody needs the picture."""

    label: str
    value: str
    bars: tuple[Bar, ...] = ()
    marks: tuple[Mark, ...] = ()
    detail: str = ""
    note: str = ""  # a warning


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A label on the axis at `x` percent."""

    x: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """A figure: caption, legend (kind, text), rows, axis; `more` says what was left out."""

    title: str
    caption: str
    rows: tuple[Row, ...]
    legend: tuple[tuple[str, str], ...] = ()
    ticks: tuple[Tick, ...] = ()
    more: str = ""


def sizes_plot(report: Report) -> Plot | None:
    """The largest relations: heap, TOAST and indexes."""
    ordered = sorted(report.sizes, key=lambda s: (-(s.heap_bytes + s.toast_bytes + s.index_bytes), str(s.relation)))
    shown = top(ordered, _SIZES)
    if not shown.rows:
        return None
    parts_of = [(r, (r.heap_bytes, r.toast_bytes, r.index_bytes)) for r in shown.rows]
    largest = max(sum(parts) for _, parts in parts_of) or 1
    rows = []
    for relation, parts in parts_of:
        bars, x = [], 0.0
        for kind, part in zip(("heap", "toast", "index"), parts, strict=True):
            width = 100 * part / largest
            if part > 0:
                bars.append(Bar(kind=kind, x=_round(x), width=_round(width), title=f"{kind} {format_size(part)}"))
            x += width
        share = f"{percent(parts[2] / sum(parts))} indexes" if sum(parts) else "empty"
        rows.append(Row(label=_name(relation.relation), value=f"{format_size(sum(parts))}, {share}", bars=tuple(bars)))
    rest = sum(r.heap_bytes + r.toast_bytes + r.index_bytes for r in ordered[len(shown.rows) :])
    return Plot(
        title="Table and index sizes",
        caption="What the largest tables take on disk.",
        rows=tuple(rows),
        legend=(("heap", "table"), ("toast", "TOAST (large values)"), ("index", "indexes")),
        more=f"and {shown.more:,} more listed with {format_size(rest)}" if shown.more else "",
    )


def share_plot(report: Report) -> Plot | None:
    """Where the execution time goes."""
    shown = top_statements(report, _STATEMENTS)
    timed = [row for row in shown.rows if row.share]
    if not timed:
        return None
    rows = [
        Row(
            label=one_line(row.query, QUERY_CHARS),
            value=percent(row.share),
            bars=(Bar(kind="share", x=0, width=_round(100 * min(row.share or 0.0, 1.0))),),
        )
        for row in timed
    ]
    rest = 1 - sum(min(row.share or 0.0, 1.0) for row in timed)
    if rest > 0.001:
        rows.append(
            Row(label="everything else", value=percent(rest), bars=(Bar(kind="rest", x=0, width=_round(100 * rest)),))
        )
    return Plot(
        title="Share of the execution time",
        caption="Statements that take most of the time of the window.",
        rows=tuple(rows),
        more=f"and {shown.more:,} more statements" if shown.more else "",
    )


def cost_plot(report: Report) -> Plot | None:
    """Planned cost per call before and after the proposed indexes, on a logarithmic axis."""
    if report.indexes is None:
        return None
    best: dict[str, StatementEffect] = {}
    for proposal in report.indexes.create:
        for effect in (*proposal.statements, *proposal.hurt):
            if not (_positive(effect.cost_before) and _positive(effect.cost_after)):
                continue
            known = best.get(effect.fingerprint)
            if known is None or effect.cost_after < known.cost_after:
                best[effect.fingerprint] = effect
    ordered = sorted(best.values(), key=lambda e: (-abs(e.cost_before - e.cost_after) * e.calls, e.fingerprint))
    shown = top(ordered, _STATEMENTS)
    if not shown.rows:
        return None
    costs = [value for e in shown.rows for value in (e.cost_before, e.cost_after)]
    low = math.floor(math.log10(min(costs)))
    high = max(math.ceil(math.log10(max(costs))), low + 1)

    def place(value: float) -> float:
        # Room of 2 % at both ends keeps the dots inside the picture.
        return _round(2 + 96 * (math.log10(value) - low) / (high - low))

    rows = []
    for effect in shown.rows:
        before, after = place(effect.cost_before), place(effect.cost_after)
        better = effect.cost_after <= effect.cost_before
        rows.append(
            Row(
                label=one_line(effect.query, QUERY_CHARS),
                value=f"{change(effect.cost_before, effect.cost_after)} "
                f"({times_less(effect.cost_before, effect.cost_after)})",
                bars=(
                    Bar(
                        kind="better" if better else "worse",
                        x=min(before, after),
                        width=_round(abs(before - after)),
                    ),
                ),
                marks=(Mark(kind="before", x=before), Mark(kind="after" if better else "dearer", x=after)),
            )
        )
    step = max(1, math.ceil((high - low) / 4))
    ticks = tuple(Tick(x=place(10.0**power), text=cost(10.0**power)) for power in range(low, high + 1, step))
    kinds = {mark.kind for row in rows for mark in row.marks}
    names = {"before": "now", "after": "with the indexes", "dearer": "dearer"}
    return Plot(
        title="Planned cost per call, now and with the proposed indexes",
        caption="Planner cost units on a logarithmic axis: every step is a factor.",
        rows=tuple(rows),
        legend=tuple((kind, name) for kind, name in names.items() if kind in kinds),
        ticks=ticks,
        more=f"and {shown.more:,} more statements" if shown.more else "",
    )


def memory_plot(report: Report) -> Plot | None:
    """What the settings allow in the worst case, against the RAM."""
    settings = report.settings
    if settings is None or settings.worst_case_bytes_now is None:
        return None
    states = [("now", settings.worst_case_bytes_now, settings.memory_now)]
    if settings.worst_case_bytes_proposed is not None:
        states.append(("with the proposed settings", settings.worst_case_bytes_proposed, settings.memory_proposed))
    ram = settings.ram_bytes
    largest = max(max(value, sum(part for _, part in parts)) for _, value, parts in states)
    full = max(largest, ram or 0) * 1.05 or 1
    rows = []
    for label, value, parts in states:
        bars, x = [], 0.0
        for kind, part in parts or (("memory", value),):
            width = 100 * part / full
            bars.append(Bar(kind=f"part-{kind}" if parts else kind, x=_round(x), width=_round(width)))
            x += width
        against = f", {percent(value / ram)} of RAM" if ram else ""
        rows.append(
            Row(
                label=label,
                value=f"{format_size(value)}{against}",
                bars=tuple(bars),
                marks=(Mark(kind="limit", x=_round(100 * ram / full)),) if ram else (),
                detail=", ".join(f"{kind} {format_size(part)}" for kind, part in parts),
                note=f"{format_size(value - ram)} more than there is" if ram and value > ram else "",
            )
        )
    named = [(f"part-{kind}", kind) for kind, _ in settings.memory_now] or [("memory", "worst case")]
    return Plot(
        title="Worst-case memory",
        caption="All connections busy at once, each with a sort or hash, beside the shared memory.",
        rows=tuple(rows),
        legend=(*named, ("limit", f"RAM {format_size(ram)}")) if ram else tuple(named),
    )


def retention_plot(report: Report) -> Plot | None:
    """How far back each table reaches, and how far it should."""
    tables: dict[RelationName, list[RetentionStatus]] = {}
    for status in report.retention:
        if status.oldest is not None:
            tables.setdefault(status.table, []).append(status)
    made = report.until or report.generated_at
    ages = {name: _age_days(statuses[0].oldest, made) for name, statuses in tables.items()}
    shown = top(sorted(tables, key=lambda name: (-ages[name], str(name))), _TABLES)
    if not shown.rows:
        return None
    windows = {name: _window(tables[name], made) for name in shown.rows}
    full = max([*(ages[name] for name in shown.rows), *(w for w in windows.values() if w)]) * 1.02 or 1
    rows = []
    for name in shown.rows:
        status, window, age = tables[name][0], windows[name], ages[name]
        late = any(asks(s) for s in tables[name])
        kept = min(age, window) if window else age
        # Time runs to the right: today is the right edge.
        bars = [Bar(kind="kept" if window or not late else "rest", x=_x(kept, full), width=_round(100 * kept / full))]
        if window and age > window:
            bars.append(Bar(kind="past", x=_x(age, full), width=_round(100 * (age - window) / full)))
        marks = (Mark(kind="limit", x=_x(window, full)),) if window else ()
        value = f"oldest {day(status.oldest)}, {plural(round(age), 'day')}; window {one_line(status.policy, 80)}"
        note = ""
        if status.expired_rows:
            note = f"{plural(status.expired_rows, 'row')} ({size(status.expired_bytes)}) past the window"
        rows.append(Row(label=_name(name), value=value, bars=tuple(bars), marks=marks, note=note))
    kinds = {bar.kind for row in rows for bar in row.bars} | {mark.kind for row in rows for mark in row.marks}
    ticks = tuple(Tick(x=_x(full * f, full), text=_ago(full * f)) for f in (1.0, 0.75, 0.5, 0.25, 0.0))
    return Plot(
        title="Oldest rows against their windows",
        caption="Time runs from left to right; today is the right edge.",
        rows=tuple(rows),
        legend=tuple((kind, name) for kind, name in _RETENTION_LEGEND if kind in kinds),
        ticks=ticks,
        more=f"and {shown.more:,} more tables" if shown.more else "",
    )


def _window(statuses: list[RetentionStatus], now: datetime) -> float | None:
    """Return the window in days; where no status carries it, from the moment it ends at."""
    for status in statuses:
        if status.window_days:
            return status.window_days
        cutoff = status.evidence.get("cutoff")
        if isinstance(cutoff, str):
            with contextlib.suppress(ValueError):
                return _age_days(datetime.fromisoformat(cutoff), now) or None
    return None


def _name(relation: RelationName) -> str:
    return one_line(relation.display(), _LABEL_CHARS)


def _age_days(oldest: datetime | None, now: datetime) -> float:
    return max((utc(now) - utc(oldest)).total_seconds() / 86_400, 0.0) if oldest is not None else 0.0


def _x(days_ago: float, full: float) -> float:
    return _round(100 * (1 - days_ago / full))


def _ago(days: float) -> str:
    if days < 0.5:
        return "today"
    if days >= 730:
        return f"{days / 365.25:.1f} years ago"
    return f"{days:.0f} days ago"


def _positive(value: float) -> bool:
    return math.isfinite(value) and value > 0


def _round(value: float) -> float:
    return round(value, 2)


def all_plots(report: Report) -> dict[str, Plot | None]:
    """Return every plot by name; None where there is nothing to draw."""
    return {
        "sizes": sizes_plot(report),
        "share": share_plot(report),
        "cost": cost_plot(report),
        "memory": memory_plot(report),
        "retention": retention_plot(report),
    }
