"""Types and expressions of a migration: their text, and whether a default is volatile."""

from __future__ import annotations

from typing import Any

import pglast
from pglast import ast, enums
from pglast.stream import RawStream
from pglast.visitors import Visitor

from advisor.model.names import quote_ident

# PostgreSQL's own functions whose value changes within a statement; a default that calls one rewrites the table.
VOLATILE = frozenset(
    """
    random random_normal clock_timestamp timeofday nextval setval currval lastval gen_random_uuid uuidv4 uuidv7
    uuid_generate_v1 uuid_generate_v1mc uuid_generate_v4 gen_random_bytes txid_current pg_current_xact_id
    statement_timestamp_volatile pg_sleep lo_create lo_import dblink nanoid ulid_generate gen_ulid xid snowflake
    """.split()  # noqa: SIM905 (a list of one string per line would be 30 lines)
)
# Functions of PostgreSQL that are stable or immutable and common in defaults. Any other name is a user's function,
# which is volatile unless it was declared otherwise.
NOT_VOLATILE = frozenset(
    """
    now transaction_timestamp statement_timestamp current_user session_user current_setting current_schema
    current_database timezone date_trunc date_part extract to_timestamp to_date to_char age make_date make_interval
    make_timestamp make_timestamptz lower upper md5 sha256 encode decode concat coalesce nullif greatest least
    jsonb_build_object jsonb_build_array json_build_object json_build_array to_json to_jsonb array_fill
    string_to_array length substr substring left right replace round floor ceil abs repeat trim btrim ltrim rtrim
    txid_current_if_assigned inet_client_addr pg_backend_pid user
    """.split()  # noqa: SIM905 (see above)
)
# The grammar's names for types, and what people call them.
_CANONICAL = {
    "int4": "integer",
    "int": "integer",
    "int8": "bigint",
    "int2": "smallint",
    "bool": "boolean",
    "float8": "double precision",
    "float4": "real",
    "varchar": "character varying",
    "bpchar": "character",
    "char": "character",
    "decimal": "numeric",
    "timestamptz": "timestamp with time zone",
    "timestamp": "timestamp without time zone",
    "timetz": "time with time zone",
    "time": "time without time zone",
    "varbit": "bit varying",
}
SERIALS = {"serial": "integer", "serial4": "integer", "bigserial": "bigint", "serial8": "bigint"} | {
    "smallserial": "smallint",
    "serial2": "smallint",
}


def type_text(name: Any) -> str:
    """Return a type as format_type() would print it: 'character varying(20)', 'numeric(10,2)', 'text[]'."""
    parts: list[str] = [part.sval for part in name.names]
    base = parts[-1]
    if len(parts) == 1 or parts[0] == "pg_catalog":
        base = _CANONICAL.get(base, base if base.isidentifier() and base.islower() else quote_ident(base))
    else:
        base = ".".join(quote_ident(part) for part in parts)
    modifiers = [_modifier(item) for item in name.typmods or ()]
    text = base
    if modifiers and parts[-1] != "interval":
        head, zone, tail = base.partition(" with")  # timestamp(3) with time zone
        text = f"{head}({','.join(modifiers)}){zone}{tail}"
    return text + "[]" * len(name.arrayBounds or ())


def _modifier(item: Any) -> str:
    if isinstance(item, ast.A_Const) and isinstance(item.val, ast.Integer):
        return str(item.val.ival)
    return str(RawStream()(item))


def sql_text(node: Any) -> str:
    """Return an expression as SQL."""
    return str(RawStream()(node))


class _Functions(Visitor):  # type: ignore[misc]
    def __init__(self) -> None:
        self.names: set[tuple[str, ...]] = set()

    def visit_FuncCall(self, ancestors: Any, node: Any) -> None:
        self.names.add(tuple(part.sval for part in node.funcname))


def proven_not_null(expression: str | None) -> tuple[str, ...]:
    """Return the columns that a CHECK proves to be NOT NULL, alone or ANDed: it spares SET NOT NULL its scan."""
    if expression is None or "not null" not in expression.lower():
        return ()
    try:
        tree = pglast.parse_sql(f"select {expression}")[0].stmt.targetList[0].val
    except pglast.parser.ParseError:
        return ()
    ands = isinstance(tree, ast.BoolExpr) and tree.boolop == enums.BoolExprType.AND_EXPR
    return tuple(
        test.arg.fields[-1].sval
        for test in (tree.args if ands else (tree,))
        if isinstance(test, ast.NullTest)
        and test.nulltesttype == enums.NullTestType.IS_NOT_NULL
        and isinstance(test.arg, ast.ColumnRef)
    )


def called(node: Any) -> tuple[str, ...]:
    """Return the names of the functions that a statement calls, without their schemas, in lower case."""
    visitor = _Functions()
    visitor(node)
    return tuple(sorted({parts[-1].lower() for parts in visitor.names}))


def is_volatile(node: Any, declared: dict[str, str]) -> bool:
    """Return whether an expression calls a volatile function.

    `declared` maps names of functions known from the catalog or made by the migration to their volatility
    ('volatile', 'stable', 'immutable').
    """
    visitor = _Functions()
    visitor(node)
    for parts in visitor.names:
        name = parts[-1].lower()
        if name in declared:
            if declared[name] == "volatile":
                return True
        elif name in VOLATILE or name not in NOT_VOLATILE:
            return True
    return False
