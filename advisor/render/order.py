"""What to do first: everything a report asks for, as one list in one order that every format shares.

The order is: severity; within it, what the step wins as a share of the whole (execution time, planned cost or bytes);
then subject and key, so that two runs over the same report agree to the letter.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from advisor.model.finding import Confidence, Finding, Severity
from advisor.model.report import (
    IndexAdvice,
    IndexDrop,
    IndexProposal,
    Report,
    RetentionStatus,
    SettingProposal,
    StatementEffect,
)
from advisor.render.phrases import number, percent, plural, size, times_less

_SUBJECT_ORDER = ("health", "workload", "index", "settings", "retention")
# A new index is as urgent as the share of the workload it takes away.
_INDEX_SEVERITY = ((0.20, Severity.HIGH), (0.03, Severity.MEDIUM))
# An index that only takes space is worth a look from this share of the database on.
_DROP_MEDIUM_SHARE = 0.02
_DROP_WORDS = {
    "duplicate": ("duplicate of another index", "duplicate indexes"),
    "redundant": ("covered by another index", "indexes that others cover"),
    "invalid": ("invalid: takes writes, serves nothing", "invalid indexes"),
    "unused": ("not used", "unused indexes"),
}
_CHANGE = "settings/change"
# A grouped step names this many of its members; the sections below list them all.
_NAMED = 5
# What no undo brings back, said where it cannot be overlooked.
_REMOVES = re.compile(r"\b(delete\s+from|drop\s+table|truncate)\b", re.IGNORECASE)
_FOR_EVER = "removed rows do not come back: take a backup and look at some of them first"
# What a retention rule means when it is the title of a step.
_RETENTION_TITLES = {
    "ret.delete_forbidden": "Rows of {table} are removed, though they must stay for ever",
    "ret.enforcement_behind": "What removes old rows of {table} does not keep up",
    "ret.job_failing": "The job that removes old rows of {table} fails",
    "ret.job_inactive": "The job that removes old rows of {table} is switched off",
    "ret.job_late": "The job that removes old rows of {table} is late",
    "ret.job_mismatch": "The job that removes old rows of {table} has another window than the policy",
    "ret.job_unsafe": "The job that removes old rows of {table} is a burden",
    "ret.orphan_partitions": "Detached partitions of {table} still hold old rows",
    "ret.overdue": "{table} keeps rows past its window",
    "ret.table_missing": "The policy names {table}, which is not there",
    "ret.tier_missing": "{table} has no coarser copy to keep before its rows go",
    "ret.time_column_ambiguous": "{table} has several columns that could tell a row's age",
    "ret.time_column_unknown": "Nothing tells how old a row of {table} is",
    "ret.tz_naive": "{table} keeps its times without a time zone",
    "ret.unknown": "Unknown how old the oldest row of {table} is",
    "ret.no_enforcement": "Nothing deletes old rows of {table}",
    "ret.no_time_index": "{table} has no index to find old rows by",
    "ret.enforcement_unknown": "Unknown whether anything deletes old rows of {table}",
    "ret.undeclared": "{table} holds personal data without a retention window",
    "ret.fk_cascade": "Deleting from {table} cascades to other tables",
    "ret.null_time": "{table} has rows without a time: no window ever reaches them",
    "ret.future_time": "{table} has rows dated in the future",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One step a person can take. `members` holds the steps that were grouped into it."""

    key: str  # stable from run to run
    rule: str
    subject: str  # health workload index settings retention
    severity: Severity
    confidence: str
    object: str
    title: str  # what
    why: str  # why, with numbers
    win: str = ""  # what it wins, short: "62 % of the execution time: 149× less"
    costs: str = ""  # locks, disk, restart
    sql: tuple[str, ...] = ()
    undo_sql: tuple[str, ...] = ()
    share: float = 0.0  # of the whole that it wins, 0..1
    size_bytes: int = 0  # disk it takes (new index) or frees (drop, expired rows)
    members: tuple[Action, ...] = ()


