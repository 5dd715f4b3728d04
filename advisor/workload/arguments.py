"""Values for parameters that are no data but words of a function's own language: units, formats, time zones."""

from __future__ import annotations

from typing import Any

from pglast import ast

from advisor.workload.parse import Tree, find, function_name, is_parameter, operator_name

# (function, argument from 0) -> a value it accepts
_WORDS = {
    ("date_trunc", 0): "day",
    ("date_trunc", 2): "UTC",
    ("date_part", 0): "day",
    ("extract", 0): "day",
    ("timezone", 0): "UTC",
    ("to_char", 1): "YYYY-MM-DD",
    ("to_date", 1): "YYYY-MM-DD",
    ("to_timestamp", 1): "YYYY-MM-DD",
    ("to_date", 0): "2000-01-01",
    ("encode", 1): "hex",
    ("decode", 1): "hex",
    ("normalize", 1): "NFC",
    ("digest", 1): "sha256",
    ("regexp_replace", 3): "g",
    ("regexp_matches", 2): "g",
    ("string_to_array", 1): ",",
    ("split_part", 1): ",",
    ("date_bin", 0): "1 hour",
}
_DAYS = " days"


def argument_values(tree: Tree) -> dict[int, str]:
    """Return a value for every parameter that stands where a function wants a word of its own."""
    found: dict[int, str] = {}
    for call in find(tree, ast.FuncCall):
        name = function_name(call)
        for position, argument in enumerate(call.args or ()):
            value = _WORDS.get((name, position))
            number = _parameter_in(argument)
            if value is not None and number is not None:
                found[number] = value
    for cast in find(tree, ast.TypeCast):
        if cast.typeName.names[-1].sval == "interval":
            found |= _interval_text(cast.arg)
    return found


def _interval_text(node: Any) -> dict[int, str]:
    """`($1 || $2)::interval`: a number and a unit. `($1 || ' days')` has its unit already."""
    if not isinstance(node, ast.A_Expr) or operator_name(node) != "||":
        return {}
    left, right = _parameter_in(node.lexpr), _parameter_in(node.rexpr)
    found: dict[int, str] = {}
    if left is not None:
        found[left] = "7"
    if right is not None:
        found[right] = _DAYS
    return found


def _parameter_in(node: Any) -> int | None:
    while isinstance(node, ast.TypeCast):
        node = node.arg
    return int(node.number) if is_parameter(node) else None
