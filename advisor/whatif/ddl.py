"""CREATE INDEX of a candidate."""

from __future__ import annotations

from advisor.index_search.planner import Candidate
from advisor.model.catalog import IndexColumn
from advisor.model.names import quote_ident


def candidate_ddl(candidate: Candidate, name: str) -> str:
    """Return CREATE INDEX for a candidate, as a what-if planner runs it (not CONCURRENTLY)."""
    keys = ", ".join(_key_sql(column) for column in candidate.columns)
    statement = f"create index {quote_ident(name)} on {candidate.table} using {quote_ident(candidate.access_method)}"
    statement += f" ({keys})"
    if candidate.include:
        statement += f" include ({', '.join(quote_ident(column) for column in candidate.include)})"
    if candidate.reloptions:
        statement += f" with ({', '.join(candidate.reloptions)})"
    if candidate.predicate is not None:
        statement += f" where {candidate.predicate}"
    return statement


def _key_sql(column: IndexColumn) -> str:
    parts = [quote_ident(column.column) if column.column is not None else f"({column.expression})"]
    if column.collation is not None and not column.collation_is_default:
        parts.append(f"collate {column.collation}")
    if column.opclass is not None and not column.opclass_is_default:
        parts.append(str(column.opclass))
    if column.descending:
        parts.append("desc")
    if column.nulls_first != column.descending:
        parts.append("nulls first" if column.nulls_first else "nulls last")
    return " ".join(parts)
