"""The report as JSON (advisor.render.document), its schema, and the page that describes both."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

import msgspec

from advisor.model.finding import Finding
from advisor.model.history import Changes
from advisor.model.report import (
    IndexAdvice,
    IndexDrop,
    IndexProposal,
    Report,
    RetentionStatus,
    SettingProposal,
    SettingsAdvice,
    StatementEffect,
)
from advisor.render import document as doc
from advisor.render.clean import shorten
from advisor.render.order import actions, all_findings
from advisor.render.phrases import utc
from advisor.render.steps import Action, severity_of
from advisor.render.view import top_statements

_QUERY_CHARS = 4_000
_LIST_LIMIT = 1_000
# Valid in JSON, but DEL, C1 controls and direction overrides can spoof a terminal or an editor.
_ESCAPED = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def render_json(report: Report) -> str:
    """Return the report as JSON of schema version 1, indented, with a line break at its end."""
    text = msgspec.json.format(msgspec.json.encode(make_document(report)), indent=2).decode()
    return _ESCAPED.sub(lambda match: f"\\u{ord(match[0]):04x}", text) + "\n"


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the report; unknown keys are allowed."""
    schema = msgspec.json.schema(doc.Document)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"pgadvise report, version {doc.SCHEMA_VERSION}",
        **schema,
    }


def make_document(report: Report) -> doc.Document:
    """Return the report in the shape of the schema: finite numbers, UTC times, valid Unicode, bounded texts."""
    advice = report.indexes or IndexAdvice()
    statements = top_statements(report, _LIST_LIMIT)
    return doc.Document(
        schema_version=doc.SCHEMA_VERSION,
        tool=doc.Tool(name="pgadvise", version=report.tool_version),
        generated_at=utc(report.generated_at),
        server=doc.ServerPart(
            version_num=report.version_num,
            version=_text(report.version),
            database=_text(report.database),
            provider=_text(report.provider),
            database_size_bytes=report.database_size_bytes,
        ),
        window=doc.Window(since=_moment(report.since), until=_moment(report.until)),
        subjects=list(report.subjects),
        actions=[_action(action) for action in actions(report)],
        findings=[_finding(finding) for finding in all_findings(report)],
        indexes=_indexes(advice),
        settings=[_setting(s) for s in (report.settings.proposals if report.settings else ())],
        settings_context=_context(report.settings) if report.settings else None,
        retention=[_retention(status) for status in report.retention],
        workload=[
            doc.StatementPart(
                fingerprint=row.fingerprint,
                query=_query(row.query),
                calls=_number(row.calls),
                total_exec_time=_number(row.total_exec_time),
                mean_exec_time=_number(row.mean_exec_time),
                rows=_number(row.rows),
                share=_number(row.share),
                cost_before=_number(row.cost_before),
                cost_after=_number(row.cost_after),
                notes=_texts(row.notes),
            )
            for row in statements.rows
        ],
        workload_total=statements.total,
        total_exec_time=_number(report.total_exec_time),
        fidelity=_fidelity(report),
        sizes=[
            doc.SizePart(
                relation=_text(str(row.relation)),
                heap_bytes=row.heap_bytes,
                index_bytes=row.index_bytes,
                toast_bytes=row.toast_bytes,
                rows=_number(row.rows),
            )
            for row in report.sizes[:_LIST_LIMIT]
        ],
        nodes=[
            doc.NodePart(
                name=_text(node.name),
                status=node.status,
                why=_maybe(node.why),
                calls=node.calls,
                since=node.since,
                behind_bytes=node.behind_bytes,
            )
            for node in report.nodes
        ],
        gaps=[
            doc.GapPart(what=_text(g.what), why=_text(g.why), fix=_maybe(g.fix), costs=_maybe(g.costs))
            for g in report.gaps
        ],
        skipped=[doc.SkippedPart(rule=_text(s.rule), why=_text(s.why)) for s in report.skipped],
        passed=_texts(report.passed),
        timings={_text(stage): seconds for stage, seconds in report.timings.items() if math.isfinite(seconds)},
        peak_memory_bytes=report.peak_memory_bytes,
        changes=_changes(report),
        changed=report.changes.changed if report.changes is not None else None,
    )


