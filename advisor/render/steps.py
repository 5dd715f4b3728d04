"""One step a person can take, made from each part of a report: what, why, what it wins and costs, SQL, undo."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from advisor.model.finding import Finding, Severity
from advisor.model.report import (
    IndexDrop,
    IndexProposal,
    Report,
    RetentionStatus,
    SettingProposal,
    StatementEffect,
)
from advisor.render.phrases import number, percent, plural, size, times_less

# A new index is as urgent as the share of the workload it takes away.
_INDEX_SEVERITY = ((0.20, Severity.HIGH), (0.03, Severity.MEDIUM))
# An index that only takes space is worth a look from this share of the database on.
_DROP_MEDIUM_SHARE = 0.02
DROP_WORDS = {
    "duplicate": ("duplicate of another index", "duplicate indexes"),
    "redundant": ("covered by another index", "indexes that others cover"),
    "invalid": ("invalid: takes writes, serves nothing", "invalid indexes"),
    "unused": ("not used", "unused indexes"),
    "outdated": ("not used beside the new ones", "indexes that new ones replace"),
    "replaced": ("a new index takes its place", "indexes that new ones replace"),
}
SETTING_CHANGE = "settings/change"
# Drops of what proposed indexes make superfluous: never before those are built.
BY_NEW_ONES = frozenset({"index/drop_outdated", "index/drop_replaced"})
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
    "ret.undeclared": "{table} has no retention window declared",
    "part.should_partition": "{table} would be easier to keep small as partitions",
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


def proposal_step(report: Report, shares: Mapping[str, float], proposal: IndexProposal) -> Action:
    """Return the step for a new index."""
    if proposal.frees_bytes:
        return _shorter_step(report, proposal)
    saved_cost = _saved(proposal.cost_before, proposal.cost_after)
    time_share = gain(shares, proposal.statements)
    whole = report.indexes.cost_before if report.indexes is not None else 0.0
    share = time_share if time_share is not None else min(_part(saved_cost, whole), 1.0)
    severity = next((s for limit, s in _INDEX_SEVERITY if share >= limit), Severity.LOW)
    touched = touched_share(shares, proposal.statements)
    helped = plural(len(proposal.statements), "statement")
    spent = f" with {percent(touched)} of the execution time" if touched else ""
    before = sum(e.cost_before * e.calls for e in proposal.statements)
    after = sum(e.cost_after * e.calls for e in proposal.statements)
    less = f": planned cost {times_less(before, after)}" if _saved(before, after) > 0 else ""
    partial = ", partial" if " WHERE " in proposal.ddl.upper() else ""
    method = "" if proposal.method == "btree" else f" {proposal.method}"
    costs = []
    if proposal.write_cost > 0 and saved_cost > 0:
        costs.append(f"writes pay {percent(proposal.write_cost / saved_cost)} of what it saves")
    if proposal.hurt:
        costs.append(f"{plural(len(proposal.hurt), 'statement gets', 'statements get')} dearer")
    return _creation(
        proposal,
        title=f"Create{method} index on {proposal.table.display()} ({', '.join(proposal.columns)}){partial}",
        win=f"helps {helped}{spent}{less}",
        disk="of disk",
        costs=costs,
        severity=severity,
        share=share,
    )


def _shorter_step(report: Report, proposal: IndexProposal) -> Action:
    """Return the step for an index that takes the place of a wider one, whose drop is the step after it."""
    freed = max(proposal.frees_bytes - proposal.size_bytes, 0)
    share = min(freed / report.database_size_bytes, 1.0) if report.database_size_bytes else 0.0
    wider = ", ".join(proposal.replaces)
    return _creation(
        proposal,
        title=f"Create index on {proposal.table.display()} ({', '.join(proposal.columns)}) in place of {wider}",
        win=f"{size(proposal.size_bytes)} instead of {size(proposal.frees_bytes)}, for disk, cache and every write",
        disk="of disk beside the old one until that is dropped",
        severity=Severity.MEDIUM if share >= _DROP_MEDIUM_SHARE else Severity.LOW,
        share=share,
    )


def _creation(
    proposal: IndexProposal,
    *,
    title: str,
    win: str,
    disk: str,
    severity: Severity,
    share: float,
    costs: Sequence[str] = (),
) -> Action:
    """Return the step of a new index: what every one costs, its SQL and how to undo it."""
    build = (f"build: {proposal.build_class}",) if proposal.build_class else ()
    lock = proposal.lock.split(": ", 1)[-1]  # its name stands in the section below
    return Action(
        key=proposal_key(proposal),
        rule="index/create",
        subject="index",
        severity=severity,
        confidence=proposal.confidence,
        object=str(proposal.table),
        title=title,
        why=proposal.reason,
        win=win,
        costs="; ".join((f"{size(proposal.size_bytes)} {disk}", *build, lock, *costs)),
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


def drop_step(report: Report, drop: IndexDrop) -> Action:
    """Return the step for an index to drop."""
    share = min(drop.size_bytes / report.database_size_bytes, 1.0) if report.database_size_bytes else 0.0
    urgent = drop.kind == "invalid" or share >= _DROP_MEDIUM_SHARE
    words = DROP_WORDS.get(drop.kind, (drop.kind, f"{drop.kind} indexes"))[0]
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


def setting_step(proposal: SettingProposal) -> Action:
    """Return the step for a setting to change."""
    return Action(
        key=f"{SETTING_CHANGE}:setting:{proposal.name}",
        rule=SETTING_CHANGE,
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


def retention_step(report: Report, status: RetentionStatus) -> Action:
    """Return the step for a table against its window."""
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


def finding_step(finding: Finding) -> Action:
    """Return the step for a finding."""
    remedy = finding.remedy
    costs = ". ".join(part.strip().rstrip(".") for part in (remedy.lock, remedy.note) if part)
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
