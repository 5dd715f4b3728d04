"""From a statement's parse tree to the actions it performs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from pglast import ast, enums

from advisor.gate.access import (
    alter_function_actions,
    comment_actions,
    default_grant_actions,
    function_actions,
    grant_actions,
    role_actions,
    rule_actions,
    subscription_actions,
)
from advisor.gate.alter import alter_table_actions
from advisor.gate.columns import column_spec, constraint_spec, relation_name
from advisor.gate.dml import dml_actions, reads_all, reads_of
from advisor.gate.expressions import called, sql_text, type_text
from advisor.model.migration import Action, ColumnSpec, ConstraintSpec
from advisor.model.names import RelationName

Functions = dict[str, str]


def actions_of(statement: Any, functions: Functions) -> tuple[Action, ...]:
    """Return what a statement does. `functions` maps function names to their volatility, for defaults."""
    handler = _HANDLERS.get(type(statement))
    return tuple(handler(statement, functions)) if handler is not None else (Action(kind="other"),)


def name_of(parts: Any) -> RelationName:
    """Return the relation a dotted list of strings names; without a schema it is taken to be in public."""
    names = [part.sval for part in parts]
    return RelationName(names[-2] if len(names) > 1 else "public", names[-1])


def _create_table(node: Any, functions: Functions) -> Iterator[Action]:
    columns: list[ColumnSpec] = []
    constraints: list[ConstraintSpec] = []
    for element in node.tableElts or ():
        if isinstance(element, ast.ColumnDef):
            spec = column_spec(element, functions)
            columns.append(spec)
            constraints += spec.constraints
        elif isinstance(element, ast.Constraint):
            constraints.append(constraint_spec(element))
    parents = [relation_name(parent) for parent in node.inhRelations or ()]
    bound = node.partbound
    yield Action(
        kind="create_table",
        relation=relation_name(node.relation),
        relations=tuple(parents),
        column_specs=tuple(columns),
        constraints=tuple(constraints),
        partition_of=parents[0] if bound is not None else None,
        partition_by=node.partspec is not None,
        bound=None if bound is None else "default" if bound.is_default else sql_text(bound),
        if_not_exists=bool(node.if_not_exists),
        temporary=node.relation.relpersistence == "t",
        like=any(isinstance(element, ast.TableLikeClause) for element in node.tableElts or ()),
    )


def _create_table_as(node: Any, functions: Functions) -> Iterator[Action]:
    kind = "create_matview" if node.objtype == enums.ObjectType.OBJECT_MATVIEW else "create_table"
    yield Action(
        kind=kind,
        relation=relation_name(node.into.rel),
        as_select=True,
        limited=bool(node.into.skipData),
        if_not_exists=bool(node.if_not_exists),
        temporary=node.into.rel.relpersistence == "t",
        body=sql_text(node.query) if kind == "create_matview" else None,
        reads=reads_of(node.query) if reads_all(node.query) and not node.into.skipData else (),
    )


def _create_index(node: Any, functions: Functions) -> Iterator[Action]:
    keys = tuple(param.name for param in node.indexParams if param.name)
    yield Action(
        kind="create_index",
        relation=relation_name(node.relation),
        name=node.idxname,
        columns=keys,
        expressions=any(param.expr is not None for param in node.indexParams),
        unique=bool(node.unique),
        method=node.accessMethod,
        predicate=sql_text(node.whereClause) if node.whereClause is not None else None,
        concurrently=bool(node.concurrent),
        if_not_exists=bool(node.if_not_exists),
        only=not node.relation.inh,
    )


_DROPS = {
    enums.ObjectType.OBJECT_TABLE: "drop_table",
    enums.ObjectType.OBJECT_INDEX: "drop_index",
    enums.ObjectType.OBJECT_VIEW: "drop_view",
    enums.ObjectType.OBJECT_MATVIEW: "drop_matview",
    enums.ObjectType.OBJECT_SCHEMA: "drop_schema",
    enums.ObjectType.OBJECT_TYPE: "drop_type",
    enums.ObjectType.OBJECT_DOMAIN: "drop_type",
    enums.ObjectType.OBJECT_FUNCTION: "drop_function",
    enums.ObjectType.OBJECT_SEQUENCE: "drop_sequence",
    enums.ObjectType.OBJECT_FOREIGN_TABLE: "drop_table",
}


def _drop(node: Any, functions: Functions) -> Iterator[Action]:
    kind = _DROPS.get(node.removeType, "drop_other")
    common: dict[str, Any] = {
        "kind": kind,
        "cascade": node.behavior == enums.DropBehavior.DROP_CASCADE,
        "if_exists": bool(node.missing_ok),
        "concurrently": bool(node.concurrent),
    }
    for item in node.objects:
        if kind in ("drop_table", "drop_index", "drop_view", "drop_matview", "drop_sequence"):
            yield Action(relation=name_of(item), **common)
        elif isinstance(item, ast.String):
            yield Action(name=item.sval, **common)
        elif isinstance(item, ast.TypeName):
            yield Action(name=item.names[-1].sval, **common)
        elif isinstance(item, tuple):  # triggers, policies, rules: table … name
            table = name_of(item[:-1]) if len(item) > 1 else None
            yield Action(relation=table, name=item[-1].sval, **common)
        else:
            yield Action(**common)


def _rename(node: Any, functions: Functions) -> Iterator[Action]:
    kinds = enums.ObjectType
    relation = relation_name(node.relation) if node.relation is not None else None
    if node.renameType in (kinds.OBJECT_COLUMN, kinds.OBJECT_ATTRIBUTE):
        yield Action(kind="rename_column", relation=relation, name=node.subname, new_name=node.newname)
    elif node.renameType in (kinds.OBJECT_TABLE, kinds.OBJECT_FOREIGN_TABLE):
        yield Action(kind="rename_table", relation=relation, new_name=node.newname, type="r")
    elif node.renameType in (kinds.OBJECT_VIEW, kinds.OBJECT_MATVIEW):
        kind = "v" if node.renameType == kinds.OBJECT_VIEW else "m"
        yield Action(kind="rename_table", relation=relation, new_name=node.newname, type=kind)
    elif node.renameType == kinds.OBJECT_INDEX:
        yield Action(kind="rename_index", relation=relation, new_name=node.newname)
    elif node.renameType == kinds.OBJECT_SCHEMA:
        yield Action(kind="rename_schema", name=node.subname, new_name=node.newname)
    elif node.renameType in (kinds.OBJECT_TABCONSTRAINT, kinds.OBJECT_DOMCONSTRAINT):
        yield Action(kind="rename_constraint", relation=relation, name=node.subname, new_name=node.newname)
    else:
        yield Action(kind="other", name=node.newname)


def _set_schema(node: Any, functions: Functions) -> Iterator[Action]:
    if node.relation is not None:
        yield Action(kind="set_schema", relation=relation_name(node.relation), new_name=node.newschema)
    else:
        yield Action(kind="other", new_name=node.newschema)


def _truncate(node: Any, functions: Functions) -> Iterator[Action]:
    for relation in node.relations:
        cascade = node.behavior == enums.DropBehavior.DROP_CASCADE
        yield Action(kind="truncate", relation=relation_name(relation), cascade=cascade)


_LOCK_MODES = {
    1: "ACCESS SHARE", 2: "ROW SHARE", 3: "ROW EXCLUSIVE", 4: "SHARE UPDATE EXCLUSIVE", 5: "SHARE",
    6: "SHARE ROW EXCLUSIVE", 7: "EXCLUSIVE", 8: "ACCESS EXCLUSIVE",
}  # fmt: skip


def _lock(node: Any, functions: Functions) -> Iterator[Action]:
    for relation in node.relations:
        yield Action(kind="lock_table", relation=relation_name(relation), type=_LOCK_MODES[node.mode])


def _has_option(options: Any, name: str) -> bool:
    for option in options or ():
        if option.defname == name:
            off = (
                option.arg is not None
                and str(getattr(option.arg, "sval", getattr(option.arg, "boolval", True))).lower()
            )
            return off not in ("false", "off", "0")
    return False


def _vacuum(node: Any, functions: Functions) -> Iterator[Action]:
    kind = "vacuum_full" if node.is_vacuumcmd and _has_option(node.options, "full") else "other"
    relations = tuple(relation_name(rel.relation) for rel in node.rels or () if rel.relation is not None)
    for relation in relations or (None,):
        yield Action(kind=kind, relation=relation, type="vacuum" if node.is_vacuumcmd else "analyze")


def _cluster(node: Any, functions: Functions) -> Iterator[Action]:
    yield Action(kind="cluster", relation=relation_name(node.relation) if node.relation is not None else None)


def _reindex(node: Any, functions: Functions) -> Iterator[Action]:
    kinds = enums.ReindexObjectType
    target = {kinds.REINDEX_OBJECT_INDEX: "index", kinds.REINDEX_OBJECT_TABLE: "table"}.get(node.kind, "many")
    yield Action(
        kind="reindex",
        relation=relation_name(node.relation) if node.relation is not None else None,
        name=node.name,
        type=target,
        concurrently=_has_option(node.params, "concurrently"),
    )


def _refresh(node: Any, functions: Functions) -> Iterator[Action]:
    yield Action(
        kind="refresh_matview",
        relation=relation_name(node.relation),
        concurrently=bool(node.concurrent),
        limited=bool(node.skipData),
    )


def _view(node: Any, functions: Functions) -> Iterator[Action]:
    yield Action(
        kind="create_view",
        relation=relation_name(node.view),
        body=sql_text(node.query),
        reads=reads_of(node.query),
        value="replace" if node.replace else None,
    )


def _enum(node: Any, functions: Functions) -> Iterator[Action]:
    name = ".".join(part.sval for part in node.typeName)
    if node.oldVal is not None:
        yield Action(kind="rename_enum_value", name=name, value=node.oldVal, new_name=node.newVal)
    else:
        yield Action(kind="add_enum_value", name=name, value=node.newVal, if_not_exists=bool(node.skipIfNewValExists))


_DOMAIN_CHANGES = {
    "C": "add_constraint",
    "X": "drop_constraint",
    "V": "validate_constraint",
    "O": "set_not_null",
    "N": "drop_not_null",
}


def _alter_domain(node: Any, functions: Functions) -> Iterator[Action]:
    name = ".".join(part.sval for part in node.typeName)
    constraint = constraint_spec(node.def_) if isinstance(node.def_, ast.Constraint) else None
    subtype = getattr(node.subtype, "value", node.subtype)
    yield Action(kind="alter_domain", name=name, type=_DOMAIN_CHANGES.get(str(subtype), "other"), constraint=constraint)


def _select(node: Any, functions: Functions) -> Iterator[Action]:
    if node.intoClause is not None:
        temporary = node.intoClause.rel.relpersistence == "t"
        yield Action(
            kind="create_table", relation=relation_name(node.intoClause.rel), as_select=True, temporary=temporary,
            reads=reads_of(node) if reads_all(node) else (),
        )  # fmt: skip
        return
    for target in node.targetList or ():
        call = target.val
        if isinstance(call, ast.FuncCall) and call.funcname[-1].sval == "set_config" and len(call.args or ()) == 3:
            name, value, local = call.args
            if isinstance(name, ast.A_Const) and isinstance(value, ast.A_Const):
                is_local = isinstance(local, ast.A_Const) and bool(getattr(local.val, "boolval", False))
                yield Action(kind="set", name=name.val.sval, value=value.val.sval, local=is_local)
                return
    yield Action(kind="select", body=sql_text(node), calls=called(node))


def _call(node: Any, functions: Functions) -> Iterator[Action]:
    yield Action(kind="call", calls=called(node.funccall))


def _set(node: Any, functions: Functions) -> Iterator[Action]:
    kinds = enums.VariableSetKind
    if node.kind in (kinds.VAR_RESET, kinds.VAR_RESET_ALL, kinds.VAR_SET_DEFAULT):
        yield Action(kind="reset", name=node.name, local=bool(node.is_local))
        return
    values = []
    for item in node.args or ():
        value = getattr(item, "val", None)
        text = getattr(value, "sval", None) or getattr(value, "fval", None)
        values.append(str(text if text is not None else getattr(value, "ival", "")))
    yield Action(kind="set", name=node.name, value=", ".join(values), local=bool(node.is_local))


_TRANSACTION = {
    enums.TransactionStmtKind.TRANS_STMT_BEGIN: "begin",
    enums.TransactionStmtKind.TRANS_STMT_START: "begin",
    enums.TransactionStmtKind.TRANS_STMT_COMMIT: "commit",
    enums.TransactionStmtKind.TRANS_STMT_ROLLBACK: "rollback",
}


def _transaction(node: Any, functions: Functions) -> Iterator[Action]:
    yield Action(kind=_TRANSACTION.get(node.kind, "savepoint"))


def _do(node: Any, functions: Functions) -> Iterator[Action]:
    body = next((arg.arg.sval for arg in node.args if arg.defname == "as"), "")
    language = next((arg.arg.sval for arg in node.args if arg.defname == "language"), "plpgsql")
    yield Action(kind="do", body=body, type=language)


def _trigger(node: Any, functions: Functions) -> Iterator[Action]:
    yield Action(kind="create_trigger", relation=relation_name(node.relation), name=node.trigname)


def _policy(node: Any, functions: Functions) -> Iterator[Action]:
    yield Action(kind="create_policy", relation=relation_name(node.table), name=node.policy_name)


def _named(kind: str, attribute: str) -> Callable[[Any, Functions], Iterator[Action]]:
    def handle(node: Any, functions: Functions) -> Iterator[Action]:
        value = getattr(node, attribute)
        name = ".".join(part.sval for part in value) if isinstance(value, tuple) else value
        yield Action(kind=kind, name=name)

    return handle


def _domain(node: Any, functions: Functions) -> Iterator[Action]:
    constrained = any(
        item.contype in (enums.ConstrType.CONSTR_CHECK, enums.ConstrType.CONSTR_NOTNULL)
        for item in node.constraints or ()
    )
    name = ".".join(part.sval for part in node.domainname)
    yield Action(kind="create_domain", name=name, type=type_text(node.typeName), has_where=constrained)


def _copy(node: Any, functions: Functions) -> Iterator[Action]:
    yield Action(
        kind="copy",
        relation=relation_name(node.relation) if node.relation is not None else None,
        type="from" if node.is_from else "to",
        value="program" if node.is_program else node.filename,
    )


def _alter_table(node: Any, functions: Functions) -> Iterator[Action]:
    yield from alter_table_actions(node, functions)


_HANDLERS: dict[type, Callable[[Any, Functions], Iterator[Action]]] = {
    ast.CreateStmt: _create_table,
    ast.CreateTableAsStmt: _create_table_as,
    ast.IndexStmt: _create_index,
    ast.DropStmt: _drop,
    ast.DropdbStmt: _named("drop_database", "dbname"),
    ast.AlterTableStmt: _alter_table,
    ast.RenameStmt: _rename,
    ast.AlterObjectSchemaStmt: _set_schema,
    ast.TruncateStmt: _truncate,
    ast.LockStmt: _lock,
    ast.VacuumStmt: _vacuum,
    ast.ClusterStmt: _cluster,
    ast.ReindexStmt: _reindex,
    ast.RefreshMatViewStmt: _refresh,
    ast.ViewStmt: _view,
    ast.AlterEnumStmt: _enum,
    ast.CreateEnumStmt: _named("create_type", "typeName"),
    ast.CreateDomainStmt: _domain,
    ast.AlterDomainStmt: _alter_domain,
    ast.CreateFunctionStmt: function_actions,
    ast.AlterFunctionStmt: alter_function_actions,
    ast.GrantStmt: grant_actions,
    ast.AlterDefaultPrivilegesStmt: default_grant_actions,
    ast.CreateRoleStmt: role_actions,
    ast.AlterRoleStmt: role_actions,
    ast.CreateUserMappingStmt: role_actions,
    ast.AlterUserMappingStmt: role_actions,
    ast.CreateSubscriptionStmt: subscription_actions,
    ast.AlterSubscriptionStmt: subscription_actions,
    ast.RuleStmt: rule_actions,
    ast.CommentStmt: comment_actions,
    ast.CreateTrigStmt: _trigger,
    ast.CreatePolicyStmt: _policy,
    ast.CreateSchemaStmt: _named("create_schema", "schemaname"),
    ast.InsertStmt: dml_actions("insert"),
    ast.UpdateStmt: dml_actions("update"),
    ast.DeleteStmt: dml_actions("delete"),
    ast.MergeStmt: dml_actions("merge"),
    ast.SelectStmt: _select,
    ast.VariableSetStmt: _set,
    ast.TransactionStmt: _transaction,
    ast.DoStmt: _do,
    ast.CopyStmt: _copy,
    ast.CallStmt: _call,
}
