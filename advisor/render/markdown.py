"""The report as Markdown (GitHub's flavour) that also reads well as plain mail."""

from __future__ import annotations

import re
from collections.abc import Sequence

from advisor.model.report import IndexProposal, Report, RetentionStatus
from advisor.render.changes import change_blocks, hit_line, summary
from advisor.render.clean import is_exact, one_line, sentences, visible
from advisor.render.order import is_fine
from advisor.render.phrases import change, day, milliseconds, minute, number, percent, plural, size, times_less
from advisor.render.sqltext import is_sql, preview
from advisor.render.steps import Action, proposal_key, severity_of
from advisor.render.view import (
    QUERY_CHARS,
    WHY_CHARS,
    FindingGroup,
    View,
    cost_line,
    host_line,
    made_line,
    make_view,
    memory_line,
    ordered_proposals,
    top,
    top_statements,
    unplanned_texts,
    unusable_counts,
    workload_line,
)

# An underscore inside a word means nothing to GitHub; escaping it would spoil names in plain mail.
_SPECIAL = re.compile(r"([\\`*\[\]<>#|~$&]|(?<!\w)_|_(?!\w))")
_WIDTH = 88
_SQL_LINES, _OBJECTS = 40, 5
# A comment on GitHub may have 65,536 characters: these keep a full report well below it.
_INDEXES, _DROPS, _REJECTED, _SETTINGS, _TABLES, _GROUPS, _STATEMENTS, _GAPS = 10, 20, 10, 30, 15, 25, 10, 20
_LOST = 5
_TEXT_CHARS, _NAME_CHARS = 700, 200
_MARKS = {"critical": "🔴", "high": "🟠", "medium": "🟡", "low": "🔵", "info": "⚪"}


def render_markdown(report: Report) -> str:
    """Return the report as Markdown; nothing from the database can leave its place in it."""
    view = make_view(report)
    parts = [*_head(view), *_changes(report), *_first(view)]
    if "index" in view.sections:
        parts += _indexes(view)
    if "settings" in view.sections:
        parts += _settings(view)
    if "retention" in view.sections:
        parts += _retention(view)
    if "health" in view.sections:
        parts += _health(view)
    if "index" in view.sections:
        parts += _workload(view)
    parts += _gaps(view)
    parts.append(_footer(report))
    return "\n\n".join(parts) + "\n"


def escaped(text: str, limit: int = _TEXT_CHARS) -> str:
    """Return text that Markdown shows as it is: one line, nothing interpreted, nobody mentioned."""
    return _SPECIAL.sub(r"\\\1", one_line(text, limit)).replace("@", "@\u2060")


def code(text: str, limit: int = _NAME_CHARS) -> str:
    """Return text as inline code, fit for a table cell."""
    flat = one_line(text, limit).replace("|", "\\|")
    fence = "`" * (max((len(run) for run in re.findall("`+", flat)), default=0) + 1)
    pad = " " if flat.startswith("`") or flat.endswith("`") or not flat else ""
    return f"{fence}{pad}{flat}{pad}{fence}"


def sql_block(statements: Sequence[str], lines: int = _SQL_LINES) -> str:
    """Return a fenced block that nothing in the statements can close; whole statements, as many as fit in `lines`."""
    body, left_out = preview(statements, _WIDTH, "", lines)
    if not is_exact(body):
        body = "-- holds control characters: take this one from --format sql\n" + visible(body)
    if left_out:
        body += f"\n-- {plural(left_out, 'statement')} more: --format sql has all"
    fence = "`" * max(3, max((len(run) for run in re.findall("`+", body)), default=0) + 1)
    return f"{fence}sql\n{body.strip(chr(10))}\n{fence}"


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]], right: frozenset[int] = frozenset()) -> str:
    rule = ["---:" if place in right else "---" for place in range(len(titles))]
    return "\n".join("| " + " | ".join(row) + " |" for row in (titles, rule, *rows))


def _more(count: int, what: str) -> list[str]:
    return [f"_… and {count:,} {what}_"] if count else []


