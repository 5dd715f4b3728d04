"""What is known at each point of a migration: relations, transaction, timeouts, locks held. Replays actions."""

from __future__ import annotations

import re
from dataclasses import replace

from advisor.errors import UsageError
from advisor.model.lookup import Catalog
from advisor.model.migration import Action, ColumnSpec, ColumnState, RelationState
from advisor.model.names import RelationName, quote_ident
from advisor.units import parse_duration


class State:
    """The database as the migrations see it. Rules read it; only `apply` changes it."""

    def __init__(self, major: int, catalog: Catalog | None = None) -> None:
        self.major = major
        self.catalog = catalog
        self.relations: dict[RelationName, RelationState] = {}
        self.indexes: dict[RelationName, RelationState] = {}
        self.functions: dict[str, str] = {}  # name -> volatility, of functions the migrations made
        self.types_created: set[str] = set()
        self.domains_constrained: set[str] = set()
        self.constraints_not_valid: dict[tuple[RelationName, str], bool] = {}  # -> added in this transaction
        self.checks_not_null: set[tuple[RelationName, str]] = set()  # columns proven NOT NULL by a valid CHECK
        self.validated: dict[RelationName, list[str]] = {}  # CHECK expressions proven by these migrations
        self.views: dict[RelationName, str] = {}  # created by these migrations: name -> query
        self.policies: set[RelationName] = set()
        self.enum_values_added: dict[str, str] = {}  # value -> type, in the present transaction
        self.in_transaction = False
        self.explicit = False  # the transaction was opened by the file itself
        self.lock_timeout: float | None = None  # seconds; None or 0: waits forever
        self.statement_timeout: float | None = None
        self._session: dict[str, float | None] = {}
        self._unproven: dict[tuple[RelationName, str], str] = {}  # CHECKs added NOT VALID
        self._pending_checks: dict[tuple[RelationName, str], str] = {}  # NOT VALID checks that will prove NOT NULL
        self.exclusive: list[RelationName] = []  # pre-existing relations locked ACCESS EXCLUSIVE in this transaction
        self.locks: tuple[tuple[RelationName, str], ...] = ()  # of the action being judged
        self.statement = ""  # the SQL being judged
        self.pending: tuple[Action, ...] = ()  # what follows it in the file
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
            self.relations[name] = RelationState(
                name=name, kind=table.kind, known=True, columns=columns, rows=catalog.rows(name), size_bytes=size,
                is_partition=table.is_partition, parent=table.parent, default_partition=default,
            )  # fmt: skip
        for name, indexes in catalog.indexes_by_table.items():
            for index in indexes:
                self.indexes[index.relation] = RelationState(
                    name=index.relation, kind="i", known=True, size_bytes=index.size_bytes, table=name
                )

    def settle(self) -> None:
        """Take everything replayed so far for the database before the migrations: it exists and may hold rows."""
        for known in (self.relations, self.indexes):
            for name, state in known.items():
                columns = {key: replace(column, created=False) for key, column in state.columns.items()}
                known[name] = replace(state, created=False, created_in_transaction=False, filled=False, columns=columns)
        self.types_created.clear()
        self.end()
        self.lock_timeout = self.statement_timeout = None

    # -- questions rules ask -------------------------------------------------------------------------------------

    def relation(self, name: RelationName) -> RelationState:
        """Return what is known of a relation; one never seen exists already, with unknown columns."""
        found = self.relations.get(name) or self._other_schema(name)
        return found if found is not None else RelationState(name=name)

    def _other_schema(self, name: RelationName) -> RelationState | None:
        """A name without a schema was taken to be in public; another schema's may be meant where it is unique."""
        if name.schema != "public":
            return None
        same = [state for known, state in self.relations.items() if known.name == name.name]
        return same[0] if len(same) == 1 else None

    def preexisting(self, name: RelationName | None) -> bool:
        """Return whether a relation existed before these migrations, or holds rows they put in."""
        return name is not None and self.relation(name).preexisting

    def index(self, name: RelationName) -> RelationState:
        """Return what is known of an index."""
        found = self.indexes.get(name)
        if found is None and name.schema == "public":
            same = [state for known, state in self.indexes.items() if known.name == name.name]
            found = same[0] if len(same) == 1 else None
        return found if found is not None else RelationState(name=name, kind="i")

    def column(self, name: RelationName, column: str) -> ColumnState:
        """Return what is known of a column."""
        return self.relation(name).columns.get(column, ColumnState(name=column))

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
        if self.catalog is None:
            return ()
        word = re.compile(rf'(?<![\w"]){re.escape(quote_ident(column))}(?![\w"])') if column is not None else None
        return tuple(
            RelationName(view.schema, view.name)
            for view in self.catalog.snapshot.schema_objects
            if view.kind in ("view", "materialized view", "matview")
            and name in view.relations
            and (word is None or word.search(view.ddl))
        )

    # -- replay ---------------------------------------------------------------------------------------------------

    def begin(self, explicit: bool) -> None:
        """Open a transaction: by the file's own BEGIN, or by the tool that wraps it."""
        self.in_transaction, self.explicit = True, explicit
        self.exclusive = []
        self._session = {"lock_timeout": self.lock_timeout, "statement_timeout": self.statement_timeout}

    def end(self) -> None:
        """Close the transaction: SET LOCAL ends, locks are released."""
        if self.in_transaction:
            self.lock_timeout = self._session.get("lock_timeout", self.lock_timeout)
            self.statement_timeout = self._session.get("statement_timeout", self.statement_timeout)
        self.in_transaction = self.explicit = False
        self.exclusive = []
        self.enum_values_added = {}
        self.constraints_not_valid = dict.fromkeys(self.constraints_not_valid, False)
        self.relations = {
            name: replace(state, created_in_transaction=False) if state.created_in_transaction else state
            for name, state in self.relations.items()
        }

    def apply(self, action: Action) -> None:
        """Take note of one action, after the rules have judged it."""
        if self.in_transaction:
            for name, mode in self.locks:
                if mode == "ACCESS EXCLUSIVE" and self.preexisting(name) and name not in self.exclusive:
                    self.exclusive.append(name)
        handler = getattr(self, f"_apply_{action.kind}", None)
        if handler is not None:
            handler(action)

    def _apply_begin(self, action: Action) -> None:
        if not self.in_transaction:
            self.begin(explicit=True)

    def _apply_commit(self, action: Action) -> None:
        self.end()

    _apply_rollback = _apply_commit

    def _apply_set(self, action: Action) -> None:
        if action.name not in ("lock_timeout", "statement_timeout"):
            return
        seconds = _timeout(action.value or "0")
        setattr(self, action.name, seconds)
        if not action.local and self.in_transaction:
            self._session[action.name] = seconds

    def _apply_reset(self, action: Action) -> None:
        for name in ("lock_timeout", "statement_timeout"):
            if action.name in (None, name):
                setattr(self, name, None)
                self._session[name] = None

    def _apply_create_table(self, action: Action) -> None:
        assert action.relation is not None
        if action.if_not_exists and action.relation in self.relations:
            return
        columns = {spec.name: _column_state(spec) for spec in action.column_specs}
        primary = {c for constraint in action.constraints if constraint.type == "primary" for c in constraint.columns}
        for name in primary & set(columns):
            columns[name] = replace(columns[name], not_null=True)
        self.relations[action.relation] = RelationState(
            name=action.relation, kind="p" if action.partition_by else "r", created=True,
            created_in_transaction=self.in_transaction, known=not action.as_select and not action.relations,
            filled=action.as_select, columns=columns, is_partition=action.partition_of is not None,
            parent=action.partition_of,
        )  # fmt: skip
        if action.bound == "default" and action.partition_of is not None:
            self._set_default(action.partition_of, action.relation)
        for constraint in action.constraints:
            if constraint.type in ("primary", "unique", "exclusion"):
                suffix = "pkey" if constraint.type == "primary" else "key"
                name = constraint.name or f"{action.relation.name}_{suffix}"
                self._add_index(RelationName(action.relation.schema, name), action.relation, constraint.columns)

    def _apply_create_matview(self, action: Action) -> None:
        assert action.relation is not None
        self.relations[action.relation] = RelationState(
            name=action.relation, kind="m", created=True, created_in_transaction=self.in_transaction
        )

    def _apply_create_view(self, action: Action) -> None:
        assert action.relation is not None
        self.views[action.relation] = action.body or ""
        if action.relation not in self.relations:
            self.relations[action.relation] = RelationState(name=action.relation, kind="v", created=True)

    def _set_default(self, parent: RelationName, partition: RelationName) -> None:
        self.relations[parent] = replace(self.relation(parent), default_partition=partition)

    def _add_index(self, name: RelationName, table: RelationName, columns: tuple[str, ...]) -> None:
        self.indexes[name] = RelationState(name=name, kind="i", created=True, table=table)
        self.keys.setdefault(table, []).append(columns)

    def _apply_create_index(self, action: Action) -> None:
        if action.relation is None:
            return
        default = f"{action.relation.name}_{'_'.join(action.columns)}_idx"
        name = RelationName(action.relation.schema, action.name or default)
        if name not in self.indexes:
            self._add_index(name, action.relation, action.columns if action.predicate is None else ())

    def _apply_drop_table(self, action: Action) -> None:
        if action.relation is not None:
            self.relations.pop(action.relation, None)

    _apply_drop_view = _apply_drop_table
    _apply_drop_matview = _apply_drop_table

    def _apply_drop_index(self, action: Action) -> None:
        if action.relation is not None:
            self.indexes.pop(action.relation, None)

    def _apply_rename_table(self, action: Action) -> None:
        assert action.relation is not None and action.new_name is not None
        renamed = RelationName(action.relation.schema, action.new_name)
        self.relations[renamed] = replace(self.relation(action.relation), name=renamed)
        self.relations.pop(action.relation, None)
        for name, index in list(self.indexes.items()):
            if index.table == action.relation:
                self.indexes[name] = replace(index, table=renamed)

    def _apply_set_schema(self, action: Action) -> None:
        assert action.relation is not None and action.new_name is not None
        moved = RelationName(action.new_name, action.relation.name)
        self.relations[moved] = replace(self.relation(action.relation), name=moved)
        self.relations.pop(action.relation, None)

    def _edit_column(self, action: Action, **changes: object) -> None:
        if action.relation is None or action.name is None:
            return
        state = self.relation(action.relation)
        column = state.columns.get(action.name, ColumnState(name=action.name))
        columns = state.columns | {action.name: replace(column, **changes)}  # type: ignore[arg-type]
        self.relations[state.name] = replace(state, columns=columns)

    def _apply_add_column(self, action: Action) -> None:
        assert action.relation is not None and action.column is not None
        state = self.relation(action.relation)
        if action.if_not_exists and action.column.name in state.columns:
            return
        columns = state.columns | {action.column.name: _column_state(action.column)}
        self.relations[state.name] = replace(state, columns=columns)

    def _apply_drop_column(self, action: Action) -> None:
        assert action.relation is not None
        state = self.relation(action.relation)
        columns = {name: column for name, column in state.columns.items() if name != action.name}
        self.relations[state.name] = replace(state, columns=columns)

    def _apply_rename_column(self, action: Action) -> None:
        if action.relation is None or action.new_name is None:
            return
        state = self.relation(action.relation)
        columns = {
            (action.new_name if name == action.name else name): (
                replace(column, name=action.new_name) if name == action.name else column
            )
            for name, column in state.columns.items()
        }
        self.relations[state.name] = replace(state, columns=columns)

    def _apply_alter_type(self, action: Action) -> None:
        self._edit_column(action, type=action.type)

    def _apply_set_default(self, action: Action) -> None:
        self._edit_column(action, has_default=True)

    def _apply_drop_default(self, action: Action) -> None:
        self._edit_column(action, has_default=False)

    def _apply_set_not_null(self, action: Action) -> None:
        self._edit_column(action, not_null=True)

    def _apply_drop_not_null(self, action: Action) -> None:
        self._edit_column(action, not_null=False)

    def _apply_add_constraint(self, action: Action) -> None:
        if action.relation is None or action.constraint is None:
            return
        constraint = action.constraint
        if constraint.type == "check" and constraint.expression is not None:
            if constraint.not_valid:
                self._unproven[(action.relation, constraint.name or "")] = constraint.expression
            else:
                self.validated.setdefault(action.relation, []).append(constraint.expression)
        if constraint.not_valid:
            self.constraints_not_valid[(action.relation, constraint.name or "")] = self.in_transaction
        proven = _proves_not_null(constraint.expression) if constraint.type == "check" else None
        if constraint.type == "not_null":
            proven = constraint.columns[0] if constraint.columns else None
        if proven is not None:
            self._pending_checks[(action.relation, constraint.name or "")] = proven
            if not constraint.not_valid:
                self.checks_not_null.add((action.relation, proven))
        if constraint.type in ("primary", "unique", "exclusion") and constraint.using_index is None:
            suffix = "pkey" if constraint.type == "primary" else "key"
            name = constraint.name or f"{action.relation.name}_{'_'.join(constraint.columns)}_{suffix}"
            self._add_index(RelationName(action.relation.schema, name), action.relation, constraint.columns)

    def _apply_validate_constraint(self, action: Action) -> None:
        if action.relation is None:
            return
        key = (action.relation, action.name or "")
        self.constraints_not_valid.pop(key, None)
        if key in self._unproven:
            self.validated.setdefault(action.relation, []).append(self._unproven.pop(key))
        if key in self._pending_checks:
            self.checks_not_null.add((action.relation, self._pending_checks[key]))

    def _apply_attach_partition(self, action: Action) -> None:
        if action.relation is None:
            return
        for child in action.relations:
            self.relations[child] = replace(self.relation(child), is_partition=True, parent=action.relation)
            if action.bound == "default":
                self._set_default(action.relation, child)

    def _apply_detach_partition(self, action: Action) -> None:
        for child in action.relations:
            self.relations[child] = replace(self.relation(child), is_partition=False, parent=None)

    def _apply_copy(self, action: Action) -> None:
        # Rows a migration loads into its own table are few: it stays harmless. A copy of a whole table is not.
        return

    def _apply_insert(self, action: Action) -> None:
        if action.as_select and action.relation is not None:
            state = self.relation(action.relation)
            if state.created:
                self.relations[state.name] = replace(state, filled=True)

    def _apply_create_type(self, action: Action) -> None:
        self.types_created.add((action.name or "").rpartition(".")[2])

    def _apply_create_domain(self, action: Action) -> None:
        self._apply_create_type(action)
        if action.has_where:
            self.domains_constrained.add((action.name or "").rpartition(".")[2])

    def _apply_add_enum_value(self, action: Action) -> None:
        if self.in_transaction and (action.name or "").rpartition(".")[2] not in self.types_created:
            self.enum_values_added[action.value or ""] = action.name or ""

    def _apply_create_policy(self, action: Action) -> None:
        if action.relation is not None:
            self.policies.add(action.relation)


def _column_state(spec: ColumnSpec) -> ColumnState:
    has_default = spec.default is not None or spec.serial or spec.identity or bool(spec.generated)
    return ColumnState(name=spec.name, type=spec.type, not_null=spec.not_null, has_default=has_default, created=True)


def _proves_not_null(expression: str | None) -> str | None:
    """Return the column that a CHECK of the form `column IS NOT NULL` proves: it spares SET NOT NULL its scan."""
    if expression is None:
        return None
    text = expression.strip().strip("()").strip()
    head, found, tail = text.lower().partition(" is not null")
    return text[: len(head)].strip('"') if found and not tail and " " not in head else None


def _timeout(text: str) -> float | None:
    """Return seconds of a timeout setting; a bare number is milliseconds; 0 is none."""
    text = text.strip().strip("'")
    try:
        seconds = float(text) / 1000 if text.replace(".", "", 1).isdigit() else parse_duration(text)
    except UsageError:
        return None
    return seconds or None
