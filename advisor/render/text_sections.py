"""The sections of the text report, each from one part of it; each stays silent where it has nothing."""

from __future__ import annotations

from rich.text import Text

from advisor.model.finding import Severity
from advisor.model.names import RelationName
from advisor.model.report import IndexProposal, RetentionStatus, StatementEffect
from advisor.render.clean import one_line, sentences
from advisor.render.order import asks, is_fine
from advisor.render.page import Page
from advisor.render.phrases import (
    change,
    day,
    milliseconds,
    number,
    percent,
    plural,
    size,
    times_less,
)
from advisor.render.sqltext import block, commented, is_sql
from advisor.render.steps import proposal_key, severity_of
from advisor.render.view import (
    QUERY_CHARS,
    WHY_CHARS,
    FindingGroup,
    View,
    common_evidence,
    cost_line,
    host_line,
    memory_line,
    no_proposal,
    ordered_proposals,
    top,
    top_statements,
    unplanned_texts,
    unusable_counts,
    workload_line,
)

SEVERITY_STYLES = {
    Severity.CRITICAL: "bold red",
    Severity.HIGH: "red",
    Severity.MEDIUM: "yellow",
    Severity.LOW: "blue",
    Severity.INFO: "dim",
}
_NOT_LOOKED = "not looked for"  # what retention says of a fact that it did not try to learn
_NEVER = 10_000  # columns: a comment must stay on its line
_BRIEF = 260  # characters of a detail that other formats tell in full
_INDEXES, _EFFECTS, _DROPS, _REJECTED, _SETTINGS, _TABLES = 15, 3, 20, 10, 40, 20
_GROUPS, _OBJECTS, _STATEMENTS, _GAPS, _SKIPPED, _LOST = 40, 5, 10, 20, 10, 5


def _more(page: Page, count: int, what: str = "more") -> None:
    if count:
        page.prose(f"and {count:,} {what}", 2, "dim")


def indexes(page: Page, view: View) -> None:
    """Proposals with their statements, drops, and in short what was refused."""
    advice = view.report.indexes
    if advice is None:
        return
    found = f"{len(advice.create)} to create, {len(advice.drop)} to drop"
    page.heading("Indexes", found if advice.create or advice.drop else no_proposal(advice))
    if line := cost_line(view.report):
        page.prose(line)
    for note in advice.notes:
        page.prose(note, style="dim")
    evidence = common_evidence(view.report)
    if evidence:
        page.prose(f"Evidence, where nothing else is said: {evidence}.", style="dim")
    steps = {action.key: place for place, action in enumerate(view.first.rows, 1)}
    shown = top(ordered_proposals(view), _INDEXES)
    for proposal in shown.rows:
        page.blank()
        _proposal(page, proposal, steps.get(proposal_key(proposal)), evidence)
    _more(page, shown.more, "more to create: see --format sql")
    _drops(page, view)
    if advice.rejected:
        page.blank()
        page.rich(Text("Considered and refused", style="bold"))
        refused = top(advice.rejected, _REJECTED)
        for rejection in refused.rows:
            page.prose(one_line(rejection.ddl, 300), 2, hang=4)
            page.prose(rejection.reason, 4, "dim")
        _more(page, refused.more, "more refused")


def _proposal(page: Page, proposal: IndexProposal, step: int | None, evidence: str) -> None:
    title = Text().append("+ ", style="green")
    title.append(one_line(proposal.name), style="bold")
    title.append(f" on {one_line(proposal.table.display())}, {size(proposal.size_bytes)}")
    title.append(f", {proposal.confidence} confidence", style="dim")
    page.rich(title, 0, 2)
    if step is None:
        page.prose(proposal.reason, 2)
        page.sql((proposal.ddl, *proposal.after_ddl, commented(f"undo: {block([proposal.undo_ddl], _NEVER)}")), 4)
    else:
        _see(page, step, proposal.reason, 2)
    if proposal.evidence and proposal.evidence != evidence:
        page.prose(f"Evidence: {proposal.evidence}", 2)
    if proposal.replaces:
        page.prose(f"Makes redundant: {', '.join(proposal.replaces)}", 2)
    effects = top(proposal.statements, _EFFECTS)
    for effect in effects.rows:
        _effect(page, effect, "green")
    if effects.more:
        page.prose(f"and {effects.more:,} more statements", 4, "dim")
    for effect in proposal.hurt[:_EFFECTS]:
        _effect(page, effect, "red")


def _effect(page: Page, effect: StatementEffect, style: str) -> None:
    numbers = f"{change(effect.cost_before, effect.cost_after)} ({times_less(effect.cost_before, effect.cost_after)})"
    line = Text().append(f"{numbers}", style=style)
    line.append(f", {plural(effect.calls, 'call')}", style="dim")
    page.rich(line, 4)
    page.row([(one_line(effect.query, QUERY_CHARS), 0, "")], 6)


