"""The corpus of fixtures/workloads run for real, so that pg_stat_statements holds what normalisation makes of it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import pq

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "workloads"
ROLES = {"tenant_a": "corpus_tenant_a", "tenant_b": "corpus_tenant_b", "crm": "corpus_crm"}
_LINE = re.compile(r"^(?P<sql>.*);(?P<comment>\s*--.*)?$")


@dataclass(frozen=True, slots=True)
class CorpusStatement:
    """One statement: with constants, or with $n and `values`; `role` is the schema whose role runs it."""

    sql: str
    values: tuple[str | None, ...] | None = None
    role: str | None = None


def corpus(major: int) -> list[CorpusStatement]:
    """Return the statements that a server of `major` knows."""
    found = []
    for name in ("corpus.sql", "corpus_bound.sql"):
        for line in (FIXTURES / name).read_text(encoding="utf-8").splitlines():
            match = _LINE.match(line)
            if match is None or line.startswith("--"):
                continue
            comment = match["comment"] or ""
            needed = re.search(r"major: (\d+)", comment)
            if needed is not None and major < int(needed[1]):
                continue
            role = re.search(r"role: (\w+)", comment)
            values = re.search(r"values: (\[.*\])", comment)
            found.append(
                CorpusStatement(
                    match["sql"],
                    tuple(json.loads(values[1])) if values is not None else None,
                    role[1] if role is not None else None,
                )
            )
    return found


def load_schema(dsn: str) -> None:
    """Create the corpus's tables, data and roles in an empty database."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("create extension if not exists pg_stat_statements")
        connection.execute((FIXTURES / "corpus_schema.sql").read_bytes())
        name = connection.info.dbname
        connection.execute(f"alter database {name} set pg_stat_statements.track = 'all'".encode())
        connection.execute(f"alter database {name} set timezone = 'UTC'".encode())
        for schema, role in ROLES.items():
            connection.execute(
                f"do $$ begin create role {role} login superuser;"
                " exception when duplicate_object or unique_violation then null; end $$".encode()
            )
            connection.execute(f"alter role {role} in database {name} set search_path = {schema}, public".encode())


def run_corpus(dsn: str, statements: list[CorpusStatement]) -> list[str]:
    """Run every statement once and return what failed; pg_stat_statements holds them and nothing before them."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("select pg_stat_statements_reset()")
    failed = []
    sessions = {None: psycopg.connect(dsn, autocommit=True)}
    try:
        for statement in statements:
            if statement.role not in sessions:
                sessions[statement.role] = psycopg.connect(dsn, autocommit=True, user=ROLES[statement.role or ""])
            raw = sessions[statement.role].pgconn
            if statement.values is None:
                result = raw.exec_(statement.sql.encode())
            else:
                bound = [None if value is None else value.encode() for value in statement.values]
                result = raw.exec_params(statement.sql.encode(), bound)
            if result.status == pq.ExecStatus.COPY_OUT:
                while raw.get_copy_data(0)[0] > 0:
                    pass
                raw.get_result()
                raw.get_result()
            elif result.status not in (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK):
                failed.append(f"{statement.sql}: {(result.error_message or b'').decode()}")
    finally:
        for session in sessions.values():
            session.close()
    return failed