def _head(view: View) -> list[str]:
    report = view.report
    rows = [(label, escaped(text)) for label, text in view.header]
    return [
        f"# pgadvise: {escaped(report.database)}",
        _table(
            ("", ""), [*rows, ("made", f"{minute(report.generated_at)} by pgadvise {escaped(report.tool_version)}")]
        ),
        f"**{view.verdict}** " + " ".join(escaped(sentence) for sentence in view.sentences),
    ]


def _changes(report: Report) -> list[str]:
    if report.changes is None:
        return []
    parts = ["## What changed", escaped(summary(report.changes))]
    for block in change_blocks(report.changes):
        parts.append(f"### {block.title}")
        for line in block.lines:
            mark = f"{_MARKS[line.severity]} " if line.severity in _MARKS else ""
            item = f"- {mark}{escaped(line.text)}" + (f" ({line.severity})" if line.severity else "")
            # Blanks at the front would be lost: a plan's tree is drawn with a character that stays.
            details = (f"  {'· ' * ((len(d) - len(d.lstrip(' '))) // 2)}{escaped(d.strip())}" for d in line.details)
            parts.append("  \n".join((item, *details)))
            if line.sql:
                parts.append(sql_block(line.sql))
        parts += _more(block.more, "more")
    hits = hit_line(report.changes)
    return [*parts, escaped(hits)] if hits else parts


def _first(view: View) -> list[str]:
    if not view.first.rows:
        return []
    parts = ["## What to do first"]
    for place, action in enumerate(view.first.rows, 1):
        parts += _action(place, action)
    if view.then.rows:
        parts.append("Then, with reasons and SQL in the sections below (all as one script: `--format sql`):")
        parts.append(
            "\n".join(
                f"{place}. {_MARKS[action.severity.value]} {escaped(action.title, 300)} ({action.severity.value})"
                for place, action in enumerate(view.then.rows, len(view.first.rows) + 1)
            )
        )
    return parts + _more(view.then.more, "more")


def _action(place: int, action: Action) -> list[str]:
    mark = _MARKS[action.severity.value]
    parts = [f"### {place}. {mark} {escaped(action.title, 300)} ({action.severity.value})"]
    facts = [
        f"**{label}:** {escaped(text)}"
        for label, text in (("Why", sentences(action.why, WHY_CHARS)), ("Wins", action.win), ("Costs", action.costs))
        if text
    ]
    if action.confidence != "high":
        facts.append(f"**Confidence:** {escaped(action.confidence)}")
    parts.append("  \n".join(facts))
    if action.sql:
        parts.append(sql_block(action.sql))
    if action.undo_sql:
        parts.append(_folded("Undo", sql_block(action.undo_sql)))
    return parts


def _folded(title: str, body: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{body}\n\n</details>"


def _indexes(view: View) -> list[str]:
    advice = view.report.indexes
    if advice is None:
        return []
    parts = ["## Indexes"]
    if line := cost_line(view.report):
        parts.append(escaped(line))
    parts += [escaped(note) for note in advice.notes]
    proposals = top(ordered_proposals(view), _INDEXES)
    if proposals.rows:
        steps = {action.key: place for place, action in enumerate(view.first.rows, 1)}
        rows = [_proposal_row(p, steps.get(proposal_key(p))) for p in proposals.rows]
        parts.append("### To create")
        titles = ("step", "index", "on", "size", "statements", "workload cost", "confidence")
        parts.append(_table(titles, rows, frozenset({3, 4})))
        parts += _more(proposals.more, "more to create")
        for proposal in proposals.rows:
            parts.append(_folded(f"Proof: {_html(proposal.name)}", _proof(proposal)))
    drops = top(sorted(advice.drop, key=lambda d: (-d.size_bytes, str(d.index))), _DROPS)
    if drops.rows:
        parts.append("### To drop")
        rows = [
            (code(d.index.display()), escaped(d.kind), size(d.size_bytes), escaped(d.reason, 300)) for d in drops.rows
        ]
        parts.append(_table(("index", "kind", "size", "reason"), rows, frozenset({2})))
        parts += _more(drops.more, "more to drop")
        parts.append(sql_block([drop.ddl for drop in drops.rows], 3 * _DROPS))
        parts.append(_folded("Undo", sql_block([drop.undo_ddl for drop in drops.rows], 3 * _DROPS)))
    refused = top(advice.rejected, _REJECTED)
    if refused.rows:
        parts.append("### Considered and refused")
        parts.append("\n".join(f"- {code(r.ddl, 300)}: {escaped(r.reason, 300)}" for r in refused.rows))
        parts += _more(refused.more, "more refused")
    return parts if advice.create or advice.drop else [*parts, "Nothing to change."]


def _html(text: str) -> str:
    flat = one_line(text, _NAME_CHARS)
    for raw, safe in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("@", "@\u2060"), ("`", "&#96;"), ("*", "&#42;")):
        flat = flat.replace(raw, safe)
    return flat


