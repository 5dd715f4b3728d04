"""How long a statement takes: run in a transaction that is rolled back, timed by the server itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import pq

from advisor.errors import ServerLost
from advisor.model.names import quote_ident
from advisor.model.workload import Binding, Statement
from advisor.whatif.session import TypeNames

_EXPLAIN = "explain (analyze, timing off, format json) "


@dataclass(frozen=True, slots=True)
class Timed:
    """Milliseconds per call over a statement's sets of values, and the indexes its plans used ('schema.name')."""

    ms: float
    indexes: frozenset[str]


class NotRun(Exception):
    """The server refused a statement, or it took too long."""


def time_statement(connection: psycopg.Connection[Any], types: TypeNames, statement: Statement, rounds: int) -> Timed:
    """Return the statement's time: the best of `rounds` per set of values, weighted. Raises NotRun, ServerLost."""
    total = weight = 0.0
    indexes: set[str] = set()
    for binding in statement.bindings or (Binding(values=(), weight=1.0),):
        times = []
        for _ in range(rounds):
            answer = _run(connection, types, statement, binding)
            times.append(float(answer["Planning Time"]) + float(answer["Execution Time"]))
            indexes |= _indexes(answer["Plan"])
        total += binding.weight * min(times)
        weight += binding.weight
    return Timed(total / weight if weight else total, frozenset(indexes))


def _run(
    connection: psycopg.Connection[Any], types: TypeNames, statement: Statement, binding: Binding
) -> dict[str, Any]:
    oids = [types.oid(name) for name in statement.parameter_types]
    if None in oids:
        missing = statement.parameter_types[oids.index(None)]
        raise NotRun(f"this server has no type {missing}")
    values = [None if value is None else value.encode("utf-8") for value in binding.values]
    path = ", ".join(quote_ident(schema) for schema in statement.search_path)
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(f"set local search_path = {path}".encode())
            result = connection.pgconn.exec_params(
                (_EXPLAIN + statement.text).encode("utf-8"), values, [oid or 0 for oid in oids]
            )
            if result.status != pq.ExecStatus.TUPLES_OK:
                message = result.error_field(pq.DiagnosticField.MESSAGE_PRIMARY)
                raise NotRun((message or b"the server gave no message").decode("utf-8", "replace"))
            text = result.get_value(0, 0)
    except psycopg.OperationalError as error:
        if connection.closed:
            raise ServerLost("The disposable server closed the connection.", "Look into its log.") from error
        raise NotRun(str(error)) from error
    answer: dict[str, Any] = json.loads(text or b"[{}]")[0]
    return answer


def _indexes(plan: dict[str, Any]) -> set[str]:
    found = set()
    waiting: list[dict[str, Any]] = [plan]
    while waiting:
        node = waiting.pop()
        if "Index Name" in node:
            found.add(str(node["Index Name"]))
        waiting.extend(node.get("Plans", ()))
    return found


def time_all(
    connection: psycopg.Connection[Any], types: TypeNames, statements: Sequence[Statement], rounds: int
) -> tuple[dict[str, Timed], dict[str, str]]:
    """Return times by statement key, and why others were not run."""
    done: dict[str, Timed] = {}
    failed: dict[str, str] = {}
    for statement in statements:
        try:
            done[statement.key] = time_statement(connection, types, statement, rounds)
        except NotRun as error:
            failed[statement.key] = str(error)
    return done, failed
