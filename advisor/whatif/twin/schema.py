"""Turns a snapshot into the statements that rebuild its schema, one object each, in an order that mostly works.

Pure: nothing here talks to a server. Every statement stands alone, so that an object the twin cannot have
costs only itself; `fallbacks` are poorer forms of it, tried when the statement itself fails for good.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from advisor.model.catalog import Column, Constraint, Index, Table
from advisor.model.lookup import Catalog
from advisor.model.names import RelationName, quote_ident, quote_literal
from advisor.model.snapshot import Snapshot
from advisor.model.statistics import SchemaObject

# Storage options the planner looks at or an index is shaped by; others may be unknown to the twin's server.
_TABLE_OPTIONS = ("fillfactor", "parallel_workers")
# C sorts and compares bytes, and the planner treats it specially (LIKE may use a plain index); every other locale
# is for the planner just "not C". So the stand-in of a missing locale is C.UTF-8, and C only where that is missing.
STAND_IN_LOCALES = ("C.UTF-8", "C")
_WITH_CLAUSE = re.compile(r" WITH \([^()']*\)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Item:
    """One object to create. `label` names it to people: 'index public.orders_pkey'."""

    label: str
    sql: str
    fallbacks: tuple[tuple[str, str], ...] = ()  # (statement, what is lost)


@dataclass(frozen=True, slots=True)
class Means:
    """What the twin's server has, as far as it changes the DDL."""

    major: int
    stub_types: frozenset[RelationName] = frozenset()  # types of missing extensions: no type modifiers
    tablespaces: frozenset[str] = frozenset()  # those with planner options, created in the twin
    access_methods: frozenset[str] = frozenset({"btree", "hash", "gist", "gin", "brin", "spgist"})


def relations_to_build(
    snapshot: Snapshot, catalog: Catalog, touched: Collection[RelationName] | None
) -> frozenset[RelationName]:
    """Return the relations the twin needs for statements over `touched`: themselves, targets of their foreign
    keys, ancestors, descendants, and what views read. None means all."""
    if touched is None:
        return frozenset(catalog.tables)
    reads = {
        RelationName(item.schema, item.name): item.relations for item in snapshot.schema_objects if item.kind == "view"
    }
    children: dict[RelationName, list[RelationName]] = {}
    for table in snapshot.tables:
        for parent in table.parents or ((table.parent,) if table.parent else ()):
            children.setdefault(parent, []).append(table.relation)
    found: set[RelationName] = set()
    waiting = list(touched)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        waiting += reads.get(name, ())
        waiting += children.get(name, ())
        own = catalog.tables.get(name)
        if own is not None:
            waiting += own.parents or ((own.parent,) if own.parent else ())
    # Not their targets' targets: in a large schema nearly everything hangs together.
    targets = {
        c.references for name in found for c in catalog.constraints_by_table.get(name, ()) if c.references is not None
    }
    return frozenset(found | targets)


def schema_items(
    snapshot: Snapshot,
    catalog: Catalog,
    wanted: Collection[RelationName],
    means: Means,
    missing: Collection[str],
    *,
    for_rows: bool = False,
) -> Iterator[Item]:
    """Yield everything to create. `missing` are extensions the twin lacks: their members come as stubs.

    `for_rows` leaves out what generated rows need not fulfil: check constraints and foreign keys.
    """
    tables = [t for t in _parents_first(snapshot, catalog) if t.relation in wanted and t.kind in "rpm"]
    built = {t.relation for t in tables}
    objects = [
        o
        for o in snapshot.schema_objects
        if (o.extension is None or o.extension in missing)
        and o.kind != "tablespace"
        and not (o.kind in ("view", "foreign_table") and RelationName(o.schema, o.name) not in wanted)
        and not (o.kind in ("rule", "policy") and not set(o.relations) <= set(wanted))
    ]
    for schema in sorted(_schemas(snapshot, objects)):
        yield Item(f"schema {quote_ident(schema)}", f"create schema if not exists {quote_ident(schema)}")
    policies = any(o.kind == "policy" for o in objects)
    for role in snapshot.roles if policies else ():
        yield Item(f"role {quote_ident(role.name)}", role_stub(role.name))
    yield from (_object_item(o) for o in objects if o.order < 70)
    yield from _sequences(snapshot, catalog)
    for table in tables:
        yield _table_item(table, catalog, means)
    for table in tables:
        yield from _attachment(table, built)
    yield from (_object_item(o) for o in objects if o.order == 70)
    for table in tables:
        yield from _defaults(catalog.columns.get(table.relation, {}).values())
    if not for_rows:
        yield from _checks(tables, catalog)
    yield from _indexes(tables, catalog, means)
    if not for_rows:
        yield from _foreign_keys(tables, catalog, built)
    yield from (_object_item(o) for o in objects if o.order > 70)
    for statistics in {(s.schema, s.name): s for s in snapshot.extended_statistics if s.table in built}.values():
        yield Item(f"statistics {RelationName(statistics.schema, statistics.name)}", statistics.definition)
    if policies:
        # Statements on these tables are planned as the roles that run them; EXPLAIN asks for their privileges.
        for schema in sorted(_schemas(snapshot, objects)):
            name = quote_ident(schema)
            yield Item(
                f"privileges in {name}",
                f"grant usage on schema {name} to public; grant all on all tables in schema {name} to public;"
                f" grant all on all sequences in schema {name} to public",
            )


