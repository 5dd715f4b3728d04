"""Verdicts on the policy and on the time column itself: missing tables, doubtful columns, tiers, undeclared tables."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from advisor.model.finding import Severity
from advisor.model.lookup import Catalog
from advisor.model.names import RelationName
from advisor.model.report import RetentionStatus
from advisor.retention.detect import looks_like_log, personal_columns
from advisor.retention.expired import total_bytes, total_rows
from advisor.retention.fill import Ident, Trusted, fill
from advisor.retention.moments import moment_sql
from advisor.retention.plans.plan import index_statements
from advisor.retention.plans.references import has_index, incoming_foreign_keys
from advisor.retention.plans.time_index import choose_time_index
from advisor.retention.policy import Policy
from advisor.retention.probes import time_index
from advisor.retention.statuses import Judged, make_status
from advisor.retention.targets import Targets, Unresolved, is_old_style_partition, judged_tables
from advisor.retention.timecolumn import choose_time_column
from advisor.units import format_count, format_size

_BIG_BYTES = 1 << 30
_LOG_BYTES = 64 << 20
_SMALL_BYTES = 8 << 20
_MOST_UNDECLARED = 20


def unresolved_statuses(unresolved: tuple[Unresolved, ...]) -> Iterator[RetentionStatus]:
    """Policy entries that fit no table, or more than one."""
    for item in unresolved:
        line = item.policy.line if item.policy is not None else None
        keep = item.policy.keep if item.policy is not None else None
        yield RetentionStatus(
            table=RelationName(item.pattern.schema or "public", item.pattern.name),
            rule="ret.table_missing",
            severity=Severity.MEDIUM.value,
            policy=str(keep) if keep is not None else "permanent" if item.policy is not None else "excluded",
            policy_is_default=False,
            time_column=None,
            oldest=None,
            oldest_source="unknown",
            expired_rows=None,
            expired_bytes=None,
            enforcement="not looked for",
            detail=f"The policy names {item.pattern.text}{f' (line {line})' if line else ''}, but {item.why}."
            " Nothing was judged for it.",
            confidence="high",
            evidence={"policy_line": line} if line is not None else {},
            window_days=keep.total_days if keep is not None else None,
        )


def column_statuses(judged: Judged, catalog: Catalog) -> Iterator[RetentionStatus]:
    """What is doubtful about the time column: ambiguous, null, in the future, without a time zone, without index."""
    target = judged.target
    choice = target.choice
    if choice.problem is not None or choice.candidate is None:
        rivals = ", ".join(r.column.name for r in choice.rivals)
        hint = f" Candidates: {rivals}." if rivals else ""
        severity = Severity.LOW if target.is_default else Severity.MEDIUM
        yield make_status(
            judged,
            "ret.time_column_unknown",
            severity,
            f"How old a row is cannot be told: {choice.problem or 'no time column'}.{hint} Name it with time_column"
            " in the policy."
            + (" The values themselves may be read with the grant below." if judged.ends.grants else ""),
            sql=judged.ends.grants,
            confidence="high",
        )
        return
    column = choice.candidate.column
    if choice.rivals and target.policy.time_column is None:
        others = ", ".join(r.column.name for r in choice.rivals)
        yield make_status(
            judged,
            "ret.time_column_ambiguous",
            Severity.LOW,
            f"Both {column.name} and {others} could say how old a row is; {column.name} was taken. Please confirm it"
            " with"
            " time_column in the policy before anything is deleted.",
            confidence="low",
        )
    statistics = catalog.statistics(target.relation, column.name)
    if statistics is not None and statistics.null_frac > 0 and not column.not_null:
        rows = statistics.null_frac * judged.rows
        yield make_status(
            judged,
            "ret.null_time",
            Severity.MEDIUM if not target.is_default else Severity.LOW,
            f"About {format_count(round(rows))} rows have no {column.name}: they never grow old, so no purge by age"
            " removes them."
            " Give them a time (or decide how long they stay), then make the column NOT NULL.",
            sql=(fill("SELECT count(*) FROM {t} WHERE {c} IS NULL", t=target.relation, c=Ident(column.name)),),
            null_rows=round(rows),
        )
    newest = judged.ends.newest
    if newest is not None and choice.candidate.basis != "expiry" and newest > judged.now + timedelta(days=1):
        days = (newest - judged.now).total_seconds() / 86400
        tomorrow = moment_sql(column, "now() + interval '1 day'", choice.candidate.unit, target.policy.timezone)
        yield make_status(
            judged,
            "ret.future_time",
            Severity.MEDIUM if not target.is_default else Severity.LOW,
            f"The newest row is {days:,.0f} days in the future: wrong clocks or wrong data. Such rows outlive the"
            " window and"
            " land in a default partition.",
            sql=(
                fill(
                    "SELECT * FROM {t} WHERE {c} > {tomorrow} LIMIT 100",
                    t=target.relation,
                    c=Ident(column.name),
                    tomorrow=Trusted(tomorrow),
                ),
            ),
        )
    if column.base_type.name == "timestamp":
        yield make_status(
            judged,
            "ret.tz_naive",
            Severity.INFO,
            f"{column.name} has no time zone: the cutoff is computed in {target.policy.timezone}, and can be off by"
            " up to 14 hours"
            " if the application writes another zone. Say which with timezone in the policy, or use timestamptz.",
        )
    yield from _foreign_key_status(judged, catalog)
    yield from _index_status(judged, catalog)


def _foreign_key_status(judged: Judged, catalog: Catalog) -> Iterator[RetentionStatus]:
    """What a deleted row does to the tables that refer to it."""
    target = judged.target
    if target.keep is None:
        return
    sql: list[str] = []
    undo: list[str] = []
    cascades: list[str] = []
    slow: list[str] = []
    for key in incoming_foreign_keys(target.relation, catalog):
        columns = ", ".join(key.columns)
        if key.on_delete == "c":
            cascades.append(f"{key.table} ({columns})")
        referring = catalog.tables.get(key.table)
        if referring is not None and not has_index(key, catalog):
            slow.append(f"{key.table} ({columns})")
            if referring.kind == "r":
                create, drop = index_statements(key.table, key.columns, catalog)
                sql.append(create)
                undo.append(drop)
    sentences = []
    if cascades:
        sentences.append(
            f"Deleting a row here deletes the rows that refer to it as well (ON DELETE CASCADE): {'; '.join(cascades)}."
            " Those rows go by this table's window, not by one of their own."
        )
    if slow:
        sentences.append(
            f"No index finds the rows that refer to this table: {'; '.join(slow)}. Every deleted row reads those tables"
            " from end to end: build the indexes before any purge."
        )
    if sentences:
        yield make_status(
            judged,
            "ret.fk_cascade",
            Severity.MEDIUM if slow or not target.is_default else Severity.LOW,
            " ".join(sentences),
            sql=tuple(sql),
            undo_sql=tuple(undo),
            confidence="high",
        )


def _index_status(judged: Judged, catalog: Catalog) -> Iterator[RetentionStatus]:
    target = judged.target
    column = target.column
    if column is None or target.keep is None or target.table.kind == "p" or judged.bytes < _SMALL_BYTES:
        return
    lacking = [
        t
        for t in catalog.leaves(target.relation)
        if t.kind == "r" and time_index(t.relation, column, catalog) is None and (t.size_bytes or 0) >= _SMALL_BYTES
    ]
    if not lacking:
        return
    choices = [choose_time_index(target, t, catalog) for t in lacking[:20]]
    yield make_status(
        judged,
        "ret.no_time_index",
        Severity.LOW,
        f"No index begins with {column.name}, so every purge reads the whole table ({format_size(judged.bytes)}),"
        " and the oldest"
        " row can only be estimated. An index in which the time comes second does not help. Not needed if you"
        f" partition by it. {choices[0].reason}",
        sql=tuple(choice.create for choice in choices),
        undo_sql=tuple(choice.drop for choice in choices),
        index_method=choices[0].method,
    )


def undeclared_statuses(catalog: Catalog, policy: Policy | None, targets: Targets) -> Iterator[RetentionStatus]:
    """Large tables, tables with personal data and logs that no window covers: suggestions only."""
    if policy is not None and policy.undeclared_tables == "ignore":
        return
    known = {t.relation for t in targets.found} | targets.excluded
    found: list[tuple[int, RetentionStatus]] = []
    for table in judged_tables(catalog.snapshot):
        if table.relation in known or is_old_style_partition(table, catalog):
            continue
        size = total_bytes(table.relation, catalog)
        log = looks_like_log(table)
        personal = personal_columns(table, catalog) if policy is not None or log else ()
        if not (
            size >= _BIG_BYTES
            or (log and size >= _LOG_BYTES)
            or (policy is not None and personal and size >= _SMALL_BYTES)
        ):
            continue
        choice = choose_time_column(table, catalog)
        if choice.candidate is None and not personal:
            continue
        reasons = [format_size(size), f"about {format_count(round(total_rows(table.relation, catalog)))} rows"]
        if personal:
            reasons.append(f"columns about people ({', '.join(personal[:5])})")
        if log:
            reasons.append("a log by its name")
        found.append(
            (
                size,
                RetentionStatus(
                    table=table.relation,
                    rule="ret.undeclared",
                    severity=Severity.INFO.value,
                    policy="none",
                    policy_is_default=False,
                    time_column=choice.candidate.column.name if choice.candidate is not None else None,
                    oldest=None,
                    oldest_source="not looked for",
                    expired_rows=None,
                    expired_bytes=None,
                    enforcement="not looked for",
                    detail=f"No window is declared for this table: {', '.join(reasons)}. Say in the policy how long"
                    " its rows"
                    ' stay, or that they stay for ever (keep = "permanent").',
                    evidence={"bytes": size, "personal_columns": list(personal)},
                ),
            )
        )
    found.sort(key=lambda item: (-item[0], str(item[1].table)))
    yield from (status for _, status in found[:_MOST_UNDECLARED])
