"""Loads an application into a server and runs its workload, so that the statistics views hold it."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import pglast
import psycopg
from psycopg.types.json import Jsonb

from advisor.demo.application import Application, Shape
from advisor.errors import AdvisorError, UsageError
from advisor.progress import Progress, Silent


class LoadFailed(AdvisorError):
    """A statement of a schema or workload file that the server refused."""


def split_script(text: str, name: str) -> tuple[str, ...]:
    """Return the statements of an SQL script. Raises UsageError where it is not PostgreSQL's SQL."""
    try:
        return tuple(pglast.split(text))
    except pglast.parser.ParseError as error:
        raise UsageError(f"{name} is not valid SQL: {error.args[0]}.") from error


def load_schema(connection: psycopg.Connection[Any], text: str, name: str, progress: Progress | None = None) -> None:
    """Run a script statement by statement. Raises LoadFailed with the statement that failed."""
    statements = split_script(text, name)
    with (progress or Silent()).step(f"Loading {name}", len(statements)) as step:
        for statement in statements:
            try:
                connection.execute(statement.encode())
            except psycopg.OperationalError:
                raise
            except psycopg.Error as error:
                first_line = statement.strip().splitlines()[0][:80]
                raise LoadFailed(f"{name}: {error.diag.message_primary or error} (at: {first_line}).") from error
            step.advance()


def run_workload(
    connection: psycopg.Connection[Any], application: Application, progress: Progress | None = None, scale: float = 1.0
) -> int:
    """Run the application's statements in mixed order with values drawn from their pools; return the number of calls.

    A statement that the server refuses is left out from then on; the report lists it among the unusable ones.
    The order is the same on every run. `scale` multiplies the calls. pg_stat_statements, where it is created, is
    emptied first: loading the data and drawing the values are not the application's work.
    """
    draw = random.Random(42)
    pools = {shape.name: _pools(connection, shape) for shape in application.statements}
    if connection.execute("select 1 from pg_extension where extname = 'pg_stat_statements'").fetchone():
        connection.execute("select pg_stat_statements_reset()")
    refused: set[str] = set()
    schedule = [shape for shape in application.statements for _ in range(max(1, round(shape.calls * scale)))]
    draw.shuffle(schedule)
    with (progress or Silent()).step("Running the workload", len(schedule)) as step:
        for shape in schedule:
            values = {name: draw.choice(pool) for name, pool in pools[shape.name].items()}
            if shape.name not in refused and not _accepted(connection, shape, values):
                refused.add(shape.name)
            step.advance()
    return sum(shape.name not in refused for shape in schedule)


def _pools(connection: psycopg.Connection[Any], shape: Shape) -> dict[str, Sequence[Any]]:
    return {
        name: [_bindable(row[0]) for row in connection.execute(query.encode()).fetchall()]
        for name, query in shape.values.items()
    }


def _bindable(value: Any) -> Any:
    """Return a value as psycopg can send it back: documents were decoded on the way out."""
    return Jsonb(value) if isinstance(value, dict) else value


def _accepted(connection: psycopg.Connection[Any], shape: Shape, values: Mapping[str, Any]) -> bool:
    """Run one statement; return False when the server refuses it. Raises psycopg.OperationalError when it is lost."""
    try:
        with connection.transaction(force_rollback=shape.transaction == "rollback"):
            # Without values nothing is a placeholder: a statement file may contain any %.
            connection.execute(shape.sql.encode(), values or None)
    except psycopg.OperationalError:
        raise
    except psycopg.Error:
        return False
    return True
