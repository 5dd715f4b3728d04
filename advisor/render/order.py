"""What to do first: everything a report asks for, as one list in one order that every format shares.

The order is: severity; within it, what the step wins as a share of the whole (execution time, planned cost or bytes);
then subject and key, so that two runs over the same report agree to the letter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from advisor.model.finding import Confidence, Finding, Severity
from advisor.model.names import quote_ident
from advisor.model.report import IndexAdvice, IndexDrop, IndexProposal, Report, RetentionStatus
from advisor.render.phrases import plural, size
from advisor.render.steps import (
    BY_NEW_ONES,
    DROP_WORDS,
    SETTING_CHANGE,
    Action,
    drop_step,
    finding_step,
    proposal_step,
    retention_step,
    setting_step,
    severity_of,
    time_shares,
)

_MEMORY = "settings/memory_overcommit"
_SUBJECT_ORDER = ("health", "workload", "index", "settings", "retention")
# A grouped step names this many of its members; the sections below list them all.
_NAMED = 5
_KEY_ORDER = re.compile(r"\s+(asc|desc|nulls\s+(first|last))\b.*$", re.IGNORECASE)


def items(report: Report) -> tuple[Action, ...]:
    """Return every single thing the report asks for, worst and most rewarding first, none twice."""
    advice = report.indexes or IndexAdvice()
    shares = time_shares(report)
    created = [(p, proposal_step(report, shares, p)) for p in advice.create]
    # What the finding about the memory asks for is one step, not two.
    memory = {line for f in all_findings(report) if f.rule == _MEMORY for line in f.remedy.sql}
    found = [
        *(step for _, step in created),
        *(_after(_first_built(created, d), drop_step(report, d)) for d in advice.drop),
        *(
            setting_step(s)
            for s in (report.settings.proposals if report.settings else ())
            if not memory.issuperset(s.apply_sql)
        ),
        *(retention_step(report, r) for r in report.retention if not is_fine(r)),
        *(finding_step(f) for f in all_findings(report) if not is_covered(report, f)),
    ]
    return tuple(sorted(_once(found), key=_rank))


def actions(report: Report) -> tuple[Action, ...]:
    """Return the steps for a person: like `items`, with those of one kind grouped into one step."""
    groups: dict[str, list[Action]] = {}
    for item in items(report):
        groups.setdefault(_group(item), []).append(item)
    return tuple(sorted((_merged(members) for members in groups.values()), key=_rank))


def all_findings(report: Report) -> tuple[Finding, ...]:
    """Return the findings of all parts, each key once, worst first."""
    merged = {f.key: f for f in (*report.findings, *(report.settings.findings if report.settings else ()))}
    return tuple(sorted(merged.values(), key=lambda f: (f.severity.rank, f.rule, f.object)))


def is_covered(report: Report, finding: Finding) -> bool:
    """True for a foreign key that a proposed index serves as well: its columns come first in the index, in any order.

    Both are right by themselves; to build two indexes where one does would be bad advice.
    """
    if not finding.rule.endswith("foreign_key_without_index") or report.indexes is None:
        return False
    columns = {quote_ident(str(column)) for column in finding.evidence.get("columns", ())}
    return bool(columns) and any(
        str(proposal.table) == finding.evidence.get("table")
        and proposal.method == "btree"
        and " WHERE " not in proposal.ddl.upper()
        and columns == {_KEY_ORDER.sub("", key) for key in proposal.columns[: len(columns)]}
        for proposal in report.indexes.create
    )


def is_fine(status: RetentionStatus) -> bool:
    """True for a table that is within its window."""
    return status.rule == "ret.ok"


def asks(status: RetentionStatus) -> bool:
    """True where a retention status asks for something; a table within its window and mere information do not."""
    return not is_fine(status) and severity_of(status.severity) is not Severity.INFO


def worst(report: Report) -> Severity | None:
    """Return the severity of the worst thing said, None when there is nothing."""
    return min((item.severity for item in items(report)), key=lambda s: s.rank, default=None)


def _first_built(created: Sequence[tuple[IndexProposal, Action]], drop: IndexDrop) -> list[Action]:
    """Return the steps of the new indexes that make an index superfluous: those that name it, else all of its table."""
    named = [step for proposal, step in created if str(drop.index) in proposal.replaces]
    return named or [step for proposal, step in created if proposal.table == drop.table]


def _after(creations: Sequence[Action], drop: Action) -> Action:
    """Return the drop as no more urgent than the indexes that make it possible: it must come after them."""
    if not creations or drop.rule not in BY_NEW_ONES:
        return drop
    severity = max((drop, *creations), key=lambda step: step.severity.rank).severity
    return replace(drop, severity=severity, share=min(step.share for step in (drop, *creations)))


def _rank(action: Action) -> tuple[int, float, int, str]:
    subject = _SUBJECT_ORDER.index(action.subject) if action.subject in _SUBJECT_ORDER else len(_SUBJECT_ORDER)
    return action.severity.rank, -action.share, subject, action.key


def _once(found: Sequence[Action]) -> list[Action]:
    """Leave out what says the same as an earlier one: the same statements to run, or the same index to drop.

    The index search and a health rule may both find an unused index; the search has checked more, and comes first.
    """
    kept: list[Action] = []
    statements: dict[str, int] = {}
    keys: set[str] = set()
    dropped = {item.object for item in found if item.rule.startswith("index/drop_")}
    for item in found:
        body = " ".join(" ".join(item.sql).lower().replace(";", " ").split())
        same_drop = item.object in dropped and not item.rule.startswith("index/drop_") and body.startswith("drop index")
        # What says the same with more weight stays.
        said = body in statements and statements[body] <= item.severity.rank
        if item.key in keys or (body and said) or same_drop:
            continue
        keys.add(item.key)
        statements[body] = item.severity.rank
        kept.append(item)
    return kept


def _group(item: Action) -> str:
    if item.rule == "index/create" or item.rule in BY_NEW_ONES:  # each in its own place
        return item.key
    if item.rule == SETTING_CHANGE:
        return SETTING_CHANGE
    if item.rule.startswith("ret."):
        return f"retention:{item.object}"
    return item.rule


def _merged(members: list[Action]) -> Action:
    first = members[0]
    if len(members) == 1:
        return first
    merge = next((make for test, make in _MERGERS if test(first)), _merge_rule)
    confidence = min((m.confidence for m in members), key=lambda c: -list(Confidence).index(_confidence(c)))
    # What is overdue goes first: the index that finds old rows, the purge, then the job that repeats it.
    members.sort(key=lambda member: member.rule != "ret.overdue")
    # Rules about one table name the same rows; others add up.
    total = max if first.rule.startswith("ret.") else sum
    return replace(
        merge(members),
        severity=first.severity,
        confidence=confidence,
        sql=_each_once(statement for member in members for statement in member.sql),
        undo_sql=_each_once(statement for member in members for statement in member.undo_sql),
        share=min(total(member.share for member in members), 1.0),
        size_bytes=total(member.size_bytes for member in members),
        members=tuple(members),
    )


def _confidence(text: str) -> Confidence:
    return next((c for c in Confidence if c.value == text), Confidence.MEDIUM)


def _each_once(statements: Iterable[str]) -> tuple[str, ...]:
    """Return the statements without repeats; one `select pg_reload_conf()` stands after all that need it."""
    once = list(dict.fromkeys(statements))
    return tuple(sorted(once, key=lambda statement: "pg_reload_conf" in statement))


def _merge_settings(members: list[Action]) -> Action:
    restarts = sum(member.costs == "needs a restart" for member in members)
    changes = ", ".join(member.title.removeprefix("Set ").replace(": ", " ", 1) for member in members)
    if not restarts:
        costs = "a reload, no restart"
    elif restarts == len(members):
        costs = "one restart"
    else:
        costs = f"one restart for {restarts} of them, a reload for the others"
    return replace(
        members[0],
        key=SETTING_CHANGE,
        object="server",
        title=f"Change {plural(len(members), 'setting')}",
        why=f"{changes}. The reasons are in the section on settings.",
        costs=costs,
    )


def _bare(sentence: str) -> str:
    return sentence.strip().rstrip(".")


def _listed(parts: Sequence[str]) -> str:
    more = f"; and {len(parts) - _NAMED} more" if len(parts) > _NAMED else ""
    return "; ".join(parts[:_NAMED]) + more


def _merge_drops(members: list[Action]) -> Action:
    kind = members[0].rule.removeprefix("index/drop_")
    words = DROP_WORDS.get(kind, (kind, f"{kind} indexes"))[1]
    reasons: dict[str, list[str]] = {}
    for member in members[: _NAMED * 2]:
        reasons.setdefault(member.why, []).append(member.object)
    freed = size(sum(member.size_bytes for member in members))
    return replace(
        members[0],
        key=members[0].rule,
        object="server",
        title=f"Drop {len(members)} {words}",
        why=_listed([f"{', '.join(names)}: {_bare(why)}" for why, names in reasons.items()]),
        win=f"frees {freed} and the upkeep of {len(members)} indexes",
    )


def _merge_retention(members: list[Action]) -> Action:
    first = members[0]
    window = first.why.split(". ", 1)[0] + ". "
    details = [first.why, *(m.why.removeprefix(window) for m in members if m is not first)]
    win = next((m.win for m in (first, *members) if m.win), "")
    costs = next((m.costs for m in members if m.costs), "")
    return replace(first, why=" ".join(dict.fromkeys(details)), win=win, costs=costs)


def _merge_rule(members: list[Action]) -> Action:
    first = members[0]
    others = len(members) - 1
    return replace(first, key=first.rule, title=f"{first.title} (and {plural(others, 'more', 'more')} like it)")


_MERGERS: tuple[tuple[Callable[[Action], bool], Callable[[list[Action]], Action]], ...] = (
    (lambda a: a.rule == SETTING_CHANGE, _merge_settings),
    (lambda a: a.rule.startswith("index/drop_"), _merge_drops),
    (lambda a: a.rule.startswith("ret."), _merge_retention),
)