def _see(page: Page, step: int, reason: str, indent: int) -> None:
    """Point to the step; its reason is repeated only where the step had to cut it."""
    if len(reason) > WHY_CHARS:
        page.prose(reason, indent)
    page.prose(f"See step {step} above.", indent, "dim")


def _drops(page: Page, view: View) -> None:
    advice = view.report.indexes
    if advice is None or not advice.drop:
        return
    in_steps = {statement for action in view.first.rows for statement in action.sql}
    shown = top(sorted(advice.drop, key=lambda d: (-d.size_bytes, str(d.index))), _DROPS)
    for drop in shown.rows:
        page.blank()
        title = Text().append("- ", style="red")
        title.append(one_line(drop.index.display()), style="bold")
        title.append(f" on {one_line(drop.table.display())}, {size(drop.size_bytes)}: {one_line(drop.kind)}")
        title.append(f", {drop.confidence} confidence", style="dim")
        page.rich(title, 0, 2)
        page.prose(drop.reason, 2)
        if drop.checked and not drop.hurt:
            page.prose(f"{plural(drop.checked, 'statement')} planned without it: none gets dearer.", 2, "dim")
        for effect in drop.hurt[:_EFFECTS]:
            _effect(page, effect, "red")
        if drop.ddl not in in_steps:
            page.sql((drop.ddl,), 4)
            page.rich(Text("undo", style="dim"), 2)
            page.sql((drop.undo_ddl,), 4)
    _more(page, shown.more, "more to drop: see --format sql")


def settings(page: Page, view: View) -> None:
    """Current and proposed values, the reason, and the memory they add up to."""
    advice = view.report.settings
    if advice is None:
        return
    page.heading("Settings", host_line(view.report))
    memory = memory_line(view.report)
    if memory:
        page.prose(memory)
    if not advice.proposals:
        page.prose("No setting needs a change." if not advice.refused else "No setting is proposed.")
    shown = top(advice.proposals, _SETTINGS)
    for proposal in shown.rows:
        title = Text().append(one_line(proposal.name), style="bold")
        title.append(f"  {one_line(proposal.current)} → ")
        title.append(one_line(proposal.proposed), style="green")
        if proposal.restart:
            title.append("  restart", style="yellow")
        page.rich(title, 2, 4)
        page.prose(proposal.reason, 6)
    _more(page, shown.more, "more settings")
    for name, why in advice.refused:
        line = Text().append(one_line(name), style="bold")
        line.append(f"  nothing proposed: {one_line(why)}", style="dim")
        page.rich(line, 2, 6)
    for note in advice.notes:
        page.prose(note, 2, "dim")
    steps = {action.key: place for place, action in enumerate(view.first.rows, 1)}
    for group in view.setting_groups[:_GROUPS]:
        _group(page, group, steps)


def retention(page: Page, view: View) -> None:
    """Each table against its window; what several rules say of one table stands together."""
    tables: dict[RelationName, list[RetentionStatus]] = {}
    for status in view.report.retention:
        tables.setdefault(status.table, []).append(status)
    if not tables:
        return
    late = sum(any(asks(status) for status in statuses) for statuses in tables.values())
    page.heading("Retention", f"{late} to look at" if late else "all tables within their windows")
    shown = top(tables.values(), _TABLES)
    for statuses in shown.rows:
        _table_retention(page, statuses, view)
    _more(page, shown.more, "more tables")


def _table_retention(page: Page, statuses: list[RetentionStatus], view: View) -> None:
    first = statuses[0]
    title = Text().append(one_line(first.table.display()), style="bold")
    title.append(f"  {one_line(first.policy)}")
    worst = min((severity_of(s.severity) for s in statuses if not is_fine(s)), key=lambda s: s.rank, default=None)
    if worst is None:
        title.append("  ok", style="green")
    else:
        title.append(f"  {worst.value}", style=SEVERITY_STYLES[worst])
    page.rich(title, 2, 4)
    facts = [f"oldest row {day(first.oldest)} ({first.oldest_source})"] if first.oldest_source != _NOT_LOOKED else []
    if first.expired_rows is not None:
        facts.append(f"{plural(first.expired_rows, 'row')} past the window ({size(first.expired_bytes)})")
    if facts:
        page.prose("; ".join(facts), 6)
    if first.enforcement and first.enforcement != _NOT_LOOKED:
        page.prose(f"Enforced by: {sentences(first.enforcement, _BRIEF)}", 6)
    if worst is None:
        return
    step = next((n for n, a in enumerate(view.first.rows, 1) if a.object == str(first.table) and a.sql), None)
    for status in statuses:
        # The step above tells the main thing in full; the rest is named here, and in full in HTML and JSON.
        if step is None or status.rule != "ret.overdue":
            name = one_line(status.rule.rsplit(".", 1)[-1].replace("_", " "))
            page.prose(f"- {name}: {sentences(status.detail, _BRIEF)}", 6, hang=8)
    if step is not None:
        page.prose(f"SQL: step {step} above.", 6, "dim")
        return
    page.sql(tuple(dict.fromkeys(sql for status in statuses for sql in status.sql)), 8)