def _proposal_row(proposal: IndexProposal, step: int | None) -> tuple[str, ...]:
    return (
        str(step) if step else "",
        code(proposal.name),
        code(proposal.table.display()),
        size(proposal.size_bytes),
        number(len(proposal.statements)),
        change(proposal.cost_before, proposal.cost_after),
        escaped(proposal.confidence),
    )


def _proof(proposal: IndexProposal) -> str:
    rows = [
        (
            code(effect.query, QUERY_CHARS),
            number(effect.calls),
            change(effect.cost_before, effect.cost_after),
            times_less(effect.cost_before, effect.cost_after),
        )
        for effect in (*proposal.statements[:5], *proposal.hurt[:3])
    ]
    facts = [escaped(proposal.reason)]
    if proposal.evidence:
        facts.append(f"Evidence: {escaped(proposal.evidence)}.")
    if proposal.replaces:
        facts.append(f"Makes redundant: {', '.join(code(name) for name in proposal.replaces[:5])}.")
    facts.append(f"Lock: {escaped(proposal.lock)}.")
    return "\n\n".join(
        (
            sql_block((proposal.ddl, *proposal.after_ddl)),
            " ".join(facts),
            _table(("statement", "calls", "cost per call", "change"), rows, frozenset({1})),
        )
    )


def _settings(view: View) -> list[str]:
    advice = view.report.settings
    if advice is None:
        return []
    parts = [
        "## Settings",
        f"Computed {escaped(host_line(view.report))}. {escaped(memory_line(view.report) or '')}".strip(),
    ]
    shown = top(advice.proposals, _SETTINGS)
    if shown.rows:
        rows = [
            (
                code(p.name),
                code(p.current),
                "**" + code(p.proposed) + "**",
                "restart" if p.restart else "reload",
                escaped(p.reason, 400),
            )
            for p in shown.rows
        ]
        parts.append(_table(("setting", "now", "proposed", "takes", "reason"), rows))
        parts += _more(shown.more, "more settings")
    else:
        parts.append("No setting needs a change." if not advice.refused else "No setting is proposed.")
    if advice.refused:
        parts.append("\n".join(f"- {code(name)}: nothing proposed, {escaped(why)}" for name, why in advice.refused))
    parts += [escaped(note) for note in advice.notes]
    steps = {action.key: place for place, action in enumerate(view.first.rows, 1)}
    for group in view.setting_groups[:_GROUPS]:
        parts += _group(group, steps)
    return parts


def _retention(view: View) -> list[str]:
    if not view.report.retention:
        return []
    shown = top(view.report.retention, _TABLES)
    rows = [_retention_row(status) for status in shown.rows]
    titles = ("table", "window", "oldest row", "rows past it", "bytes past it", "enforced by", "state")
    return ["## Retention", _table(titles, rows, frozenset({3, 4})), *_more(shown.more, "more tables")]


def _retention_row(status: RetentionStatus) -> tuple[str, ...]:
    state = f"{_MARKS[severity_of(status.severity).value]} {status.rule.rsplit('.', 1)[-1].replace('_', ' ')}"
    return (
        code(status.table.display()),
        escaped(status.policy, 200),
        day(status.oldest),
        "?" if status.expired_rows is None else number(status.expired_rows),
        size(status.expired_bytes),
        escaped(status.enforcement, 200),
        "🟢 ok" if is_fine(status) else escaped(state),
    )