def role_stub(name: str) -> str:
    """Return a statement that makes sure a role of that name exists, without rights and without a password."""
    return (
        f"do $pgadvise$ begin if not exists (select from pg_catalog.pg_roles where rolname = {quote_literal(name)})"
        f" then create role {quote_ident(name)} nologin; end if; end $pgadvise$"
    )


def _schemas(snapshot: Snapshot, objects: list[SchemaObject]) -> set[str]:
    names = {s.name for s in snapshot.schemas} | {t.schema for t in snapshot.tables}
    names |= {o.schema for o in objects if o.schema} | {e.schema for e in snapshot.extensions if e.version and e.schema}
    return names - {"pg_catalog", "information_schema"}


def _object_item(item: SchemaObject) -> Item:
    name = str(RelationName(item.schema, item.name)) if item.schema else item.name
    fallbacks: tuple[tuple[str, str], ...] = ()
    if item.kind == "collation":
        loss = "a stand-in; ranges of text under it are approximate"
        fallbacks = tuple(
            (f"create collation {name} (provider = libc, locale = {quote_literal(locale)})", loss)
            for locale in STAND_IN_LOCALES
        )
    return Item(f"{item.kind.replace('_', ' ')} {name}", item.ddl, fallbacks)


def _parents_first(snapshot: Snapshot, catalog: Catalog) -> list[Table]:
    depth: dict[RelationName, int] = {}

    def level(name: RelationName, seen: tuple[RelationName, ...] = ()) -> int:
        if name not in depth:
            table = catalog.tables.get(name)
            parents = table.parents or ((table.parent,) if table.parent else ()) if table is not None else ()
            depth[name] = 1 + max((level(p, (*seen, name)) for p in parents if p not in seen), default=-1)
        return depth[name]

    return sorted(snapshot.tables, key=lambda t: (level(t.relation), t.oid))


def _sequences(snapshot: Snapshot, catalog: Catalog) -> Iterator[Item]:
    for sequence in snapshot.sequences:
        owner = catalog.columns.get(sequence.owned_by, {}) if sequence.owned_by is not None else {}
        column = owner.get(sequence.owned_by_column or "")
        if column is not None and column.identity:
            continue  # comes with its table
        name = RelationName(sequence.schema, sequence.name)
        yield Item(f"sequence {name}", f"create sequence if not exists {name}")


def _type_of(column: Column, means: Means) -> str:
    return str(column.type_name) if column.type_name in means.stub_types else column.type


def _column_sql(column: Column, means: Means, *, plain: bool = False) -> str:
    parts = [quote_ident(column.name), _type_of(column, means)]
    # "default" is no collation one can name; it is what a column has without the clause.
    if column.collation is not None and column.collation.name != "default":
        parts.append(f"collate {column.collation}")
    if not plain and column.generated and column.default is not None:
        stored = "virtual" if column.generated == "v" and means.major >= 18 else "stored"
        parts.append(f"generated always as ({column.default}) {stored}")
    elif column.identity:
        parts.append(f"generated {'always' if column.identity == 'a' else 'by default'} as identity")
    if column.not_null:
        parts.append("not null")
    return " ".join(parts)


def _table_item(table: Table, catalog: Catalog, means: Means) -> Item:
    columns = sorted(catalog.columns.get(table.relation, {}).values(), key=lambda c: c.attnum)
    if table.is_partition or table.kind == "m":
        # A partition takes its identity from the parent when it is attached (17 on) and must not have its own.
        columns = [_without_identity(column) for column in columns]
    tail = ""
    if table.parents and not table.is_partition:
        tail += f" inherits ({', '.join(str(parent) for parent in table.parents)})"
    if table.kind == "p" and table.partition_key:
        tail += f" partition by {table.partition_key}"
    options = [o for o in table.reloptions if o.partition("=")[0] in _TABLE_OPTIONS]
    if options and table.kind != "p":
        tail += f" with ({', '.join(options)})"
    if table.tablespace in means.tablespaces and table.tablespace is not None:
        tail += f" tablespace {quote_ident(table.tablespace)}"

    def statement(*, plain: bool) -> str:
        body = ",\n  ".join(_column_sql(column, means, plain=plain) for column in columns)
        return f"create table {table.relation} (\n  {body}\n){tail}"

    fallbacks: tuple[tuple[str, str], ...] = ()
    if any(column.generated for column in columns):
        fallbacks = ((statement(plain=True), "without its generated columns' expressions"),)
    return Item(f"table {table.relation}", statement(plain=False), fallbacks)