def health(page: Page, view: View) -> None:
    """Findings by severity, those of one rule together."""
    found = [group.severity for group in view.groups for _ in group.findings]
    counts = [f"{n} {s.value}" for s in Severity if (n := found.count(s))]
    if view.report.passed:
        counts.append(f"{plural(len(view.report.passed), 'rule')} found nothing")
    page.heading("Health", ", ".join(counts))
    if not view.groups:
        page.prose("Nothing found." if view.report.passed else "No rule could be judged.")
    steps = {action.key: place for place, action in enumerate(view.first.rows, 1)}
    shown = top(view.groups, _GROUPS)
    for group in shown.rows:
        _group(page, group, steps)
    _more(page, shown.more, "more kinds of findings")


def _group(page: Page, group: FindingGroup, steps: dict[str, int]) -> None:
    first = group.findings[0]
    title = Text().append(f"{group.severity.value:<9}", style=SEVERITY_STYLES[group.severity])
    title.append(one_line(first.title), style="bold")
    title.append(f"  {one_line(group.rule)}", style="dim")
    page.rich(title, 0, 9)
    step = steps.get(first.key) or steps.get(group.rule)
    if step is not None:
        _see(page, step, first.detail, 9)
    else:
        page.prose(one_line(first.detail, 600), 9)
        page.sql(first.remedy.sql, 9)
        if first.remedy.undo_sql:
            page.rich(Text("undo", style="dim"), 9)
            page.sql(first.remedy.undo_sql, 9)
    others = top((f.object for f in group.findings[1:]), _OBJECTS)
    if others.rows:
        names = ", ".join(one_line(name, 80) for name in others.rows)
        more = f" and {others.more:,} more" if others.more else ""
        page.prose(f"also: {names}{more}", 9)


def workload(page: Page, view: View) -> None:
    """The statements that take the time."""
    report = view.report
    if not report.workload and (report.indexes is None or not report.indexes.unusable):
        return
    total = f"{milliseconds(report.total_exec_time)} of execution time" if report.total_exec_time else ""
    page.heading("Workload", ", ".join(part for part in (workload_line(report), total) if part))
    if report.workload:
        page.row(
            [("share", -6, "dim"), ("mean", -9, "dim"), ("calls", -13, "dim"), ("planned cost per call", 0, "dim")]
        )
    shown = top_statements(report, _STATEMENTS)
    for row in shown.rows:
        planned = change(row.cost_before, row.cost_after)
        better = row.cost_before is not None and row.cost_after is not None and row.cost_after < row.cost_before
        page.row(
            [
                (percent(row.share), -6, "bold"),
                (milliseconds(row.mean_exec_time), -9, ""),
                (number(row.calls), -13, ""),
                (planned, 0, "green" if better else ""),
            ]
        )
        page.row([(one_line(row.query, QUERY_CHARS), 0, "dim")], 4)
        for note in row.notes[:2]:
            page.row([(f"note: {note}", 0, "yellow")], 4)
    _more(page, shown.more, "more statements")
    counts = unusable_counts(report)
    if counts:
        listed = ", ".join(f"{category} {number_of:,}" for category, number_of, _ in counts)
        page.prose(f"Not planned: {listed}.", style="dim")
    lost = top(unplanned_texts(report), _LOST)
    for reason, number_of, calls, example in lost.rows:
        texts = f"{plural(number_of, 'text')}, " if number_of > 1 else ""
        page.prose(f"{one_line(reason, 200)}: {texts}{plural(calls, 'call')}", 2, hang=4)
        if example:
            page.row([(one_line(example, QUERY_CHARS), 0, "dim")], 4)
    _more(page, lost.more, "more reasons")


def gaps(page: Page, view: View) -> None:
    """What could not be seen, and what would help."""
    report = view.report
    if not report.gaps and not report.skipped:
        return
    page.heading("Gaps", "what this report could not see")
    shown = top(report.gaps, _GAPS)
    for gap in shown.rows:
        title = Text().append(one_line(gap.what, 120), style="bold")
        title.append(f": {one_line(gap.why, 300)}")
        page.rich(title, 2, 4)
        if gap.costs:
            page.prose(f"Missing because of it: {gap.costs}", 4)
        if gap.fix:
            page.sql((gap.fix,), 6) if is_sql(gap.fix) else page.prose(gap.fix, 4)
    _more(page, shown.more, "more gaps")
    skipped = top(report.skipped, _SKIPPED)
    for rule in skipped.rows:
        line = Text().append(f"skipped {one_line(rule.rule)}: ", style="dim")
        line.append(one_line(rule.why, 300), style="dim")
        page.rich(line, 2, 4)
    _more(page, skipped.more, "more rules skipped")
