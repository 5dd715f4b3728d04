"""Statements about rights, functions, rules and comments: what of them a rule may judge."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pglast import enums

from advisor.gate.columns import relation_name
from advisor.model.migration import Action
from advisor.model.names import RelationName

Functions = dict[str, str]

_OBJECTS = {
    enums.ObjectType.OBJECT_TABLE: "table",
    enums.ObjectType.OBJECT_SEQUENCE: "sequence",
    enums.ObjectType.OBJECT_SCHEMA: "schema",
    enums.ObjectType.OBJECT_DATABASE: "database",
    enums.ObjectType.OBJECT_FOREIGN_SERVER: "server",
    enums.ObjectType.OBJECT_FDW: "wrapper",
}
_EVENTS = {
    enums.CmdType.CMD_SELECT: "SELECT",
    enums.CmdType.CMD_INSERT: "INSERT",
    enums.CmdType.CMD_UPDATE: "UPDATE",
    enums.CmdType.CMD_DELETE: "DELETE",
}
# A verifier is no password, and a placeholder is filled in by the tool.
_NO_SECRET = re.compile(r"SCRAM-SHA-256\$|md5[0-9a-f]{32}$|\$\{|\{\{|\$\(|<[^>]*>$|%[^%]+%$|:\w+$|x*$")
_SECRET_IN_DSN = re.compile(r"\bpassword\s*=\s*(\S+)|://[^:/@\s]+:([^@\s]+)@", re.IGNORECASE)
_SECRETS = frozenset({"password", "passwd", "secret_access_key"})


def function_actions(node: Any, functions: Functions) -> Iterator[Action]:
    """CREATE FUNCTION and PROCEDURE."""
    name = node.funcname[-1].sval
    options = {option.defname: option.arg for option in node.options or ()}
    volatility = options["volatility"].sval if "volatility" in options else "volatile"
    functions[name.lower()] = volatility
    language = options["language"].sval.lower() if "language" in options else "sql"
    code = options.get("as")
    body = code[0].sval if isinstance(code, tuple) and language in ("sql", "plpgsql") else None
    said = _said(node.options)
    if node.sql_body is not None:
        said = (*said, "atomic")  # names in it were looked up when it was made
    yield Action(kind="create_function", name=name, type=volatility, value=language, body=body, options=said)


def alter_function_actions(node: Any, functions: Functions) -> Iterator[Action]:
    """ALTER FUNCTION, where it changes options."""
    yield Action(kind="alter_function", name=node.func.objname[-1].sval, options=_said(node.actions))


def _said(options: Any) -> tuple[str, ...]:
    """Return which of the options that decide about a function's safety are given."""
    found = []
    for option in options or ():
        if option.defname == "security" and option.arg.boolval:
            found.append("definer")
        kinds = (enums.VariableSetKind.VAR_SET_VALUE, enums.VariableSetKind.VAR_SET_CURRENT)
        if option.defname == "set" and option.arg.name == "search_path" and option.arg.kind in kinds:
            found.append("search_path")
    return tuple(found)


def grant_actions(node: Any, functions: Functions) -> Iterator[Action]:
    """GRANT … TO PUBLIC; every other GRANT and REVOKE is of no interest."""
    public = enums.RoleSpecType.ROLESPEC_PUBLIC
    if not node.is_grant or all(role.roletype != public for role in node.grantees) or node.objtype not in _OBJECTS:
        yield Action(kind="other")
        return
    privileges = tuple(privilege.priv_name for privilege in node.privileges or ()) or ("all",)
    whole = node.targtype != enums.GrantTargetType.ACL_TARGET_OBJECT
    kind = _OBJECTS[node.objtype]
    for item in node.objects or (None,):
        plain = getattr(item, "sval", None)
        relation = None if item is None or plain is not None else relation_name(item)
        name = plain if relation is None else str(relation)
        told = f"every {kind}{f' of {name}' if name else ' made from now on'}" if whole else f"{kind} {name}"
        yield Action(kind="grant_public", name=name, value=told, type=kind, columns=privileges, relation=relation)


def default_grant_actions(node: Any, functions: Functions) -> Iterator[Action]:
    """ALTER DEFAULT PRIVILEGES."""
    yield from grant_actions(node.action, functions)


def role_actions(node: Any, functions: Functions) -> Iterator[Action]:
    """CREATE and ALTER ROLE and USER MAPPING: a password in the text, without the password."""
    role: Any = getattr(node, "role", None) or getattr(node, "user", None)
    name = role if isinstance(role, str) else role.rolename or "the current user"
    for option in node.options or ():
        value = getattr(option.arg, "sval", None)
        if option.defname.lower() in _SECRETS and value is not None and not _NO_SECRET.match(value):
            yield Action(kind="password", name=name)
            return
    yield Action(kind="other")


def subscription_actions(node: Any, functions: Functions) -> Iterator[Action]:
    """CREATE and ALTER SUBSCRIPTION … CONNECTION."""
    match = _SECRET_IN_DSN.search(node.conninfo or "")
    secret = match is not None and not _NO_SECRET.match((match[1] or match[2]).strip("'"))
    yield Action(kind="password" if secret else "other", name=node.subname)


def rule_actions(node: Any, functions: Functions) -> Iterator[Action]:
    """CREATE RULE."""
    yield Action(
        kind="create_rule",
        relation=relation_name(node.relation),
        name=node.rulename,
        type=_EVENTS.get(node.event, "SELECT"),
        value="instead" if node.instead else "also",
        has_where=node.whereClause is not None,
    )


def comment_actions(node: Any, functions: Functions) -> Iterator[Action]:
    """COMMENT ON TABLE and COLUMN."""
    kinds = {enums.ObjectType.OBJECT_TABLE: "table", enums.ObjectType.OBJECT_COLUMN: "column"}
    kind = kinds.get(node.objtype)
    if kind is None or not node.comment:
        yield Action(kind="other")
        return
    parts = [part.sval for part in node.object]
    column = parts.pop() if kind == "column" else None
    relation = RelationName(parts[-2] if len(parts) > 1 else "public", parts[-1]) if parts else None
    yield Action(kind="comment", type=kind, relation=relation, name=column, value=node.comment)
