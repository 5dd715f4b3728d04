"""Columns and constraints as a migration defines them."""

from __future__ import annotations

from typing import Any

from pglast import enums

from advisor.gate.expressions import SERIALS, is_volatile, sql_text, type_text
from advisor.model.migration import ColumnSpec, ConstraintSpec
from advisor.model.names import RelationName

_TYPES = {
    enums.ConstrType.CONSTR_PRIMARY: "primary",
    enums.ConstrType.CONSTR_UNIQUE: "unique",
    enums.ConstrType.CONSTR_FOREIGN: "foreign",
    enums.ConstrType.CONSTR_CHECK: "check",
    enums.ConstrType.CONSTR_EXCLUSION: "exclusion",
    enums.ConstrType.CONSTR_NOTNULL: "not_null",
}


def relation_name(node: Any) -> RelationName:
    """Return the name of a range variable; without a schema it is taken to be in public."""
    return RelationName(node.schemaname or "public", node.relname)


def _names(items: Any) -> tuple[str, ...]:
    return tuple(item.sval for item in items or ())


def constraint_spec(node: Any, column: str | None = None) -> ConstraintSpec:
    """Return a table or column constraint; `column` is the column a column constraint stands at."""
    kind = _TYPES.get(node.contype, "other")
    columns = _names(node.fk_attrs) if kind == "foreign" else _names(node.keys)
    return ConstraintSpec(
        type=kind,
        name=node.conname,
        columns=columns or ((column,) if column else ()),
        not_valid=bool(node.skip_validation),
        using_index=node.indexname,
        references=relation_name(node.pktable) if node.pktable is not None else None,
        referenced_columns=_names(node.pk_attrs),
        expression=sql_text(node.raw_expr) if kind == "check" and node.raw_expr is not None else None,
    )


def column_spec(node: Any, functions: dict[str, str]) -> ColumnSpec:
    """Return a column definition with its constraints."""
    kinds = enums.ConstrType
    not_null = default = identity = False
    default_node: Any = None
    generated = ""
    constraints = []
    for item in node.constraints or ():
        if item.contype == kinds.CONSTR_NOTNULL:
            not_null = True
        elif item.contype == kinds.CONSTR_DEFAULT:
            default, default_node = True, item.raw_expr
        elif item.contype == kinds.CONSTR_IDENTITY:
            identity = not_null = True
        elif item.contype == kinds.CONSTR_GENERATED:
            # pglast 8 gives generated_kind only for PostgreSQL 18's VIRTUAL; STORED was the only kind before.
            generated = "virtual" if item.generated_kind == "v" else "stored"
        elif item.contype in _TYPES:
            constraints.append(constraint_spec(item, node.colname))
            not_null = not_null or item.contype == kinds.CONSTR_PRIMARY
    type_name = type_text(node.typeName) if node.typeName is not None else "unknown"
    serial = type_name in SERIALS
    return ColumnSpec(
        name=node.colname,
        type=SERIALS.get(type_name, type_name),
        not_null=not_null or serial,
        default=sql_text(default_node) if default else None,
        volatile_default=default and is_volatile(default_node, functions),
        identity=identity,
        serial=serial,
        generated=generated,
        constraints=tuple(constraints),
    )
