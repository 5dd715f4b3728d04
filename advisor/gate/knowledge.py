"""What is known of the database at one point of a migration, and the questions rules ask about it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import pglast

from advisor.gate.actions import actions_of
from advisor.gate.expressions import proven_not_null
from advisor.model.migration import Action, ColumnState, RelationState
from advisor.model.names import RelationName, quote_ident

if TYPE_CHECKING:
    from advisor.model.lookup import Catalog


class Knowledge:
    """The database as the migrations see it. Rules read it; only `apply` changes it."""

    def __init__(self, major: int, catalog: Catalog | None = None) -> None:
        self.major = major
        self.catalog = catalog
        self.complete = catalog is not None  # a relation that is not known does not exist
        self.search_path: tuple[str, ...] = ()  # as the file set it
        self.domains: dict[str, str] = {}  # domains made by these migrations or the schema file -> base type
        self.constraints_made: set[tuple[RelationName, str]] = set()
        self.known_views: set[RelationName] = set()  # of the catalog
        self._former: dict[RelationName, RelationName] = {}  # renamed by these migrations: new name -> first name
        self._views_dropped: set[RelationName] = set()
        self.relations: dict[RelationName, RelationState] = {}
        self.indexes: dict[RelationName, RelationState] = {}
        self.functions: dict[str, str] = {}  # name -> volatility, of functions the migrations made
        self.bodies: dict[str, tuple[str, str]] = {}  # of those functions: name -> language and body
        self.types_created: set[str] = set()
        self.domains_constrained: set[str] = set()
        self.constraints_not_valid: dict[tuple[RelationName, str], bool] = {}  # -> added in this transaction
        self.checks_not_null: set[tuple[RelationName, str]] = set()  # columns proven NOT NULL by a valid CHECK
        self.validated: dict[RelationName, list[str]] = {}  # CHECK expressions proven by these migrations
        self.schemas_created: set[str] = set()
        self.foreign_keys_made: set[tuple[RelationName, str]] = set()
        self.functions_fixed: set[str] = set()
        self.names_cut: dict[tuple[str, str], str] = {}
        self.indexes_dropped: set[RelationName] = set()
        self.renamed_away: dict[RelationName, RelationName] = {}
        self.altered: dict[RelationName, tuple[str, frozenset[str]]] = {}
        self.wrote = False
        self.mixed = False
        self.views: dict[RelationName, str] = {}  # created by these migrations: name -> query
        self.view_reads: dict[RelationName, tuple[RelationName, ...]] = {}  # of those views: what they read
        self.policies: set[RelationName] = set()
        self.enum_values_added: dict[str, str] = {}  # value -> type, in the present transaction
        self.in_transaction = False
        self.explicit = False  # the transaction was opened by the file itself
        self.lock_timeout: float | None = None  # seconds; None or 0: waits forever
        self.statement_timeout: float | None = None
        self._session: dict[str, float | None] = {}
        self._unproven: dict[tuple[RelationName, str], str] = {}  # CHECKs added NOT VALID
        self._pending_checks: dict[
            tuple[RelationName, str], tuple[str, ...]
        ] = {}  # NOT VALID checks that will prove NOT NULL
        self.exclusive: list[RelationName] = []  # pre-existing relations locked ACCESS EXCLUSIVE in this transaction
        self.write_locked: list[RelationName] = []  # … in a mode that lets reads go on
        self.locks: tuple[tuple[RelationName, str], ...] = ()  # of the action being judged
        self.statement = ""  # the SQL being judged
        self.pending: Iterable[Action] = ()  # what follows it in the file
        self._by_name: dict[str, tuple[list[RelationName], list[RelationName]]] | None = None  # as long as it holds
        self.keys: dict[RelationName, list[tuple[str, ...]]] = {}  # columns of the indexes made by these migrations
        if catalog is not None:
            self._load(catalog)

    def _load(self, catalog: Catalog) -> None:
        for name, table in catalog.tables.items():
            columns = {
                column.name: ColumnState(
                    name=column.name,
                    type=column.type,
                    not_null=column.not_null,
                    has_default=column.default is not None or bool(column.identity),
                )
                for column in catalog.columns.get(name, {}).values()
            }
            default = next((p.relation for p in catalog.partitions.get(name, ()) if p.is_default_partition), None)
            size = sum(leaf.size_bytes or 0 for leaf in catalog.leaves(name))
            toast = sum(leaf.toast_bytes or 0 for leaf in catalog.leaves(name))
            self.relations[name] = RelationState(
                name=name, kind=table.kind, known=True, columns=columns, rows=catalog.rows(name), size_bytes=size,
                toast_bytes=toast, is_partition=table.is_partition, parent=table.parent, default_partition=default,
            )  # fmt: skip
        self.known_views = {
            RelationName(item.schema, item.name)
            for item in catalog.snapshot.schema_objects
            if item.kind in ("view", "materialized view", "matview")
        }
        for name, indexes in catalog.indexes_by_table.items():
            for index in indexes:
                self.indexes[index.relation] = RelationState(
                    name=index.relation, kind="i", known=True, size_bytes=index.size_bytes, table=name,
                    keys=tuple(column.key for column in index.columns),
                    unique=index.is_unique and index.predicate is None and all(c.column for c in index.columns),
                )  # fmt: skip
        for name, constraints in catalog.constraints_by_table.items():
            for check in constraints:
                if check.type == "c" and check.validated and "not null" in check.definition.lower():
                    expression = check.definition[len("CHECK ") :]
                    self.checks_not_null |= {(name, column) for column in proven_not_null(expression)}
        for item in catalog.snapshot.schema_objects:
            if item.ddl[:14].lower() == "create domain ":
                self._load_domain(item.ddl)

    def _load_domain(self, ddl: str) -> None:
        for action in (found for raw in pglast.parse_sql(ddl) for found in actions_of(raw.stmt, {})):
            name = (action.name or "").rpartition(".")[2]
            if action.kind == "create_domain":
                self.domains[name] = action.type or ""
            if action.has_where or (action.kind == "alter_domain" and action.type == "add_constraint"):
                self.domains_constrained.add(name)

    def take_sizes(self, catalog: Catalog) -> None:
        """Take rows and sizes of production for what has the same name here; the rest stays as the schema says."""
        for name in self.relations.keys() & catalog.tables.keys():
            leaves = catalog.leaves(name)
            self.relations[name] = replace(
                self.relations[name],
                rows=catalog.rows(name),
                size_bytes=sum(leaf.size_bytes or 0 for leaf in leaves),
                toast_bytes=sum(leaf.toast_bytes or 0 for leaf in leaves),
            )

    # -- questions rules ask -------------------------------------------------------------------------------------

    def relation(self, name: RelationName) -> RelationState:
        """Return what is known of a relation; one never seen exists already, with unknown columns."""
        found = self.relations.get(name) or self._other_schema(name) or self.indexes.get(name)
        return found if found is not None else RelationState(name=name)

    def _same_name(self, name: str) -> tuple[list[RelationName], list[RelationName]]:
        """Return the relations and the indexes called so, in whatever schema."""
        if self._by_name is None:
            self._by_name = {}
            for number, known in enumerate((self.relations, self.indexes)):
                for relation in known:
                    self._by_name.setdefault(relation.name, ([], []))[number].append(relation)
        return self._by_name.get(name, ([], []))

    def _other_schema(self, name: RelationName) -> RelationState | None:
        """A name without a schema was taken to be in public; another schema's may be meant where it is unique."""
        if name.schema != "public":
            return None
        same, _ = self._same_name(name.name)
        return self.relations[same[0]] if len(same) == 1 else None

    def preexisting(self, name: RelationName | None) -> bool:
        """Return whether a relation existed before these migrations, or holds rows they put in."""
        return name is not None and self.relation(name).preexisting

    def index(self, name: RelationName) -> RelationState:
        """Return what is known of an index."""
        found = self.indexes.get(name)
        if found is None and name.schema == "public":
            _, same = self._same_name(name.name)
            found = self.indexes[same[0]] if len(same) == 1 else None
        return found if found is not None else RelationState(name=name, kind="i")

    def column(self, name: RelationName, column: str) -> ColumnState:
        """Return what is known of a column."""
        found = self.relation(name).columns.get(column, ColumnState(name=column))
        base = self.domains.get((found.type or "").rpartition(".")[2])
        return found if base is None else replace(found, type=base)

    def base_type(self, type_: str) -> str:
        """Return what a type is stored as: a domain without constraints is its base type."""
        name = type_.rpartition(".")[2]
        return type_ if name in self.domains_constrained else self.domains.get(name, type_)

    def indexes_of(self, name: RelationName) -> tuple[RelationState, ...]:
        """Return the indexes known on a relation."""
        return tuple(state for state in self.indexes.values() if state.table == name)

    def index_columns(self, name: RelationName) -> tuple[tuple[str, ...], ...]:
        """Return the key columns of every index on a relation, existing and made by these migrations."""
        existing = self.catalog.indexes_by_table.get(name, ()) if self.catalog is not None else ()
        found = [tuple(c.key for c in index.columns) for index in existing if index.relation in self.indexes]
        return (*found, *self.keys.get(name, ()))

    def valid_checks(self, name: RelationName) -> tuple[str, ...]:
        """Return the validated CHECK expressions of a relation, existing and added by these migrations."""
        existing = self.catalog.constraints_by_table.get(name, ()) if self.catalog is not None else ()
        found = tuple(c.definition for c in existing if c.type == "c" and c.validated)
        return (*found, *self.validated.get(name, ()))

    def dependent_views(self, name: RelationName, column: str | None) -> tuple[RelationName, ...]:
        """Return views and materialized views that read a relation (and name the column), by the catalog."""
        pattern = rf'(?<![\w"]){re.escape(quote_ident(column))}(?![\w"])' if column is not None else ""
        origin = self._former.get(name, name)
        stored = self.catalog.snapshot.schema_objects if self.catalog is not None else ()
        found = [
            RelationName(view.schema, view.name)
            for view in stored
            if view.kind in ("view", "materialized view", "matview")
            and origin in view.relations
            and re.search(pattern, view.ddl)
        ]
        names = "|".join(re.escape(quote_ident(each.name)) for each in {name, origin})
        table = re.compile(rf'(?<![\w"])(?:{names})(?![\w"])')
        # "*" stands for every column, except in count(*).
        column_or_star = re.compile(rf"{pattern}|(?<!\()\*(?!\))")
        found += [
            view for view, query in self.views.items()
            if table.search(query) and (column is None or column_or_star.search(query))
        ]  # fmt: skip
        return tuple(dict.fromkeys(view for view in found if view not in self._views_dropped))

    def tables_behind(self, name: RelationName) -> frozenset[RelationName]:
        """Return the tables that a relation's rows come from: itself, or what a view made here reads."""
        found, waiting = set(), [name]
        while waiting:
            relation = self.resolve(waiting.pop())
            if relation not in found:
                found.add(relation)
                waiting += self.view_reads.get(relation, ())
        return frozenset(found - self.view_reads.keys())

    def resolve(self, name: RelationName) -> RelationName:
        """Return the relation or index that a name without a schema (read as public) means."""
        if name.schema != "public" or name in self.relations or name in self.indexes or name in self.views:
            return name
        for schema in self.search_path:
            candidate = RelationName(schema, name.name)
            if candidate in self.relations or candidate in self.indexes:
                return candidate
        relations, indexes = self._same_name(name.name)
        same = [*relations, *indexes]
        return same[0] if len(same) == 1 else name

    def name_of_new(self, name: RelationName) -> RelationName:
        """Return the name that an object created without a schema gets."""
        first = self.search_path[0] if self.search_path else "public"
        return name if name.schema != "public" or first.startswith(("$", "pg_")) else RelationName(first, name.name)
