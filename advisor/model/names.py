"""Names of relations, and quoting them the way PostgreSQL does."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PLAIN = re.compile(r"^[a-z_][a-z0-9_$]*$")

# Reserved words and those that cannot be a column or table name unquoted (PostgreSQL 18, pg_get_keywords: R and T),
# plus the col-name keywords (C) that quote_ident() quotes too. Kept sorted; tests compare it with a live server.
RESERVED = frozenset(
    """
    all analyse analyze and any array as asc asymmetric authorization between bigint binary bit boolean both
    case cast char character check coalesce collate collation column concurrently constraint create cross
    current_catalog current_date current_role current_schema current_time current_timestamp current_user dec
    decimal default deferrable desc distinct do else end except exists extract false fetch float for foreign
    freeze from full grant greatest group grouping having ilike in initially inner inout int integer intersect
    interval into is isnull join json json_array json_arrayagg json_exists json_object json_objectagg
    json_query json_scalar json_serialize json_table json_value lateral leading least left like limit
    localtime localtimestamp merge_action national natural nchar none normalize not notnull null nullif
    numeric offset on only or order out outer overlaps overlay placing position precision primary real
    references returning right row select session_user setof similar smallint some substring symmetric
    system_user table tablesample then time timestamp to trailing treat trim true union unique user using
    values varchar variadic verbose when where window with xmlattributes xmlconcat xmlelement xmlexists
    xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable
    """.split()  # noqa: SIM905 (a list of one string per line would be 130 lines)
)


def quote_ident(name: str) -> str:
    """Return `name` as an SQL identifier, quoted only where PostgreSQL's quote_ident() would.

    >>> quote_ident("orders"), quote_ident("Order"), quote_ident('a"b'), quote_ident("user")
    ('orders', '"Order"', '"a""b"', '"user"')
    """
    if _PLAIN.match(name) and name not in RESERVED:
        return name
    return '"' + name.replace('"', '""') + '"'


def quote_literal(text: str) -> str:
    """Return `text` as an SQL string constant, safe whatever standard_conforming_strings says.

    >>> quote_literal("it's"), quote_literal("a\\\\b")
    ("'it''s'", "E'a\\\\\\\\b'")
    """
    doubled = text.replace("'", "''")
    return "E'" + doubled.replace("\\", "\\\\") + "'" if "\\" in text else f"'{doubled}'"


@dataclass(frozen=True, slots=True, order=True)
class RelationName:
    """A relation's schema and name, unquoted; `str()` gives the quoted SQL form."""

    schema: str
    name: str

    def __str__(self) -> str:
        return f"{quote_ident(self.schema)}.{quote_ident(self.name)}"

    def display(self) -> str:
        """Return the short form for people: without the schema `public`."""
        return quote_ident(self.name) if self.schema == "public" else str(self)