def _without_identity(column: Column) -> Column:
    from dataclasses import replace

    return replace(column, identity="") if column.identity else column


def _attachment(table: Table, built: set[RelationName]) -> Iterator[Item]:
    if table.is_partition and table.parent in built and not table.detach_pending:
        bound = table.partition_bound or "default"
        yield Item(
            f"partition {table.relation}", f"alter table {table.parent} attach partition {table.relation} {bound}"
        )


def _defaults(columns: Collection[Column]) -> Iterator[Item]:
    for column in columns:
        if column.default is not None and not column.generated and not column.identity:
            yield Item(
                f"default of {column.table}.{quote_ident(column.name)}",
                f"alter table only {column.table} alter column {quote_ident(column.name)} set default {column.default}",
            )


def _indexes(tables: list[Table], catalog: Catalog, means: Means) -> Iterator[Item]:
    """Yield keys and indexes in the order production made them: of two equally cheap indexes the planner takes
    the one with the smaller OID."""
    found: list[tuple[int, Item]] = []
    for table in tables:
        oids = {i.constraint: i.oid for i in catalog.indexes_by_table.get(table.relation, ()) if i.constraint}
        for constraint in catalog.constraints_by_table.get(table.relation, ()):
            if constraint.type in "pux":
                found.append((oids.get(constraint.name, 0), _key_item(table, constraint)))
        for index in catalog.indexes_by_table.get(table.relation, ()):
            # An invalid index serves no plan; the parent of partitioned ones becomes valid by attachment.
            if index.constraint is None and (index.is_valid or index.is_partitioned):
                found.append((index.oid, _index_item(index, means)))
    yield from (item for _, item in sorted(found, key=lambda pair: pair[0]))
    for table in tables:
        for index in catalog.indexes_by_table.get(table.relation, ()):
            if index.parent is not None:
                yield Item(
                    f"attachment of index {index.relation}",
                    f"alter index {index.parent} attach partition {index.relation}",
                )


def _key_item(table: Table, constraint: Constraint) -> Item:
    name = quote_ident(constraint.name)
    add = f"alter table only {table.relation} add constraint {name} "
    plain = _WITH_CLAUSE.sub("", constraint.definition)
    fallbacks = ((add + plain, "without its storage options"),) if plain != constraint.definition else ()
    return Item(f"constraint {name} of {table.relation}", add + constraint.definition, fallbacks)


def _index_item(index: Index, means: Means) -> Item:
    label = f"index {index.relation}"
    if index.access_method not in means.access_methods:
        # Runs into the server's own message about the missing method.
        return Item(label, index.definition)
    plain = _WITH_CLAUSE.sub("", index.definition)
    fallbacks = ((plain, "without its storage options"),) if plain != index.definition else ()
    return Item(label, index_ddl(index, means), fallbacks)


def _checks(tables: list[Table], catalog: Catalog) -> Iterator[Item]:
    for table in tables:
        for constraint in catalog.constraints_by_table.get(table.relation, ()):
            if constraint.type == "c" and constraint.is_local:
                name = quote_ident(constraint.name)
                yield Item(
                    f"constraint {name} of {table.relation}",
                    f"alter table {table.relation} add constraint {name} {constraint.definition}",
                )


def index_ddl(index: Index, means: Means) -> str:
    """Return the index's definition for the twin: a partitioned parent alone, in a tablespace that matters."""
    definition = index.definition.rstrip().rstrip(";")
    if index.is_partitioned and " ON ONLY " not in definition:
        definition = definition.replace(" ON ", " ON ONLY ", 1)
    if index.tablespace in means.tablespaces and index.tablespace is not None and index.predicate is None:
        definition += f" tablespace {quote_ident(index.tablespace)}"
    return definition


def _foreign_keys(tables: list[Table], catalog: Catalog, built: set[RelationName]) -> Iterator[Item]:
    for table in tables:
        for constraint in catalog.constraints_by_table.get(table.relation, ()):
            if constraint.type != "f" or constraint.references not in built or _comes_from_parent(constraint):
                continue
            add = f"alter table {table.relation} add constraint {quote_ident(constraint.name)} "
            yield Item(f"foreign key {quote_ident(constraint.name)} of {table.relation}", add + constraint.definition)


def foreign_key_items(snapshot: Snapshot, catalog: Catalog, wanted: Collection[RelationName]) -> Iterator[Item]:
    """Yield the foreign keys that `schema_items` left out, as keys that the rows already there need not fulfil."""
    tables = [t for t in _parents_first(snapshot, catalog) if t.relation in wanted and t.kind in "rp"]
    for item in _foreign_keys(tables, catalog, {t.relation for t in tables}):
        unchecked = item.sql if item.sql.upper().endswith("NOT VALID") else f"{item.sql} not valid"
        yield Item(item.label, unchecked, ((item.sql, "checked"),))


def _comes_from_parent(constraint: Constraint) -> bool:
    return constraint.inherited and not constraint.is_local