def items(report: Report) -> tuple[Action, ...]:
    """Return every single thing the report asks for, worst and most rewarding first, none twice."""
    advice = report.indexes or IndexAdvice()
    shares = time_shares(report)
    found = [
        *(_proposal(shares, advice, p) for p in advice.create),
        *(_drop(report, d) for d in advice.drop),
        *(_setting(s) for s in (report.settings.proposals if report.settings else ())),
        *(_retention(report, r) for r in report.retention if not is_fine(r)),
        *(_finding(f) for f in all_findings(report)),
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


def is_fine(status: RetentionStatus) -> bool:
    """True for a table that is within its window."""
    return status.rule == "ret.ok"


def asks(status: RetentionStatus) -> bool:
    """True where a retention status asks for something; a table within its window and mere information do not."""
    return not is_fine(status) and severity_of(status.severity) is not Severity.INFO


def worst(report: Report) -> Severity | None:
    """Return the severity of the worst thing said, None when there is nothing."""
    return min((item.severity for item in items(report)), key=lambda s: s.rank, default=None)


def time_shares(report: Report) -> dict[str, float]:
    """Return the share of the window's execution time (0..1) by fingerprint; empty where it is not known."""
    shares: dict[str, float] = {}
    for row in report.workload:
        if row.share is not None:
            shares[row.fingerprint] = shares.get(row.fingerprint, 0.0) + row.share
    return shares


def gain(shares: Mapping[str, float], effects: Iterable[StatementEffect]) -> float | None:
    """Return the share of the execution time (0..1) that effects save if time follows the planned cost.

    None where the execution times are not known.
    """
    if not shares:
        return None
    saved = 0.0
    for effect in effects:
        if effect.cost_before > 0 and math.isfinite(effect.cost_before) and math.isfinite(effect.cost_after):
            saved += shares.get(effect.fingerprint, 0.0) * (1 - effect.cost_after / effect.cost_before)
    return min(max(saved, 0.0), 1.0)


def touched_share(shares: Mapping[str, float], effects: Iterable[StatementEffect]) -> float | None:
    """Return the share of the execution time spent in the statements of `effects`, None when unknown."""
    if not shares:
        return None
    return min(sum(shares.get(fingerprint, 0.0) for fingerprint in {e.fingerprint for e in effects}), 1.0)


def severity_of(text: str) -> Severity:
    """Return the severity named `text`; medium for a name that is none."""
    return next((s for s in Severity if s.value == text), Severity.MEDIUM)


def _proposal(shares: Mapping[str, float], advice: IndexAdvice, proposal: IndexProposal) -> Action:
    saved_cost = _saved(proposal.cost_before, proposal.cost_after)
    time_share = gain(shares, proposal.statements)
    share = time_share if time_share is not None else min(_part(saved_cost, advice.cost_before), 1.0)
    severity = next((s for limit, s in _INDEX_SEVERITY if share >= limit), Severity.LOW)
    touched = touched_share(shares, proposal.statements)
    helped = plural(len(proposal.statements), "statement")
    spent = f" with {percent(touched)} of the execution time" if touched else ""
    before = sum(e.cost_before * e.calls for e in proposal.statements)
    after = sum(e.cost_after * e.calls for e in proposal.statements)
    less = f": planned cost {times_less(before, after)}" if _saved(before, after) > 0 else ""
    partial = ", partial" if " WHERE " in proposal.ddl.upper() else ""
    method = "" if proposal.method == "btree" else f" {proposal.method}"
    costs = [f"{size(proposal.size_bytes)} of disk"]
    if proposal.build_class:
        costs.append(f"build: {proposal.build_class}")
    costs.append(proposal.lock.split(": ", 1)[-1])  # the lock's name stands in the section below
    if proposal.write_cost > 0 and saved_cost > 0:
        costs.append(f"writes pay {percent(proposal.write_cost / saved_cost)} of what it saves")
    if proposal.hurt:
        costs.append(f"{plural(len(proposal.hurt), 'statement gets', 'statements get')} dearer")
    return Action(
        key=proposal_key(proposal),
        rule="index/create",
        subject="index",
        severity=severity,
        confidence=proposal.confidence,
        object=str(proposal.table),
        title=f"Create{method} index on {proposal.table.display()} ({', '.join(proposal.columns)}){partial}",
        why=proposal.reason,
        win=f"helps {helped}{spent}{less}",
        costs="; ".join(costs),
        sql=(proposal.ddl, *proposal.after_ddl),
        undo_sql=(proposal.undo_ddl,),
        share=share,
        size_bytes=proposal.size_bytes,
    )


def proposal_key(proposal: IndexProposal) -> str:
    """Return the key of a proposal's step."""
    return f"index/create:{proposal.table}:{proposal.name}"


def _saved(before: float, after: float) -> float:
    """Return what is saved; 0 where a cost is not a number, which a report must survive."""
    return max(before - after, 0.0) if math.isfinite(before) and math.isfinite(after) else 0.0


def _part(part: float, whole: float) -> float:
    return part / whole if whole > 0 and math.isfinite(whole) else 0.0


def _drop(report: Report, drop: IndexDrop) -> Action:
    share = min(drop.size_bytes / report.database_size_bytes, 1.0) if report.database_size_bytes else 0.0
    urgent = drop.kind == "invalid" or share >= _DROP_MEDIUM_SHARE
    words = _DROP_WORDS.get(drop.kind, (drop.kind, f"{drop.kind} indexes"))[0]
    checked = f"; {plural(drop.checked, 'statement')} planned without it" if drop.checked else ""
    worse = f", {len(drop.hurt)} of them get dearer" if drop.hurt else ", none gets dearer" if drop.checked else ""
    return Action(
        key=f"index/drop_{drop.kind}:{drop.index}",
        rule=f"index/drop_{drop.kind}",
        subject="index",
        severity=Severity.MEDIUM if urgent else Severity.LOW,
        confidence=drop.confidence,
        object=str(drop.index),
        title=f"Drop index {drop.index.display()} on {drop.table.display()}: {words}",
        why=drop.reason,
        win=f"frees {size(drop.size_bytes)} and its upkeep{checked}{worse}",
        costs="a short ACCESS EXCLUSIVE lock at the end; reads and writes go on meanwhile"
        if "CONCURRENTLY" in drop.ddl.upper()
        else "an ACCESS EXCLUSIVE lock on the table for a moment",
        sql=(drop.ddl,),
        undo_sql=(drop.undo_ddl,),
        share=share,
        size_bytes=drop.size_bytes,
    )


def _setting(proposal: SettingProposal) -> Action:
    return Action(
        key=f"{_CHANGE}:setting:{proposal.name}",
        rule=_CHANGE,
        subject="settings",
        severity=severity_of(proposal.severity),
        confidence=proposal.confidence,
        object=f"setting:{proposal.name}",
        title=f"Set {proposal.name}: {proposal.current} → {proposal.proposed}",
        why=proposal.reason,
        costs="needs a restart" if proposal.restart else "a reload, no restart",
        sql=proposal.apply_sql,
        undo_sql=proposal.undo_sql,
    )


def _retention(report: Report, status: RetentionStatus) -> Action:
    expired = status.expired_bytes or 0
    share = min(expired / report.database_size_bytes, 1.0) if report.database_size_bytes else 0.0
    words = _RETENTION_TITLES.get(status.rule, "{table}: " + status.rule.rsplit(".", 1)[-1].replace("_", " "))
    win = ""
    if status.expired_rows:
        win = f"{number(status.expired_rows)} rows ({size(status.expired_bytes)}) are past the window"
    return Action(
        key=f"{status.rule}:{status.table}",
        rule=status.rule,
        subject="retention",
        severity=severity_of(status.severity),
        confidence=status.confidence,
        object=str(status.table),
        title=words.format(table=status.table.display()),
        why=f"Window: {status.policy}. {status.detail}",
        win=win,
        costs=_FOR_EVER if removes_rows(status.sql) else "",
        sql=status.sql,
        undo_sql=status.undo_sql,
        share=share,
        size_bytes=expired,
    )


def removes_rows(statements: Iterable[str]) -> bool:
    """True where a statement deletes what no undo brings back."""
    return any(_REMOVES.search(statement) for statement in statements)


def _finding(finding: Finding) -> Action:
    remedy = finding.remedy
    costs = "; ".join(part for part in (remedy.lock, remedy.note) if part)
    return Action(
        key=finding.key,
        rule=finding.rule,
        subject=finding.subject,
        severity=finding.severity,
        confidence=finding.confidence.value,
        object=finding.object,
        title=finding.title,
        why=finding.detail,
        costs=costs,
        sql=remedy.sql,
        undo_sql=remedy.undo_sql,
    )


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
    if item.rule == "index/create":
        return item.key
    if item.rule == _CHANGE:
        return _CHANGE
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
    return replace(
        merge(members),
        severity=first.severity,
        confidence=confidence,
        sql=_each_once(statement for member in members for statement in member.sql),
        undo_sql=_each_once(statement for member in members for statement in member.undo_sql),
        share=min(sum(member.share for member in members), 1.0),
        size_bytes=sum(member.size_bytes for member in members),
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
        key=_CHANGE,
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
    words = _DROP_WORDS.get(kind, (kind, f"{kind} indexes"))[1]
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
    (lambda a: a.rule == _CHANGE, _merge_settings),
    (lambda a: a.rule.startswith("index/drop_"), _merge_drops),
    (lambda a: a.rule.startswith("ret."), _merge_retention),
)
