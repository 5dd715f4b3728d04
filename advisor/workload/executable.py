"""A statement with its values written into it, for programs that send plain text."""

from __future__ import annotations

from collections.abc import Sequence

from pglast import ast

from advisor.model.names import quote_ident, quote_literal
from advisor.workload.parse import Tree, apply_edits, code_tokens, find, function_name, parameter_number, parse_tree


def with_values(text: str, types: Sequence[str], values: Sequence[str | None]) -> str:
    """Return `text` with each $n replaced by its value, cast to its type ('pg_catalog.int4'). Raises NotParsed.

    >>> with_values("select * from t where a = $1", ["pg_catalog.int4"], ["5"])
    "select * from t where a = ('5'::pg_catalog.int4)"
    """
    edits = []
    for token in code_tokens(text):
        if token.name == "PARAM":
            number = parameter_number(text, token)
            edits.append((token.start, token.end, _constant(values[number - 1], types[number - 1])))
    return apply_edits(text, edits)


def _constant(value: str | None, type_name: str) -> str:
    schema, _, name = type_name.partition(".")
    literal = "NULL" if value is None else quote_literal(value)
    if type_name == "pg_catalog.unknown":
        return literal
    return f"({literal}::{quote_ident(schema)}.{quote_ident(name)})"


def functions_called(text: str) -> frozenset[str]:
    """Return the names, without schema, of the functions that `text` calls. Raises NotParsed."""
    return frozenset(function_name(call).rpartition(".")[2] for call in find(parse_tree(text), ast.FuncCall))


def takes_locks(text: str) -> bool:
    """Return whether `text` is FOR UPDATE, FOR SHARE or the like, or changes rows inside WITH. Raises NotParsed."""
    tree: Tree = parse_tree(text)
    return bool(find(tree, ast.LockingClause, ast.InsertStmt, ast.UpdateStmt, ast.DeleteStmt, ast.MergeStmt))
