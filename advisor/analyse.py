"""Judges a snapshot by the rules: which are broken, which hold, which could not be judged and why. Pure."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import jinja2

from advisor.errors import UsageError
from advisor.model.finding import Finding, Remedy, Severity
from advisor.model.lookup import Catalog
from advisor.model.needs import extension_problem
from advisor.model.offence import Offence, Unjudged
from advisor.model.report import Skipped
from advisor.model.snapshot import Snapshot
from advisor.rulebook import Rule, find_rule
from advisor.ruletext import render_line, render_prose, render_sql

# What a mistake in a rule raises. A rule is a plug-in: its failure is said and costs only that rule.
_RULE_FAILURES = (ArithmeticError, LookupError, TypeError, ValueError, AttributeError, jinja2.TemplateError)

_STATEMENTS_STATUS = {
    "absent": "pg_stat_statements is not installed in this database",
    "not_preloaded": "pg_stat_statements is not in shared_preload_libraries",
    "no_privilege": "this role may not read pg_stat_statements (grant pg_read_all_stats)",
    "failed": "pg_stat_statements was not read",
}
# How collection names a gap, where that is not the part's own name.
_GAP_NAMES = {
    "statistics": r"^(column )?statistics( of .*)?$",
    "sessions": r"^(\d+ )?sessions\b",
    "sequences": r"^(last values of \d+ )?sequences\b",
}
# Membership in these includes the other.
_INCLUDED_IN = {
    "pg_read_all_stats": ("pg_monitor",),
    "pg_read_all_settings": ("pg_monitor",),
    "pg_stat_scan_tables": ("pg_monitor",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Findings worst first; rules that could not be judged, with the reason; ids of rules that found nothing."""

    findings: tuple[Finding, ...]
    skipped: tuple[Skipped, ...]
    passed: tuple[str, ...]


def judge(
    snapshot: Snapshot,
    catalog: Catalog,
    rules: Iterable[Rule],
    params: Mapping[str, Mapping[str, Any]] | None = None,
) -> Judgement:
    """Return what the rules say of the snapshot.

    `params` maps a rule's id (or alias) to parameter values as a person writes them ('10MB', '5min', 0.2), and to
    `enabled` (false switches the rule off) and `severity`. Raises UsageError for a rule or parameter that is not
    there, RuleInvalid for a check.py that cannot be loaded.
    """
    rules = tuple(rules)
    overrides = {find_rule(rules, name).id: dict(values) for name, values in (params or {}).items()}
    findings: list[Finding] = []
    skipped: list[Skipped] = []
    passed: list[str] = []
    for rule in rules:
        mine = overrides.get(rule.id, {})
        enabled, severity = mine.pop("enabled", True), _severity(rule, mine.pop("severity", None))
        values = rule.values(mine)
        reason = missing_need(rule, snapshot) if enabled else "switched off by the configuration"
        if reason is not None:
            skipped.append(Skipped(rule=rule.id, why=reason))
            continue
        found, unjudged = _judge_rule(rule, snapshot, catalog, values, severity)
        findings += found
        skipped += unjudged
        if not found and not unjudged:
            passed.append(rule.id)
    # Stable: within one severity the order of rules, and within a rule its own.
    findings.sort(key=lambda finding: finding.severity.rank)
    return Judgement(findings=tuple(findings), skipped=tuple(skipped), passed=tuple(passed))


def _severity(rule: Rule, text: Any) -> Severity | None:
    if text is None:
        return None
    try:
        return Severity(text)
    except ValueError as error:
        known = ", ".join(Severity)
        raise UsageError(f"'{text}' is no severity (rule {rule.id}).", f"Use one of: {known}.") from error


def missing_need(rule: Rule, snapshot: Snapshot) -> str | None:
    """Return why the rule cannot be judged on this snapshot, or None when it can."""
    needs, server = rule.needs, snapshot.server
    if needs.min_major is not None and server.major < needs.min_major:
        return f"needs PostgreSQL {needs.min_major} or newer"
    if needs.max_major is not None and server.major > needs.max_major:
        return f"does not apply from PostgreSQL {needs.max_major + 1} on"
    if needs.primary and server.in_recovery:
        return "does not apply to a standby"
    installed = {e.name: e.version for e in snapshot.extensions if e.version is not None}
    for wanted in needs.extensions:
        problem = extension_problem(wanted, installed)
        if problem is not None:
            return problem
    for role in needs.privileges:
        accepted = {role, *_INCLUDED_IN.get(role, ())}
        if not server.is_superuser and not accepted & set(server.memberships):
            return f"needs the privileges of {role} (grant {role} to {server.user})"
    for part in needs.parts:
        problem = _missing_part(part, snapshot)
        if problem is not None:
            return problem
    if rule.queries and rule.id not in snapshot.facts:
        gap = next((gap for gap in snapshot.gaps if gap.what == f"rule {rule.id}"), None)
        return gap.why if gap is not None else "the snapshot was taken without this rule's query"
    return None


def _missing_part(part: str, snapshot: Snapshot) -> str | None:
    """Return why the part is not there. An empty part counts as read unless a gap speaks of it."""
    if part == "statements":
        status = snapshot.statements_view.status
        return None if status in ("ok", "damaged") else _STATEMENTS_STATUS.get(status, status)
    value = getattr(snapshot, part)
    if value is not None and value != ():
        return None
    gap = next((gap for gap in snapshot.gaps if _speaks_of(gap.what, part)), None)
    if gap is not None:
        return f"{gap.what}: {gap.why}"
    return f"{part.replace('_', ' ')} were not read" if value is None or part == "settings" else None


