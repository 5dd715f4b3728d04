"""The GRANTs that close gaps, by major, and what of the statistics this role cannot see."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from advisor.collect.reader import Reader
from advisor.model.names import RelationName, quote_ident
from advisor.model.snapshot import Gap
from advisor.resources import sql_text

_PREDEFINED_READ_ALL_DATA = 14  # first major with pg_read_all_data
_LISTED = 3  # examples named in a gap
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
    refused = [row for row in rows if not row["can_select"] and not row["row_security"]]
    closed = [row for row in rows if row["can_select"] and not row["row_security"] and not row["schema_usage"]]
    if refused:
        partly = sum(row["some_columns"] for row in refused)
        also = f"; of {partly} of them some columns are" if partly else ""
        gaps.append(
            Gap(
                what=f"statistics of {_counted(refused, 'table')}",
                why=f"the role {role} has no SELECT there, and pg_stats hides what cannot be selected{also}",
                fix=" ".join(grant_select(role, _schemas(refused), reader.major)),
                costs=_NO_STATISTICS,
            )
        )
    if secured:
        gaps.append(
            Gap(
                what=f"statistics of {_counted(secured, 'table')} with row security",
                why=f"row-level security applies to the role {role}, and pg_stats then hides the whole table",
                fix=f"ALTER ROLE {role} BYPASSRLS;",
                costs=_NO_STATISTICS,
            )
        )
    if closed:
        gaps.append(
            Gap(
                what=f"plans on {_counted(closed, 'table')}",
                why=f"the role {role} has no USAGE on their schemas",
                fix=" ".join(f"GRANT USAGE ON SCHEMA {quote_ident(s)} TO {role};" for s in _schemas(closed)),
                costs="the twin's plans are not compared with the server's, and the oldest rows stay unknown",
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
            what=f"statistics of {_counted(rows, 'expression index')}",
            why=why,
            fix=f"GRANT pg_read_all_data TO {role};" if reader.major >= _PREDEFINED_READ_ALL_DATA else None,
            costs="conditions on these expressions are guessed",
        ),
    )


def _schemas(rows: Sequence[dict[str, str]]) -> list[str]:
    return sorted({row["schema"] for row in rows})


def _counted(rows: Sequence[dict[str, str]], noun: str) -> str:
    return counted([RelationName(row["schema"], row["name"]).display() for row in rows], noun)


def counted(names: Sequence[str], noun: str) -> str:
    """Return '1 table (orders)' or '12 tables (a, b, c and 9 more)'; the plural of `noun` takes an s or es.

    >>> counted(["a"], "index"), counted(["a", "b", "c", "d", "e"], "table")
    ('1 index (a)', '5 tables (a, b, c and 2 more)')
    """
    plural = noun if len(names) == 1 else noun + ("es" if noun.endswith("x") else "s")
    rest = len(names) - _LISTED
    listed = ", ".join(names[:_LISTED]) + (f" and {rest} more" if rest > 0 else "")
    return f"{len(names)} {plural} ({listed})"
