"""Recognises an index by what it is, whatever its name: table, method, keys, included columns, predicate. Pure."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import pglast
from pglast import ast, enums
from pglast.stream import RawStream
from pglast.visitors import Visitor

_CAST_DEPTH = 4
_SPACE = re.compile(r"\s+")


class _WithoutCasts(Visitor):  # type: ignore[misc]
    """Takes off the casts the server's deparser adds."""

    def visit_TypeCast(self, _ancestors: Any, node: Any) -> Any:
        """Return what is cast."""
        return node.arg


@lru_cache(maxsize=4096)
def canonical(ddl: str) -> str | None:
    """Return the definition of a CREATE INDEX in a form that two ways to write it share; None for other texts.

    Names, CONCURRENTLY, casts the server adds, storage parameters and the order of included columns do not matter.

    >>> canonical("CREATE INDEX CONCURRENTLY x ON public.t (a, b DESC) WHERE (status)::text = 'open'::text")
    "public.t btree (a;b desc) where status='open'"
    >>> canonical("create index on public.t using btree (a asc, b desc nulls first) where status = 'open'")
    "public.t btree (a;b desc) where status='open'"
    """
    try:
        tree = pglast.parse_sql(ddl)
    except pglast.parser.ParseError:
        return None
    for _ in range(_CAST_DEPTH):  # what a visit puts in place is not visited again
        _WithoutCasts()(tree)
    statement: Any = next((raw.stmt for raw in tree if isinstance(raw.stmt, ast.IndexStmt)), None)
    if statement is None:
        return None
    relation = statement.relation
    table = f"{relation.schemaname or 'public'}.{relation.relname}"
    method = statement.accessMethod or "btree"
    keys = ";".join(_key(element) for element in statement.indexParams)
    text = f"{table} {method} ({keys})"
    if statement.unique:
        text = f"unique {text}"
    if statement.indexIncludingParams:
        text += f" include ({';'.join(sorted(element.name for element in statement.indexIncludingParams))})"
    if statement.whereClause is not None:
        text += f" where {_expression(statement.whereClause)}"
    return text


def _key(element: Any) -> str:
    text = element.name if element.name is not None else f"({_expression(element.expr)})"
    if element.opclass:
        text += f" {element.opclass[-1].sval}"
    descending = element.ordering == enums.SortByDir.SORTBY_DESC
    first = element.nulls_ordering == enums.SortByNulls.SORTBY_NULLS_FIRST
    last = element.nulls_ordering == enums.SortByNulls.SORTBY_NULLS_LAST
    if descending:
        text += " desc"
    # NULLS FIRST is what DESC means anyway.
    if first and not descending:
        text += " nulls first"
    if last and descending:
        text += " nulls last"
    return str(text)


def _expression(node: Any) -> str:
    text = _SPACE.sub("", RawStream()(node).replace("pg_catalog.", "").replace("(", "").replace(")", ""))
    return _lower_outside_literals(text).replace("=anyarray[", "in").replace("]", "")


def _lower_outside_literals(text: str) -> str:
    parts = text.split("'")
    return "'".join(part.lower() if position % 2 == 0 else part for position, part in enumerate(parts))
