"""Scripts for people: CREATE INDEX CONCURRENTLY and its undo, also for partitioned tables."""

from __future__ import annotations

import re
from collections.abc import Iterable

from advisor.index_search.planner import Candidate
from advisor.index_search.widths import expression_columns
from advisor.model.catalog import Index, IndexColumn
from advisor.model.lookup import Catalog
from advisor.model.names import RelationName, quote_ident

_MAX_NAME = 63  # bytes


def key_sql(column: IndexColumn) -> str:
    """Return one key column as CREATE INDEX writes it."""
    parts = [quote_ident(column.column) if column.column is not None else f"({column.expression})"]
    if column.collation is not None and not column.collation_is_default:
        parts.append(f"COLLATE {column.collation}")
    if column.opclass is not None and not column.opclass_is_default:
        in_catalog = column.opclass.schema == "pg_catalog"
        parts.append(quote_ident(column.opclass.name) if in_catalog else str(column.opclass))
    if column.descending:
        parts.append("DESC")
    if column.nulls_first != column.descending:
        parts.append("NULLS FIRST" if column.nulls_first else "NULLS LAST")
    return " ".join(parts)


def body_sql(candidate: Candidate) -> str:
    """Return what follows ON table: method, keys, INCLUDE, WITH, WHERE."""
    keys = ", ".join(key_sql(column) for column in candidate.columns)
    parts = [f"USING {candidate.access_method} ({keys})" if candidate.access_method != "btree" else f"({keys})"]
    if candidate.include:
        parts.append(f"INCLUDE ({', '.join(quote_ident(name) for name in candidate.include)})")
    if candidate.reloptions:
        parts.append(f"WITH ({', '.join(candidate.reloptions)})")
    if candidate.predicate is not None:
        parts.append(f"WHERE {candidate.predicate}")
    return " ".join(parts)


def short_sql(candidate: Candidate) -> str:
    """Return the index in one line, without a name: for rejections."""
    return f"CREATE INDEX ON {candidate.table} {body_sql(candidate)}"


class Names:
    """Hands out index names that are free in their schema."""

    def __init__(self, catalog: Catalog) -> None:
        self._taken = {table.relation for table in catalog.tables.values()}
        self._taken |= {index.relation for indexes in catalog.indexes_by_table.values() for index in indexes}
        self._columns = catalog.columns

    def of(self, candidate: Candidate) -> str:
        """Return a name like PostgreSQL's own: table_column_column_idx."""
        parts = []
        for column in candidate.columns:
            parts.append(column.column or self._of_expression(candidate.table, column.expression or "expr"))
        return self._free(candidate.table.schema, candidate.table.name, "_".join(parts), "_idx")

    def of_partition(self, leaf: RelationName, parent_name: str, table: str) -> str:
        """Return the name of one partition's part of an index."""
        middle = parent_name.removeprefix(f"{table}_").removesuffix("_idx")
        return self._free(leaf.schema, leaf.name, middle, "_idx")

    def _of_expression(self, table: RelationName, expression: str) -> str:
        function = re.match(r"\w+", expression)
        columns = expression_columns(expression, self._columns.get(table, {}))
        words = ([function[0]] if function and function[0].lower() not in ("cast", *columns) else []) + list(columns)
        words += re.findall(r"->>?\s*'(\w+)'", expression)
        return "_".join(words) or "expr"

    def _free(self, schema: str, table: str, middle: str, end: str) -> str:
        for number in range(1000):
            suffix = end if number == 0 else f"{end}{number}"
            room = _MAX_NAME - len(suffix.encode()) - 1
            head = table
            # The table's name keeps at least half of the room.
            if len(head.encode()) + len(middle.encode()) > room:
                tail = middle.encode()[: max(room - len(head.encode()), room // 2)].decode(errors="ignore")
                head = head.encode()[: room - len(tail.encode())].decode(errors="ignore")
                name = f"{head}_{tail}{suffix}"
            else:
                name = f"{head}_{middle}{suffix}"
            if RelationName(schema, name) not in self._taken:
                self._taken.add(RelationName(schema, name))
                return name
        raise AssertionError("a thousand indexes of one name")


def create_sql(candidate: Candidate, names: Names, catalog: Catalog) -> tuple[str, str, str]:
    """Return (name, script, undo script) for a candidate."""
    name = names.of(candidate)
    target = RelationName(candidate.table.schema, name)
    table = catalog.tables.get(candidate.table)
    body = body_sql(candidate)
    if table is None or table.kind != "p":
        return (
            name,
            f"CREATE INDEX CONCURRENTLY {quote_ident(name)} ON {candidate.table} {body}",
            f"DROP INDEX CONCURRENTLY {target}",
        )
    lines = _partitioned(candidate.table, name, body, names, catalog)
    # A partitioned index cannot be dropped CONCURRENTLY; dropping it removes every part.
    return name, ";\n".join(lines), f"DROP INDEX {target}"


def _partitioned(relation: RelationName, name: str, body: str, names: Names, catalog: Catalog) -> list[str]:
    """Return the script that builds a partitioned index without blocking writes: an empty parent, then the parts."""
    lines = [f"CREATE INDEX {quote_ident(name)} ON ONLY {relation} {body}"]
    parent = RelationName(relation.schema, name)
    for child in catalog.partitions.get(relation, ()):
        own = names.of_partition(child.relation, name, relation.name)
        if child.kind == "p":
            lines += _partitioned(child.relation, own, body, names, catalog)
        elif child.kind in "rm":
            lines.append(f"CREATE INDEX CONCURRENTLY {quote_ident(own)} ON {child.relation} {body}")
        else:
            continue  # a foreign table holds no index
        lines.append(f"ALTER INDEX {parent} ATTACH PARTITION {RelationName(child.schema, own)}")
    return lines


def drop_sql(index: Index) -> tuple[str, str]:
    """Return (DDL, undo DDL) for dropping an existing index."""
    if index.is_partitioned:
        return f"DROP INDEX {index.relation}", index.definition
    concurrently = re.sub(r"^(CREATE (?:UNIQUE )?INDEX) (?!CONCURRENTLY)", r"\1 CONCURRENTLY ", index.definition)
    return f"DROP INDEX CONCURRENTLY {index.relation}", concurrently


def covers_columns(indexes: Iterable[Index], columns: tuple[str, ...]) -> bool:
    """Return whether some usable whole B-tree leads with these columns, in any order."""
    return any(
        index.access_method in ("btree", "hash")
        and index.predicate is None
        and index.is_valid
        and {key.column for key in index.columns[: len(columns)]} == set(columns)
        for index in indexes
    )
