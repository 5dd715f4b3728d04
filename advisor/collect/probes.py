"""Asks the server the retention probes, one by one, none for longer than half a second and none by reading a table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg.rows import dict_row

from advisor.collect.reader import Reader, marked
from advisor.errors import ServerLost
from advisor.model.names import quote_ident
from advisor.model.snapshot import Gap
from advisor.retention.probes import Probe

STATEMENT_TIMEOUT_MS = 500
LOCK_TIMEOUT_MS = 100
# Ordered access to an index, and what the planner puts around it.
_INDEX_NODES = frozenset(("Result", "Limit", "Index Scan", "Index Only Scan"))
_PAGE_NODES = frozenset(
    ("Result", "Limit", "Aggregate", "Tid Scan", "Tid Range Scan", "Nested Loop", "Function Scan", "Materialize")
)
_ALLOWED = {"index": _INDEX_NODES, "pages": _PAGE_NODES}
# Reading an end of an index must not be planned as anything else while there is a choice.
_SETTINGS = {
    "statement_timeout": str(STATEMENT_TIMEOUT_MS),
    "lock_timeout": str(LOCK_TIMEOUT_MS),
    "TimeZone": "UTC",
    "DateStyle": "ISO",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_sort": "off",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
    # A policy that hides rows must fail loudly: its answer would be a wrong oldest row.
    "row_security": "off",
}
# Single pages are reached by ctid alone, whatever index there is.
_PAGE_SETTINGS = _SETTINGS | {"enable_indexscan": "off", "enable_indexonlyscan": "off"}
# The planner's estimate must be what an ordinary session would get.
_ESTIMATE_SETTINGS = {k: v for k, v in _SETTINGS.items() if not k.startswith("enable_")}
_MOST_GAPS = 20
_ROW_SECURITY = "row-level security"


class _Refused(Exception):
    """A probe that was not run, with the reason for people."""

    def __init__(self, status: str, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


def run_probes(reader: Reader, probes: Sequence[Probe]) -> dict[str, tuple[dict[str, Any], ...]]:
    """Return the answers by fact. Each row holds the probe's `subject` and label, `status` and `why`.

    `status`: ok, partial (row security hides other roles' rows), refused (privilege), busy (a lock or the time
    limit), unsafe (the plan would have read a table), failed. A probe without rows leaves one row with `empty`.
    Raises ServerLost.
    """
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    gaps = 0
    for probe in probes:
        rows, status, why = _ask(reader, probe)
        grant = probe.grant
        if status == "refused" and why is not None and _ROW_SECURITY in why:
            # A right on the column does not help: the role must see all rows, or the answer would be wrong.
            grant = f"alter role {quote_ident(reader.connection.info.user)} bypassrls"
        base = {"subject": probe.subject, **probe.label, "status": status, "why": why, "grant": grant}
        found[probe.fact] += [{**base, **row} for row in rows] or [{**base, "empty": True}]
        if status == "refused" and gaps < _MOST_GAPS:
            gaps += 1
            reader.gaps.append(
                Gap(
                    what=f"retention of {probe.subject}",
                    why=why or status,
                    fix=grant,
                    costs="the oldest row or what enforces it",
                )
            )
    return {fact: tuple(rows) for fact, rows in found.items()}


def _ask(reader: Reader, probe: Probe) -> tuple[list[dict[str, Any]], str, str | None]:
    """Return (rows, status, why) of one probe."""
    try:
        return _run(reader.connection, probe, row_security="off"), "ok", None
    except _Refused as refused:
        return [], refused.status, refused.why
    except psycopg.errors.InsufficientPrivilege as error:
        hidden_rows = _ROW_SECURITY in _message(error)
        if probe.guard == "catalog" and hidden_rows:
            return _ask_in_part(reader, probe)
        return [], "refused", _message(error)
    except (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled) as error:
        return [], "busy", _message(error)
    except psycopg.Error as error:
        if reader.connection.broken:
            raise ServerLost("The server closed the connection while it was being read.", "Try again.") from error
        return [], "failed", _message(error)


def _ask_in_part(reader: Reader, probe: Probe) -> tuple[list[dict[str, Any]], str, str | None]:
    why = "row-level security shows this role only its own rows"
    try:
        return _run(reader.connection, probe, row_security="on"), "partial", why
    except psycopg.Error as error:
        if reader.connection.broken:
            raise ServerLost("The server closed the connection while it was being read.", "Try again.") from error
        return [], "refused", _message(error)


def _run(connection: psycopg.Connection[Any], probe: Probe, *, row_security: str) -> list[dict[str, Any]]:
    settings = {"index": _SETTINGS, "pages": _PAGE_SETTINGS}.get(probe.guard, _ESTIMATE_SETTINGS)
    # Rolling back gives the table's lock and the settings back at once, inside a longer transaction, too.
    with connection.transaction(force_rollback=True), connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(
            "select /* pgadvise */ pg_catalog.set_config(key, value, true) from pg_catalog.json_each_text(%s::json)",
            [_as_json(settings | {"row_security": row_security})],
        )
        if probe.guard == "catalog":
            return cursor.execute(marked(probe.sql)).fetchall()
        cursor.execute(b"explain /* pgadvise */ (format json) " + probe.sql.encode())
        row = cursor.fetchone()
        plan = next(iter(row.values()))[0]["Plan"] if row is not None else {}
        if probe.guard == "plan":
            return [{"rows": float(plan["Plan Rows"])}]
        offending = _offending_node(plan, _ALLOWED[probe.guard])
        if offending is not None:
            raise _Refused("unsafe", f"the planner would answer with a {offending}, which could read the whole table")
        return cursor.execute(marked(probe.sql)).fetchall()


def _offending_node(plan: dict[str, Any], allowed: frozenset[str]) -> str | None:
    """Return the first node that could read more than a few pages, or None."""
    kind = plan.get("Node Type", "")
    if kind not in allowed:
        return str(kind)
    if kind.startswith("Index") and "Filter" in plan:
        return f"{kind} with a filter"
    for child in plan.get("Plans", ()):
        found = _offending_node(child, allowed)
        if found is not None:
            return found
    return None


def _as_json(settings: dict[str, str]) -> str:
    return "{" + ",".join(f'"{k}":"{v}"' for k, v in settings.items()) + "}"


def _message(error: psycopg.Error) -> str:
    return (error.diag.message_primary or str(error) or type(error).__name__).strip().splitlines()[0]
