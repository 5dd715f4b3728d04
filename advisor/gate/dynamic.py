"""What hides in DO blocks: the statements of their body, and constant strings given to EXECUTE."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pglast

from advisor.gate.actions import Functions, actions_of
from advisor.model.migration import Action, Step
from advisor.model.names import quote_ident, quote_literal


def expand(step: Step, functions: Functions) -> tuple[tuple[Action, ...], bool]:
    """Return the actions inside a step's DO blocks, and whether some dynamic SQL could not be read."""
    found: list[Action] = []
    opaque = False
    for action in step.actions:
        if action.kind != "do" or action.body is None:
            continue
        if (action.type or "").lower() != "plpgsql":
            opaque = opaque or (action.type or "").lower() != "sql"
            if (action.type or "").lower() == "sql":
                found += _parse(action.body, functions) or []
            continue
        inner, hidden = _block(action.body, functions)
        found += inner
        opaque = opaque or hidden
    return tuple(replace(action, nested=True) for action in found), opaque


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