def _speaks_of(what: str, part: str) -> bool:
    words = part.replace("_", " ")
    return re.search(_GAP_NAMES.get(part, rf"^({part}|{words})\b"), what) is not None


def _partly_missing(rule: Rule, snapshot: Snapshot) -> Iterator[str]:
    """Yield what the rule could not see: objects whose statistics or sessions the role may not read."""
    for part in rule.needs.parts:
        for gap in snapshot.gaps:
            if part != "statements" and _speaks_of(gap.what, part):
                yield f"judged only in part: {gap.what}: {gap.why}"


def _judge_rule(
    rule: Rule, snapshot: Snapshot, catalog: Catalog, values: Mapping[str, Any], severity: Severity | None
) -> tuple[list[Finding], list[Skipped]]:
    """Return what the rule found, and why it was not judged or only in part.

    A mistake in the rule costs what comes after it: offences found before stay.
    """
    offences: list[Offence | Finding] = []
    reasons: list[str] = []
    try:
        for item in _offences(rule, snapshot, catalog, values):
            if isinstance(item, Unjudged):
                reasons.append(item.why)
            else:
                offences.append(item)
    except _RULE_FAILURES as error:
        reasons.append(_failure(error))

    def rank(item: Offence | Finding) -> tuple[int, float, str]:
        weight = item.weight if isinstance(item, Offence) else 0.0
        return (severity or item.severity or rule.severity).rank, -weight, item.object

    worst: dict[str, Offence | Finding] = {}
    for item in sorted(offences, key=rank):
        worst.setdefault(item.object, item)
    ordered = list(worst.values())
    findings: list[Finding] = []
    # Words are made for what is shown only: 10,000 offences are a normal case.
    for item in ordered[: rule.metadata.most]:
        try:
            findings.append(_at_provider(_worded(rule, item, values, severity), snapshot.server.provider))
        except _RULE_FAILURES as error:
            reasons.append(f"{item.object}: {_failure(error)}")
    rest = ordered[rule.metadata.most :]
    if rest:
        findings.append(_counted(rule, rest, severity))
    if not reasons:
        reasons += _partly_missing(rule, snapshot)
    return findings, [Skipped(rule=rule.id, why=why) for why in reasons]


def _failure(error: Exception) -> str:
    return f"the rule failed, which is a bug in it: {type(error).__name__}: {error}"


def _offences(
    rule: Rule, snapshot: Snapshot, catalog: Catalog, values: Mapping[str, Any]
) -> Iterable[Offence | Finding | Unjudged]:
    rows = snapshot.facts.get(rule.id, ())
    if not rule.has_check:
        return [Offence(object=str(row["object"]), evidence=dict(row)) for row in rows]
    check = rule.check()
    offered = {"snapshot": snapshot, "params": values, "rows": rows, "catalog": catalog}
    return check(**{name: offered[name] for name in inspect.signature(check).parameters})


def _worded(rule: Rule, offence: Offence | Finding, params: Mapping[str, Any], severity: Severity | None) -> Finding:
    if isinstance(offence, Finding):  # a check that words its findings itself
        return replace(offence, rule=rule.id, severity=severity or offence.severity)
    metadata = rule.metadata
    context = {"params": params, **offence.evidence, **offence.values, "object": offence.object}
    remedy = metadata.remedy
    evidence = {name: value for name, value in offence.evidence.items() if name != "object"}
    sql = render_sql(remedy.sql, context)
    return Finding(
        rule=rule.id,
        severity=severity or offence.severity or metadata.severity,
        confidence=offence.confidence or metadata.confidence,
        title=render_line(metadata.finding.title, context),
        object=offence.object,
        detail=render_prose(metadata.finding.detail, context),
        evidence=evidence,
        remedy=Remedy(
            sql=sql,
            undo_sql=render_sql(remedy.undo, context) if sql else (),
            lock=(render_line(remedy.lock, context) or None) if remedy.lock and sql else None,
            note=(render_prose(remedy.note, context) or None) if remedy.note else None,
        ),
        subject=metadata.subject,
    )


def _at_provider(finding: Finding, provider: str) -> Finding:
    """Return the finding without ALTER SYSTEM where the provider does not allow it, and say so."""
    remedy = finding.remedy
    if provider == "self-hosted" or not any(sql.startswith("ALTER SYSTEM") for sql in remedy.sql):
        return finding

    def allowed(statements: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(s for s in statements if not s.startswith("ALTER SYSTEM") and "pg_reload_conf()" not in s)

    how = f"ALTER SYSTEM is refused on {provider}: change the setting where the provider keeps its parameters."
    note = how if remedy.note is None else f"{how} {remedy.note}"
    remedy = replace(remedy, sql=allowed(remedy.sql), undo_sql=allowed(remedy.undo_sql), note=note)
    return replace(finding, remedy=remedy)


def _counted(rule: Rule, rest: list[Offence | Finding], severity: Severity | None) -> Finding:
    """Return the one finding for all beyond the rule's `most`."""
    return Finding(
        rule=rule.id,
        severity=severity or rest[0].severity or rule.severity,
        confidence=rest[0].confidence or rule.metadata.confidence,
        title=f"{rule.title}: {len(rest):,} more",
        object="others",
        detail=f"Besides the {rule.metadata.most} shown, {len(rest):,} more objects break this rule.",
        evidence={"more": len(rest), "objects": [item.object for item in rest[:100]]},
        subject=rule.metadata.subject,
    )
