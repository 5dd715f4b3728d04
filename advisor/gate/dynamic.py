"""What hides in DO blocks: the statements of their body, and constant strings given to EXECUTE."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

import pglast

from advisor.gate.actions import Functions, actions_of
from advisor.model.migration import Action, Step
from advisor.model.names import quote_ident, quote_literal

Bodies = Mapping[str, tuple[str, str]]
_DEPTH = 5  # functions that call functions


def expand(step: Step, functions: Functions, bodies: Bodies) -> tuple[tuple[Action, ...], bool]:
    """Return the actions inside a step's DO blocks, and whether some dynamic SQL could not be read.

    `bodies`: the functions that the migrations made: what they do is done where they are called.
    """
    found, opaque = _inside(step.actions, functions, bodies, _DEPTH)
    return tuple(replace(action, nested=True) for action in found), opaque


def _inside(actions: Iterable[Action], functions: Functions, bodies: Bodies, depth: int) -> tuple[list[Action], bool]:
    found: list[Action] = []
    opaque = False
    for action in actions:
        codes = [bodies[name] for name in action.calls if name in bodies] if depth else []
        if action.kind == "do" and action.body is not None:
            codes = [((action.type or "").lower(), action.body)]
        for language, body in codes:
            inner, hidden = _code(language, body, functions)
            deeper, hidden_deeper = _inside(inner, functions, bodies, depth - 1) if depth else ([], False)
            found += [*inner, *deeper]
            opaque = opaque or hidden or hidden_deeper
    return found, opaque


def _code(language: str, body: str, functions: Functions) -> tuple[list[Action], bool]:
    if language == "plpgsql":
        return _block(body, functions)
    return (_parse(body, functions) or [], False) if language == "sql" else ([], True)


def _parse(text: str, functions: Functions) -> list[Action] | None:
    try:
        return [action for raw in pglast.parse_sql(text) for action in actions_of(raw.stmt, functions)]
    except pglast.parser.ParseError:
        return None


def _block(body: str, functions: Functions) -> tuple[list[Action], bool]:
    wrapper = f"create function f() returns void language plpgsql as {_dollar(body)}"
    try:
        tree = pglast.parse_plpgsql(wrapper)
    except (pglast.parser.ParseError, json.JSONDecodeError, KeyError):
        return [], bool(re.search(r"\bexecute\b", body, re.IGNORECASE))
    actions: list[Action] = []
    opaque = False

    def walk(node: object) -> None:
        nonlocal opaque
        if isinstance(node, dict):
            for key, value in node.items():
                if key == "PLpgSQL_stmt_execsql":
                    text = value.get("sqlstmt", {}).get("PLpgSQL_expr", {}).get("query", "")
                    actions.extend(_parse(text, functions) or [])
                elif key in ("PLpgSQL_stmt_dynexecute", "PLpgSQL_stmt_dynfors"):
                    text = value.get("query", {}).get("PLpgSQL_expr", {}).get("query", "")
                    constant = _constant(text)
                    inner = _parse(constant, functions) if constant is not None else None
                    if inner is None:
                        opaque = True
                    else:
                        actions.extend(inner)
                    walk(value)
                elif key in ("PLpgSQL_stmt_call", "PLpgSQL_stmt_perform"):
                    text = value.get("expr", {}).get("PLpgSQL_expr", {}).get("query", "")
                    actions.extend(action for action in _parse(text, functions) or [] if action.calls)
                elif key in ("PLpgSQL_stmt_commit", "PLpgSQL_stmt_rollback"):
                    actions.append(Action(kind=key.rpartition("_")[2]))
                else:
                    walk(value)
        elif isinstance(node, list):
            for item in node:
                walk(item)

    walk(tree)
    return actions, opaque


def _dollar(body: str) -> str:
    tag = "$body$"
    while tag in body:
        tag = tag[:-1] + "x$"
    return f"{tag}{body}{tag}"


def _constant(text: str) -> str | None:
    """Return the string of an EXECUTE argument that is one constant, possibly format() of constants."""
    try:
        tree = pglast.parse_sql("select " + text)
    except pglast.parser.ParseError:
        return None
    value = tree[0].stmt.targetList[0].val
    if isinstance(value, pglast.ast.A_Const) and isinstance(value.val, pglast.ast.String):
        return str(value.val.sval)
    if isinstance(value, pglast.ast.A_Expr) and value.name[-1].sval == "||":
        left, right = _constant_of(value.lexpr), _constant_of(value.rexpr)
        return left + right if left is not None and right is not None else None
    if isinstance(value, pglast.ast.FuncCall) and value.funcname[-1].sval == "format":
        return _formatted([_constant_of(arg) for arg in value.args or ()])
    return None


def _constant_of(node: object) -> str | None:
    if isinstance(node, pglast.ast.A_Const) and isinstance(node.val, pglast.ast.String):
        return str(node.val.sval)
    if isinstance(node, pglast.ast.A_Expr) and node.name[-1].sval == "||":
        left, right = _constant_of(node.lexpr), _constant_of(node.rexpr)
        return left + right if left is not None and right is not None else None
    return None


def _formatted(parts: list[str | None]) -> str | None:
    """Return format()'s result when the template and every argument are constants."""
    if not parts or any(part is None for part in parts):
        return None
    template, *arguments = [part for part in parts if part is not None]
    queue = list(arguments)

    def fill(match: re.Match[str]) -> str:
        if match[1] == "%":
            return "%"
        value = queue.pop(0) if queue else ""
        if match[1] == "I":
            return quote_ident(value)
        return quote_literal(value) if match[1] == "L" else value

    return re.sub(r"%([sIL%])", fill, template)
