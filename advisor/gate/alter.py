"""ALTER TABLE, one action per subcommand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pglast import enums

from advisor.gate.columns import column_spec, constraint_spec, relation_name
from advisor.gate.expressions import is_volatile, sql_text, type_text
from advisor.model.migration import Action, ColumnSpec

_KINDS = enums.AlterTableType

# Subcommands that need nothing but their kind.
_PLAIN = {
    _KINDS.AT_SetNotNull: "set_not_null",
    _KINDS.AT_DropNotNull: "drop_not_null",
    _KINDS.AT_ValidateConstraint: "validate_constraint",
    _KINDS.AT_EnableRowSecurity: "enable_rls",
    _KINDS.AT_DisableRowSecurity: "disable_rls",
    _KINDS.AT_DisableTrig: "disable_trigger",
    _KINDS.AT_DisableTrigAll: "disable_trigger",
    _KINDS.AT_DisableTrigUser: "disable_trigger",
    _KINDS.AT_AddInherit: "inherit",
    _KINDS.AT_DropInherit: "inherit",
    _KINDS.AT_DropIdentity: "drop_identity",
}
_STORAGE = {
    _KINDS.AT_SetLogged: "LOGGED",
    _KINDS.AT_SetUnLogged: "UNLOGGED",
    _KINDS.AT_SetTableSpace: "TABLESPACE",
    _KINDS.AT_SetAccessMethod: "ACCESS METHOD",
}


def alter_table_actions(node: Any, functions: dict[str, str]) -> Iterator[Action]:
    """Yield the actions of one ALTER TABLE (or INDEX, VIEW …)."""
    relation = relation_name(node.relation)
    common: dict[str, Any] = {
        "relation": relation,
        "only": not node.relation.inh,
        "if_exists": bool(node.missing_ok),
    }
    if node.objtype == enums.ObjectType.OBJECT_INDEX:
        attach = any(command.subtype == _KINDS.AT_AttachPartition for command in node.cmds)
        yield Action(kind="attach_index" if attach else "other", **common)
        return
    if node.objtype not in (enums.ObjectType.OBJECT_TABLE, enums.ObjectType.OBJECT_FOREIGN_TABLE):
        yield Action(kind="other", **common)
        return
    for command in node.cmds:
        yield from _command(command, common, functions)


def _command(command: Any, common: dict[str, Any], functions: dict[str, str]) -> Iterator[Action]:
    kind = command.subtype
    definition = command.def_
    cascade = command.behavior == enums.DropBehavior.DROP_CASCADE
    if kind == _KINDS.AT_AddColumn:
        spec = column_spec(definition, functions)
        yield Action(kind="add_column", name=spec.name, column=spec, if_not_exists=bool(command.missing_ok), **common)
        for constraint in spec.constraints:
            yield Action(kind="add_constraint", constraint=constraint, column=spec, **common)
    elif kind == _KINDS.AT_DropColumn:
        merged = common | {"if_exists": bool(command.missing_ok)}
        yield Action(kind="drop_column", name=command.name, cascade=cascade, **merged)
    elif kind == _KINDS.AT_AlterColumnType:
        using = sql_text(definition.raw_default) if definition.raw_default is not None else None
        collation = None
        if definition.collClause is not None:
            collation = ".".join(part.sval for part in definition.collClause.collname)
        spec = ColumnSpec(name=command.name, type=type_text(definition.typeName), collation=collation)
        yield Action(kind="alter_type", name=command.name, type=spec.type, column=spec, using=using, **common)
    elif kind == _KINDS.AT_ColumnDefault:
        if definition is None:
            yield Action(kind="drop_default", name=command.name, **common)
        else:
            volatile = is_volatile(definition, functions)
            spec = ColumnSpec(name=command.name, type="", default=sql_text(definition), volatile_default=volatile)
            yield Action(kind="set_default", name=command.name, column=spec, **common)
    elif kind == _KINDS.AT_AddConstraint:
        yield Action(kind="add_constraint", constraint=constraint_spec(definition), **common)
    elif kind == _KINDS.AT_DropConstraint:
        merged = common | {"if_exists": bool(command.missing_ok)}
        yield Action(kind="drop_constraint", name=command.name, cascade=cascade, **merged)
    elif kind in (_KINDS.AT_AttachPartition, _KINDS.AT_DetachPartition):
        attach = kind == _KINDS.AT_AttachPartition
        bound = definition.bound
        yield Action(
            kind="attach_partition" if attach else "detach_partition",
            relations=(relation_name(definition.name),),
            concurrently=bool(definition.concurrent),
            bound=None if bound is None else "default" if bound.is_default else sql_text(bound),
            **common,
        )
    elif kind in _STORAGE:
        yield Action(kind="storage", type=_STORAGE[kind], **common)
    elif kind in _PLAIN:
        yield Action(kind=_PLAIN[kind], name=command.name, type=kind.name, **common)
    elif kind == _KINDS.AT_AddIdentity:
        yield Action(kind="set_default", name=command.name, **common)
    else:
        yield Action(kind="alter_other", name=command.name, type=kind.name, **common)
