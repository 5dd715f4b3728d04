"""GIN: containment in jsonb and arrays, text search."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.index_search.candidates.btree import Columns
from advisor.index_search.facts import Facts
from advisor.index_search.occurrence import Occurrence
from advisor.model.catalog import IndexColumn
from advisor.model.names import RelationName

_PATHS = RelationName("pg_catalog", "jsonb_path_ops")
_ARRAY_OPERATORS = frozenset({"@>", "<@", "&&"})
_KEY_OPERATORS = frozenset({"?", "?|", "?&"})
_PATH_OPERATORS = frozenset({"@>", "@?", "@@"})


def gin_keys(one: Occurrence, facts: Facts) -> Iterator[Columns]:
    """Yield GIN keys for the occurrence's containment conditions."""
    json_operators: dict[str, set[str]] = {}
    for key in one.contains:
        use = key.use
        if use.operator == "@@" and (use.expression or "").lower().startswith(("to_tsvector(", "setweight(")):
            yield (IndexColumn(column=None, expression=use.expression),)
            continue
        column = facts.column(one.relation, use.columns[0])
        if column is None:
            continue
        name = column.base_type.name
        if name == "jsonb" or (use.expression is not None and "->" in use.expression and "->>" not in use.expression):
            json_operators.setdefault(key.name, set()).add(str(use.operator))
            where = IndexColumn(column=None if use.expression else use.columns[0], expression=use.expression)
            if use.operator in _PATH_OPERATORS:
                yield (
                    IndexColumn(
                        column=where.column, expression=where.expression, opclass=_PATHS, opclass_is_default=False
                    ),
                )
            if use.operator in _KEY_OPERATORS or use.operator == "@>":
                yield (where,)
        elif use.expression is None and _indexable(name, column.type_category, str(use.operator)):
            yield (IndexColumn(column=use.columns[0]),)


def _indexable(type_name: str, category: str, operator: str) -> bool:
    """Return whether the type's default GIN operator class has the operator."""
    if category == "A":
        return operator in _ARRAY_OPERATORS
    if type_name == "tsvector":
        return operator in ("@@", "@@@")
    return type_name == "hstore" and operator in (*_KEY_OPERATORS, "@>")
