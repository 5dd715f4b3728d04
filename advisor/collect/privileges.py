"""The GRANTs that close gaps, by major, and what of the statistics this role cannot see."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from advisor.collect.reader import Reader
from advisor.model.names import RelationName, quote_ident
from advisor.model.snapshot import Gap
from advisor.resources import sql_text

_PREDEFINED_READ_ALL_DATA = 14  # first major with pg_read_all_data
_NO_STATISTICS = (
    "selectivities of these tables are guessed: index proposals, sizes of proposed indexes and retention on them"
    " are less certain or missing"
)


def role_of(reader: Reader) -> str:
    """Return the session's role as an identifier for a GRANT."""
    return quote_ident(reader.role)


def grant_select(role: str, schemas: Iterable[str], major: int) -> tuple[str, ...]:
    """Return the statements that let `role` (quoted) read all tables of `schemas`."""
    if major >= _PREDEFINED_READ_ALL_DATA:
        return (f"GRANT pg_read_all_data TO {role};",)
    return tuple(
        statement
        for schema in map(quote_ident, schemas)
        for statement in (
            f"GRANT USAGE ON SCHEMA {schema} TO {role};",
            f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role};",
        )
    )


def grant_sequences(reader: Reader, schemas: Iterable[str]) -> str:
    """Return the statements that let this role read all sequences of `schemas`."""
    role = role_of(reader)
    if reader.major >= _PREDEFINED_READ_ALL_DATA:
        return f"GRANT pg_read_all_data TO {role};"
    return " ".join(
        f"GRANT USAGE ON SCHEMA {schema} TO {role}; GRANT SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {role};"
        for schema in map(quote_ident, schemas)
    )


def statistics_gaps(reader: Reader) -> tuple[Gap, ...]:
    """Return gaps for tables whose pg_stats rows this role does not get; the view leaves them out without a word."""
    rows = reader.dicts(sql_text("unreadable", reader.major), name="unreadable", what="privileges on tables")
    role = role_of(reader)
    gaps = []
    secured = [row for row in rows if row["row_security"]]
    refused = [row for row in rows if not row["row_security"]]
    if refused:
        partly = sum(row["some_columns"] for row in refused)
        also = f"; of {partly} of them some columns are" if partly else ""
        gaps.append(
            Gap(
                what=f"statistics of {len(refused)} tables ({_examples(refused)})",
                why=f"the role {role} has no SELECT on them, and pg_stats hides what cannot be selected{also}",
                fix=" ".join(grant_select(role, sorted({row["schema"] for row in refused}), reader.major)),
                costs=_NO_STATISTICS,
            )
        )
    if secured:
        gaps.append(
            Gap(
                what=f"statistics of {len(secured)} tables with row security ({_examples(secured)})",
                why=f"row-level security applies to the role {role}, and pg_stats then hides the whole table",
                fix=f"ALTER ROLE {role} BYPASSRLS;",
                costs=_NO_STATISTICS,
            )
        )
    return (*gaps, *_expression_gaps(reader, role))


def _expression_gaps(reader: Reader, role: str) -> tuple[Gap, ...]:
    name = "unreadable_expressions"
    rows = reader.dicts(sql_text(name, reader.major), name=name, what="privileges on expression indexes")
    if not rows:
        return ()
    why = f"pg_stats shows them only to who may select from the index, and {role} may not"
    if reader.major < _PREDEFINED_READ_ALL_DATA:
        why += f"; on PostgreSQL {reader.major} that is the owner of the table or a superuser, and cannot be granted"
    return (
        Gap(
            what=f"statistics of {len(rows)} expression indexes ({_examples(rows)})",
            why=why,
            fix=f"GRANT pg_read_all_data TO {role};" if reader.major >= _PREDEFINED_READ_ALL_DATA else None,
            costs="conditions on these expressions are guessed",
        ),
    )


def _examples(rows: Sequence[dict[str, str]]) -> str:
    names = [RelationName(row["schema"], row["name"]).display() for row in rows[:3]]
    return ", ".join(names) + (f" and {len(rows) - 3} more" if len(rows) > 3 else "")