def plain(value: Any) -> Any:
    """Return any value of an evidence dictionary as JSON has it; NaN and infinity become null."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float | Decimal):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, datetime):
        return utc(value).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Mapping):
        return {_text(str(key)): plain(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return sorted((plain(item) for item in value), key=str)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return _text(str(value))


def _text(text: str) -> str:
    return _SURROGATE.sub("\ufffd", text)


def _maybe(text: str | None) -> str | None:
    return None if text is None else _text(text)


def _texts(texts: Iterable[str]) -> list[str]:
    return [_text(text) for text in texts]


def _query(text: str) -> str:
    return _text(shorten(text, _QUERY_CHARS))


def _number(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _moment(moment: datetime | None) -> datetime | None:
    return None if moment is None else utc(moment)


def _changes(report: Report) -> Changes | None:
    """Return the changes with clean texts: finite numbers, valid Unicode."""
    if report.changes is None:
        return None
    return msgspec.convert(plain(msgspec.to_builtins(report.changes)), Changes)


def _action(action: Action) -> doc.ActionPart:
    return doc.ActionPart(
        key=_text(action.key),
        rule=_text(action.rule),
        subject=action.subject,
        severity=action.severity.value,
        confidence=action.confidence,
        object=_text(action.object),
        title=_text(action.title),
        why=_text(action.why),
        win=_text(action.win),
        costs=_text(action.costs),
        share=round(action.share, 6),
        sql=_texts(action.sql),
        undo_sql=_texts(action.undo_sql),
    )


def _finding(finding: Finding) -> doc.FindingPart:
    return doc.FindingPart(
        key=_text(finding.key),
        rule=_text(finding.rule),
        severity=finding.severity.value,
        confidence=finding.confidence.value,
        subject=finding.subject,
        title=_text(finding.title),
        object=_text(finding.object),
        detail=_text(finding.detail),
        evidence=plain(finding.evidence),
        remedy=doc.RemedyPart(
            sql=_texts(finding.remedy.sql),
            undo_sql=_texts(finding.remedy.undo_sql),
            lock=_maybe(finding.remedy.lock),
            note=_maybe(finding.remedy.note),
        ),
    )


def _effects(effects: Iterable[StatementEffect]) -> list[doc.EffectPart]:
    return [
        doc.EffectPart(
            fingerprint=effect.fingerprint,
            query=_query(effect.query),
            calls=_number(effect.calls),
            cost_before=_number(effect.cost_before),
            cost_after=_number(effect.cost_after),
        )
        for effect in effects
    ]


def _indexes(advice: IndexAdvice) -> doc.IndexesPart:
    return doc.IndexesPart(
        create=[_create(proposal) for proposal in advice.create],
        drop=[_drop(drop) for drop in advice.drop],
        rejected=[doc.RejectedPart(ddl=_text(r.ddl), reason=_text(r.reason)) for r in advice.rejected],
        workload=doc.IndexWorkload(
            cost_before=_number(advice.cost_before),
            cost_after=_number(advice.cost_after),
            cost_bound=_number(advice.cost_bound),
            complete=advice.complete,
            statements=advice.statements,
            candidates=advice.candidates,
            planner=_text(advice.planner),
            unusable=[
                doc.UnusablePart(
                    text=_query(u.text),
                    calls=_number(u.calls),
                    total_exec_time=_number(u.total_exec_time),
                    reason=_text(u.reason),
                    category=_text(u.category),
                )
                for u in advice.unusable[:_LIST_LIMIT]
            ],
            unusable_total=len(advice.unusable),
        ),
        notes=_texts(advice.notes),
    )


def _create(proposal: IndexProposal) -> doc.CreatePart:
    return doc.CreatePart(
        ddl=_text(proposal.ddl),
        undo_ddl=_text(proposal.undo_ddl),
        after_ddl=_texts(proposal.after_ddl),
        table=_text(str(proposal.table)),
        name=_text(proposal.name),
        method=proposal.method,
        columns=_texts(proposal.columns),
        size_bytes=proposal.size_bytes,
        cost_before=_number(proposal.cost_before),
        cost_after=_number(proposal.cost_after),
        statements=_effects(proposal.statements),
        hurt=_effects(proposal.hurt),
        write_cost=_number(proposal.write_cost),
        reason=_text(proposal.reason),
        confidence=proposal.confidence,
        evidence=_text(proposal.evidence),
        lock=_text(proposal.lock),
        build_class=_text(proposal.build_class),
        replaces=_texts(proposal.replaces),
        frees_bytes=proposal.frees_bytes,
    )


def _drop(drop: IndexDrop) -> doc.DropPart:
    return doc.DropPart(
        ddl=_text(drop.ddl),
        undo_ddl=_text(drop.undo_ddl),
        index=_text(str(drop.index)),
        table=_text(str(drop.table)),
        reason=_text(drop.reason),
        kind=drop.kind,
        size_bytes=drop.size_bytes,
        confidence=drop.confidence,
        hurt=_effects(drop.hurt),
        checked=drop.checked,
        unused_since=drop.unused_since,
    )


def _setting(proposal: SettingProposal) -> doc.SettingPart:
    return doc.SettingPart(
        name=_text(proposal.name),
        current=_text(proposal.current),
        current_source=_text(proposal.current_source),
        proposed=_text(proposal.proposed),
        reason=_text(proposal.reason),
        restart=proposal.restart,
        severity=severity_of(proposal.severity).value,
        confidence=proposal.confidence,
        apply_sql=_texts(proposal.apply_sql),
        undo_sql=_texts(proposal.undo_sql),
        evidence=plain(proposal.evidence),
    )


def _context(settings: SettingsAdvice) -> doc.SettingsContext:
    return doc.SettingsContext(
        ram_bytes=settings.ram_bytes,
        ram_source=_maybe(settings.ram_source),
        cores=_number(settings.cores),
        cores_source=_maybe(settings.cores_source),
        profile=_text(settings.profile),
        worst_case_bytes_now=settings.worst_case_bytes_now,
        worst_case_bytes_proposed=settings.worst_case_bytes_proposed,
        notes=_texts(settings.notes),
        refused=[{"name": _text(name), "why": _text(why)} for name, why in settings.refused],
    )


def _retention(status: RetentionStatus) -> doc.RetentionPart:
    return doc.RetentionPart(
        table=_text(str(status.table)),
        rule=_text(status.rule),
        severity=severity_of(status.severity).value,
        policy=_text(status.policy),
        policy_is_default=status.policy_is_default,
        time_column=_maybe(status.time_column),
        oldest=_moment(status.oldest),
        oldest_source=_text(status.oldest_source),
        expired_rows=status.expired_rows,
        expired_bytes=status.expired_bytes,
        enforcement=_text(status.enforcement),
        detail=_text(status.detail),
        confidence=status.confidence,
        sql=_texts(status.sql),
        undo_sql=_texts(status.undo_sql),
        evidence=plain(status.evidence),
    )


def _fidelity(report: Report) -> doc.FidelityPart | None:
    fidelity = report.fidelity
    if fidelity is None:
        return None
    return doc.FidelityPart(
        planner=_text(fidelity.planner),
        server_version=_text(fidelity.server_version),
        twin_version=_maybe(fidelity.twin_version),
        compared=fidelity.compared,
        exact=fidelity.exact,
        same_shape=fidelity.same_shape,
        worst_error=_number(fidelity.worst_error),
        withheld=_texts(fidelity.withheld),
        degraded=_texts(fidelity.degraded),
        note=_maybe(fidelity.note),
    )