def _health(view: View) -> list[str]:
    parts = ["## Health"]
    if view.report.passed:
        parts.append(f"{plural(len(view.report.passed), 'rule')} looked and found nothing.")
    elif not view.groups:
        parts.append("No rule could be judged.")
    shown = top(view.groups, _GROUPS)
    steps = {action.key: place for place, action in enumerate(view.first.rows, 1)}
    for group in shown.rows:
        parts += _group(group, steps)
    return parts + _more(shown.more, "more kinds of findings")


def _group(group: FindingGroup, steps: dict[str, int]) -> list[str]:
    first = group.findings[0]
    parts = [f"### {_MARKS[group.severity.value]} {escaped(first.title, 300)} ({group.severity.value})"]
    step = steps.get(first.key) or steps.get(group.rule)
    note = f" See step {step}." if step else ""
    parts.append(f"{escaped(first.detail)}{note} Rule {code(group.rule)}.")
    if step is None and first.remedy.sql:
        parts.append(sql_block(first.remedy.sql))
        if first.remedy.undo_sql:
            parts.append(_folded("Undo", sql_block(first.remedy.undo_sql)))
    others = top((finding.object for finding in group.findings[1:]), _OBJECTS)
    if others.rows:
        more = f" and {others.more:,} more" if others.more else ""
        parts.append("Also: " + ", ".join(code(name) for name in others.rows) + more)
    return parts


def _workload(view: View) -> list[str]:
    report = view.report
    if not report.workload and (report.indexes is None or not report.indexes.unusable):
        return []
    total = f", {milliseconds(report.total_exec_time)} of execution time" if report.total_exec_time else ""
    parts = ["## Workload", f"{workload_line(report)}{total}."]
    shown = top_statements(report, _STATEMENTS)
    rows = [
        (
            code(row.query, QUERY_CHARS),
            percent(row.share),
            milliseconds(row.mean_exec_time),
            number(row.calls),
            change(row.cost_before, row.cost_after),
        )
        for row in shown.rows
    ]
    if rows:
        parts.append(_table(("statement", "share", "mean", "calls", "planned cost"), rows, frozenset({1, 2, 3})))
    parts += _more(shown.more, "more statements")
    counts = unusable_counts(report)
    if counts:
        parts.append("Not planned: " + ", ".join(f"{escaped(c, 60)} {n:,}" for c, n, _ in counts[:10]) + ".")
    lost = top(unplanned_texts(report), _LOST)
    if lost.rows:
        parts.append(
            "\n".join(
                f"- {escaped(reason, 200)}: {f'{texts:,} texts, ' if texts > 1 else ''}{plural(calls, 'call')}"
                f"{f', {code(example, QUERY_CHARS)}' if example else ''}"
                for reason, texts, calls, example in lost.rows
            )
        )
    return parts + _more(lost.more, "more reasons")


def _gaps(view: View) -> list[str]:
    report = view.report
    if not report.gaps and not report.skipped:
        return []
    parts = ["## Gaps", "What this report could not see:"]
    gaps = top(report.gaps, _GAPS)
    for gap in gaps.rows:
        lost = f" Missing because of it: {escaped(gap.costs)}." if gap.costs else ""
        fix = "" if not gap.fix or is_sql(gap.fix) else f" {escaped(gap.fix)}"
        parts.append(f"- **{escaped(gap.what, 200)}**: {escaped(gap.why, 300)}.{lost}{fix}")
        if gap.fix and is_sql(gap.fix):
            parts.append("\n".join("  " + line for line in sql_block((gap.fix,)).split("\n")))
    parts += _more(gaps.more, "more gaps")
    skipped = top(report.skipped, _GAPS)
    if skipped.rows:
        parts.append("\n".join(f"- skipped {code(s.rule)}: {escaped(s.why, 300)}" for s in skipped.rows))
    return parts + _more(skipped.more, "more rules skipped")


def _footer(report: Report) -> str:
    return f"---\n\n_{escaped(made_line(report))}_"
