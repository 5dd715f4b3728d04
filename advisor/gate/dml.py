"""INSERT, UPDATE, DELETE and MERGE: how many rows they can touch, and which tables they read through."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from pglast import ast, enums
from pglast.visitors import Visitor

from advisor.gate.columns import relation_name
from advisor.gate.expressions import sql_text
from advisor.model.migration import Action
from advisor.model.names import RelationName

# The tables in which migration tools keep what they have done: a few rows.
_BOOKKEEPING = frozenset(
    {
        "alembic_version", "schema_migrations", "ar_internal_metadata", "django_migrations", "flyway_schema_history",
        "databasechangelog", "databasechangeloglock", "goose_db_version", "gorp_migrations", "pgmigrations",
        "knex_migrations", "knex_migrations_lock", "__efmigrationshistory", "_prisma_migrations", "migrations",
    }
)  # fmt: skip


def dml_actions(kind: str) -> Callable[[Any, dict[str, str]], Iterator[Action]]:
    """Return the handler of one kind of statement."""

    def handle(node: Any, functions: dict[str, str]) -> Iterator[Action]:
        where = getattr(node, "whereClause", None)
        from_list = getattr(node, "fromClause", None) or getattr(node, "usingClause", None)
        select = getattr(node, "selectStmt", None)
        columns = tuple(t.name for t in getattr(node, "targetList", None) or () if getattr(t, "name", None))
        reads: tuple[RelationName, ...] = ()
        as_select = select is not None and getattr(select, "valuesLists", None) is None
        if kind == "insert":
            columns = tuple(t.name for t in node.cols or ())
            if as_select and reads_all(select):
                reads = reads_of(node)
        if kind in ("update", "delete"):
            reads = tuple(relation_name(item) for item in from_list or () if isinstance(item, ast.RangeVar))
        small = node.relation.relname.lower() in _BOOKKEEPING
        yield Action(
            kind=kind,
            relation=relation_name(node.relation),
            columns=columns,
            has_where=where is not None and not (from_list is not None and _only_joins(where)),
            limited=small or _is_limited(where) or _joins_few(node, from_list, where) or _merges_few(node),
            as_select=as_select,
            reads=reads,
            predicate=sql_text(where) if where is not None else None,
            # Rows of VALUES say nothing more, and data files have millions of them.
            body=sql_text(node) if kind != "insert" or as_select else None,
        )

    return handle


def _conditions(where: Any) -> list[Any]:
    if isinstance(where, ast.BoolExpr) and where.boolop == enums.BoolExprType.AND_EXPR:
        return list(where.args)
    return [where]


def _only_joins(where: Any) -> bool:
    """Whether every condition compares columns: then nothing narrows the rows but their partners."""
    return all(
        isinstance(condition, ast.A_Expr)
        and isinstance(condition.lexpr, ast.ColumnRef)
        and isinstance(condition.rexpr, ast.ColumnRef)
        for condition in _conditions(where)
    )


def _joins_few(node: Any, from_list: Any, where: Any) -> bool:
    """Whether the rows are bounded by what is joined: a list of VALUES, a LIMIT, or more than the join's condition."""
    if from_list is None or where is None:
        return False
    if not _only_joins(where):
        return True
    text = sql_text(node).lower()
    return " limit " in text or " fetch first" in text or "values (" in text


def _merges_few(node: Any) -> bool:
    """Whether a MERGE changes no rows that are there, or those of a list of VALUES or behind a LIMIT."""
    if not isinstance(node, ast.MergeStmt):
        return False
    changes = {enums.CmdType.CMD_UPDATE, enums.CmdType.CMD_DELETE}
    if not any(clause.commandType in changes for clause in node.mergeWhenClauses):
        return True
    text = sql_text(node.sourceRelation).lower()
    return "values" in text or " limit " in text or " fetch first" in text


def _is_limited(where: Any) -> bool:
    """Whether a WHERE bounds the rows by a LIMIT in a subquery, a key, or a range of keys."""
    if where is None:
        return False
    text = sql_text(where).lower()
    if " limit " in text or " fetch first" in text:
        return True
    for condition in _conditions(where):
        if not isinstance(condition, ast.A_Expr) or not isinstance(condition.lexpr, ast.ColumnRef):
            continue
        last = condition.lexpr.fields[-1]
        name = last.sval if isinstance(last, ast.String) else ""
        between = condition.kind == enums.A_Expr_Kind.AEXPR_BETWEEN
        listed = condition.kind == enums.A_Expr_Kind.AEXPR_IN and isinstance(condition.rexpr, tuple)
        single = not isinstance(condition.rexpr, ast.ColumnRef)
        equal = condition.kind == enums.A_Expr_Kind.AEXPR_OP and condition.name[-1].sval == "=" and single
        if (name == "id" or name.endswith("_id") or name == "ctid") and (between or listed or equal):
            return True
    return False


def reads_all(select: Any) -> bool:
    """Whether a query may read whole tables: no LIMIT, and no key in its WHERE."""
    if not isinstance(select, ast.SelectStmt):
        return False
    return select.limitCount is None and not _is_limited(select.whereClause)


class _Tables(Visitor):  # type: ignore[misc]
    def __init__(self) -> None:
        self.names: dict[RelationName, None] = {}
        self.own: set[str] = set()

    def visit_RangeVar(self, ancestors: Any, node: Any) -> None:
        self.names[relation_name(node)] = None

    def visit_CommonTableExpr(self, ancestors: Any, node: Any) -> None:
        self.own.add(node.ctename)


def reads_of(node: Any) -> tuple[RelationName, ...]:
    """Return the tables that a query names, its WITH items and (of INSERT) its target left out."""
    visitor = _Tables()
    visitor(node)
    target = relation_name(node.relation) if isinstance(node, ast.InsertStmt) else None
    return tuple(name for name in visitor.names if name.name not in visitor.own and name != target)
