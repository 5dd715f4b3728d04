"""Composes CREATE INDEX statements from catalog rows, as pg_get_indexdef would write them.

pg_get_indexdef itself waits for whoever holds the table exclusively, and takes seconds for tens of thousands.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from advisor.model.catalog import IndexColumn
from advisor.model.names import RelationName, quote_ident, quote_literal

_OPENING, _CLOSING = "([{", ")]}"
_FUNCTION_CALL = re.compile(r'^((?:"(?:[^"]|"")+"|[\w$]+)(?:\.(?:"(?:[^"]|"")+"|[\w$]+))?)\(', re.UNICODE)
# Written like calls without being any: PostgreSQL wants parentheses around them.
_NOT_FUNCTIONS = frozenset({"ROW", "ARRAY", "NOT", "CASE", "CAST"})


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexColumnRow:
    """One row of sql/index_columns.sql."""

    oid: int
    position: int
    column: str | None
    opclass: RelationName | None
    opclass_is_default: bool
    collation: RelationName | None
    collation_is_default: bool
    options: tuple[str, ...]  # operator class options: siglen=32
    descending: bool
    nulls_first: bool


def split_expressions(text: str | None) -> tuple[str, ...]:
    """Return the items of an expression list as pg_get_expr prints it.

    >>> split_expressions("lower(a), (b || ', '::text)")
    ('lower(a)', "(b || ', '::text)")
    """
    if not text:
        return ()
    items, depth, start, position = [], 0, 0, 0
    while position < len(text):
        char = text[position]
        if char in "'\"":
            # A quote inside is doubled, so the next single one ends the token; E'' strings print the same way.
            position = text.index(char, position + 1)
        elif char in _OPENING:
            depth += 1
        elif char in _CLOSING:
            depth -= 1
        elif char == "," and depth == 0:
            items.append(text[start:position].strip())
            start = position + 1
        position += 1
    items.append(text[start:].strip())
    return tuple(items)


def parenthesised(expression: str) -> str:
    """Return the expression as an index column is written: in parentheses unless it is one function call.

    >>> parenthesised("lower(a)"), parenthesised("a || b"), parenthesised("lower(a) || lower(b)")
    ('lower(a)', '(a || b)', '(lower(a) || lower(b))')
    """
    match = _FUNCTION_CALL.match(expression)
    if match is not None and match[1].upper() not in _NOT_FUNCTIONS:
        depth, position = 0, match.end() - 1
        while position < len(expression):
            char = expression[position]
            if char in "'\"":
                position = expression.index(char, position + 1)
            elif char in _OPENING:
                depth += 1
            elif char in _CLOSING:
                depth -= 1
                if depth == 0:
                    break
            position += 1
        if position == len(expression) - 1:
            return expression
    return f"({expression})"


def compose_definition(
    *,
    name: str,
    table: RelationName,
    method: str,
    keys: Sequence[tuple[IndexColumnRow, str | None]],
    include: Sequence[str],
    unique: bool,
    nulls_not_distinct: bool,
    only: bool,
    reloptions: Sequence[str],
    predicate: str | None,
    can_order: bool,
) -> str:
    """Return the statement; `keys` are the key columns with the text of their expression, if they are one."""
    columns = ", ".join(_key(row, expression, can_order=can_order) for row, expression in keys)
    parts = [
        "CREATE UNIQUE INDEX" if unique else "CREATE INDEX",
        quote_ident(name),
        "ON ONLY" if only else "ON",
        str(table),
        f"USING {quote_ident(method)}",
        f"({columns})",
    ]
    if include:
        parts.append(f"INCLUDE ({', '.join(quote_ident(column) for column in include)})")
    if nulls_not_distinct:
        parts.append("NULLS NOT DISTINCT")
    if reloptions:
        parts.append(f"WITH ({_options(reloptions)})")
    if predicate is not None:
        parts.append(f"WHERE {predicate}")
    return " ".join(parts)


def _key(row: IndexColumnRow, expression: str | None, *, can_order: bool) -> str:
    text = quote_ident(row.column) if row.column is not None else parenthesised(expression or "")
    if row.collation is not None and not row.collation_is_default:
        text += f" COLLATE {_visible(row.collation)}"
    if row.opclass is not None and (row.options or not row.opclass_is_default):
        text += f" {_visible(row.opclass)}"
        if row.options:
            text += f" ({_options(row.options)})"
    if can_order and row.descending:
        return text + (" DESC" if row.nulls_first else " DESC NULLS LAST")
    return text + (" NULLS FIRST" if can_order and row.nulls_first else "")


def _visible(name: RelationName) -> str:
    """Return the name as it prints under an empty search path, which still holds pg_catalog."""
    return quote_ident(name.name) if name.schema == "pg_catalog" else str(name)


def _options(options: Sequence[str]) -> str:
    pairs = (option.partition("=") for option in options)
    # PostgreSQL quotes every value that is not a plain identifier.
    return ", ".join(
        f"{quote_ident(key)}={value if re.fullmatch(r'[a-z_][a-z0-9_$]*', value) else quote_literal(value)}"
        for key, _, value in pairs
    )


def index_columns(keys: Sequence[tuple[IndexColumnRow, str | None]]) -> tuple[IndexColumn, ...]:
    """Return the key columns as the model has them; expressions in their readable form."""
    return tuple(
        IndexColumn(
            column=row.column,
            expression=parenthesised(expression) if expression is not None else None,
            opclass=row.opclass,
            opclass_is_default=row.opclass_is_default and not row.options,
            collation=row.collation,
            collation_is_default=row.collation_is_default,
            descending=row.descending,
            nulls_first=row.nulls_first,
        )
        for row, expression in keys
    )
