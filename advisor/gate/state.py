"""Replays a migration's actions: what is known of the database after each of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from advisor.errors import UsageError
from advisor.gate.course import take_note
from advisor.gate.expressions import proven_not_null
from advisor.gate.knowledge import Knowledge
from advisor.model.migration import Action, ColumnSpec, ColumnState, RelationState
from advisor.model.names import RelationName
from advisor.units import parse_duration

Value = TypeVar("Value")

# Kinds that make, move or remove names. A name in public that others add is found as it is.
_NAMING = ("create_", "drop_", "rename_", "set_schema", "add_constraint")
# From here on writers wait, and with them everybody who comes after.
BLOCKING = frozenset({"SHARE", "SHARE ROW EXCLUSIVE", "EXCLUSIVE", "ACCESS EXCLUSIVE"})


class State(Knowledge):
    """The database as the migrations see it. Rules read it; only `apply` changes it."""

    def settle(self) -> None:
        """Take everything replayed so far for the database before the migrations: it exists and may hold rows."""
        for known in (self.relations, self.indexes):
            for name, state in known.items():
                columns = {key: replace(column, created=False) for key, column in state.columns.items()}
                known[name] = replace(state, created=False, created_in_transaction=False, filled=False, columns=columns)
        self.types_created.clear()
        self.schemas_created.clear()
        self.constraints_made.clear()
        self.renamed_away.clear()
        self.search_path = ()
        self.complete = True
        self.end()
        self.lock_timeout = self.statement_timeout = None

    def begin(self, explicit: bool) -> None:
        """Open a transaction: by the file's own BEGIN, or by the tool that wraps it."""
        self.in_transaction, self.explicit = True, explicit
        self.exclusive = []
        self.write_locked = []
        self.wrote = self.mixed = False
        self._session = {"lock_timeout": self.lock_timeout, "statement_timeout": self.statement_timeout}

    def end(self) -> None:
        """Close the transaction: SET LOCAL ends, locks are released."""
        if self.in_transaction:
            self.lock_timeout = self._session.get("lock_timeout", self.lock_timeout)
            self.statement_timeout = self._session.get("statement_timeout", self.statement_timeout)
        self.in_transaction = self.explicit = False
        self.exclusive = []
        self.write_locked = []
        self.wrote = self.mixed = False
        self.enum_values_added = {}
        self.constraints_not_valid = dict.fromkeys(self.constraints_not_valid, False)
        self.relations = {
            name: replace(state, created_in_transaction=False) if state.created_in_transaction else state
            for name, state in self.relations.items()
        }

    def apply(self, action: Action) -> None:
        """Take note of one action, after the rules have judged it."""
        take_note(self, action)
        # Of a view that is dropped nobody can be waiting for more than its successor.
        if self.in_transaction and action.kind != "drop_view":
            for name, mode in self.locks:
                held = self.exclusive if mode == "ACCESS EXCLUSIVE" else self.write_locked
                if mode in BLOCKING and self.preexisting(name) and name not in held:
                    held.append(name)
        handler = getattr(self, f"_apply_{action.kind}", None)
        if handler is not None:
            handler(action)
            if action.kind.startswith(_NAMING) or (action.relation is not None and action.relation.schema != "public"):
                self._by_name = None

    def _apply_begin(self, action: Action) -> None:
        if not self.in_transaction:
            self.begin(explicit=True)

    def _apply_commit(self, action: Action) -> None:
        self.end()

    _apply_rollback = _apply_commit

    def _apply_set(self, action: Action) -> None:
        if action.name == "search_path":
            parts = (part.strip().strip('"') for part in (action.value or "").split(","))
            self.search_path = tuple(part for part in parts if part)
        if action.name not in ("lock_timeout", "statement_timeout"):
            return
        seconds = _timeout(action.value or "0")
        setattr(self, action.name, seconds)
        if not action.local and self.in_transaction:
            self._session[action.name] = seconds

    def _apply_reset(self, action: Action) -> None:
        if action.name in (None, "search_path"):
            self.search_path = ()
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
        hidden = action.as_select or action.like
        known = not hidden and all(self.relation(parent).known for parent in action.relations)
        inherited = {
            column: state for parent in action.relations for column, state in self.relation(parent).columns.items()
        }
        self.relations[action.relation] = RelationState(
            name=action.relation, kind="p" if action.partition_by else "r", created=True,
            created_in_transaction=self.in_transaction, known=known,
            filled=action.as_select, columns=inherited | columns, is_partition=action.partition_of is not None,
            parent=action.partition_of or next(iter(action.relations), None),
        )  # fmt: skip
        if action.bound == "default" and action.partition_of is not None:
            self._set_default(action.partition_of, action.relation)
        checks = [c.expression for c in action.constraints if c.type == "check" and c.expression is not None]
        if checks:
            self.validated.setdefault(action.relation, []).extend(checks)
            self.checks_not_null |= {(action.relation, name) for check in checks for name in proven_not_null(check)}
        for constraint in action.constraints:
            if constraint.type in ("primary", "unique", "exclusion"):
                suffix = "pkey" if constraint.type == "primary" else "key"
                name = constraint.name or f"{action.relation.name}_{suffix}"
                self._add_index(RelationName(action.relation.schema, name), action.relation, constraint.columns)

    def _apply_create_matview(self, action: Action) -> None:
        assert action.relation is not None
        self.relations[action.relation] = RelationState(
            name=action.relation, kind="m", created=True, created_in_transaction=self.in_transaction,
            populated=not action.limited,
        )  # fmt: skip
        self.views[action.relation] = action.body or ""
        self._views_dropped.discard(action.relation)

    def _apply_refresh_matview(self, action: Action) -> None:
        if action.relation in self.relations:
            self.relations[action.relation] = replace(self.relations[action.relation], populated=not action.limited)

    def _apply_create_view(self, action: Action) -> None:
        assert action.relation is not None
        self.view_reads[action.relation] = action.reads
        self.views[action.relation] = action.body or ""
        self._views_dropped.discard(action.relation)
        if action.relation not in self.relations:
            self.relations[action.relation] = RelationState(name=action.relation, kind="v", created=True)

    def _set_default(self, parent: RelationName, partition: RelationName) -> None:
        self.relations[parent] = replace(self.relation(parent), default_partition=partition)

    def _add_index(
        self, name: RelationName, table: RelationName, columns: tuple[str, ...], unique: bool = False
    ) -> None:
        self.indexes[name] = RelationState(
            name=name, kind="i", created=True, table=table, keys=columns, unique=unique
        )  # fmt: skip
        self.keys.setdefault(table, []).append(columns)

    def _apply_create_index(self, action: Action) -> None:
        if action.relation is None:
            return
        default = f"{action.relation.name}_{'_'.join(action.columns)}_idx"
        name = RelationName(action.relation.schema, action.name or default)
        if name not in self.indexes:
            whole = action.predicate is None
            unique = action.unique and whole and not action.expressions
            self._add_index(name, action.relation, action.columns if whole else (), unique)

    def _apply_drop_table(self, action: Action) -> None:
        if action.relation is not None:
            self.relations.pop(action.relation, None)
            self.views.pop(action.relation, None)
            self.view_reads.pop(action.relation, None)
            self._views_dropped.add(action.relation)
            self.indexes = {name: index for name, index in self.indexes.items() if index.table != action.relation}

    _apply_drop_view = _apply_drop_table
    _apply_drop_matview = _apply_drop_table

    def _apply_drop_index(self, action: Action) -> None:
        if action.relation is not None:
            self.indexes.pop(action.relation, None)

    def _apply_rename_table(self, action: Action) -> None:
        assert action.relation is not None and action.new_name is not None
        self._move(action.relation, RelationName(action.relation.schema, action.new_name))

    def _apply_rename_index(self, action: Action) -> None:
        if action.relation is not None and action.new_name is not None and action.relation in self.indexes:
            renamed = RelationName(action.relation.schema, action.new_name)
            self.indexes[renamed] = replace(self.indexes.pop(action.relation), name=renamed)

    def _move(self, old: RelationName, new: RelationName) -> None:
        """Carry everything known of a relation over to its new name."""
        self.relations[new] = replace(self.relation(old), name=new)
        self.relations.pop(old, None)
        self._former[new] = self._former.pop(old, old)
        for name, index in list(self.indexes.items()):
            if index.table == old:
                self.indexes[name] = replace(index, table=new)
        for name, state in list(self.relations.items()):
            if old in (state.parent, state.default_partition):
                parent = new if state.parent == old else state.parent
                default = new if state.default_partition == old else state.default_partition
                self.relations[name] = replace(state, parent=parent, default_partition=default)
        _rename_key(self.keys, old, new)
        _rename_key(self.validated, old, new)
        _rename_key(self.views, old, new)
        _rename_key(self.view_reads, old, new)
        _rename_owner(self.constraints_not_valid, old, new)
        _rename_owner(self._unproven, old, new)
        _rename_owner(self._pending_checks, old, new)
        self.checks_not_null = {(new if r == old else r, column) for r, column in self.checks_not_null}
        self.constraints_made = {(new if r == old else r, name) for r, name in self.constraints_made}
        self.policies = {new if r == old else r for r in self.policies}
        self.exclusive = [new if r == old else r for r in self.exclusive]
        self.write_locked = [new if r == old else r for r in self.write_locked]

    def _apply_set_schema(self, action: Action) -> None:
        assert action.relation is not None and action.new_name is not None
        self._move(action.relation, RelationName(action.new_name, action.relation.name))

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
        if constraint.name is not None:
            self.constraints_made.add((action.relation, constraint.name))
            if constraint.type == "foreign":
                self.foreign_keys_made.add((action.relation, constraint.name))
        if constraint.type == "check" and constraint.expression is not None:
            if constraint.not_valid:
                self._unproven[(action.relation, constraint.name or "")] = constraint.expression
            else:
                self.validated.setdefault(action.relation, []).append(constraint.expression)
        if constraint.not_valid:
            self.constraints_not_valid[(action.relation, constraint.name or "")] = self.in_transaction
        proven = proven_not_null(constraint.expression) if constraint.type == "check" else ()
        if constraint.type == "not_null":
            proven = constraint.columns[:1]
        if proven:
            self._pending_checks[(action.relation, constraint.name or "")] = proven
            if not constraint.not_valid:
                self.checks_not_null |= {(action.relation, column) for column in proven}
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
            self.checks_not_null |= {(action.relation, column) for column in self._pending_checks[key]}

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

    def _apply_create_schema(self, action: Action) -> None:
        self.schemas_created.add(action.name or "")

    def _apply_rename_schema(self, action: Action) -> None:
        if action.name in self.schemas_created:
            self.schemas_created.add(action.new_name or "")

    def _apply_create_type(self, action: Action) -> None:
        self.types_created.add((action.name or "").rpartition(".")[2])

    def _apply_create_domain(self, action: Action) -> None:
        self._apply_create_type(action)
        if action.has_where:
            self.domains_constrained.add((action.name or "").rpartition(".")[2])
        self.domains[(action.name or "").rpartition(".")[2]] = action.type or ""

    def _apply_create_function(self, action: Action) -> None:
        if action.body is not None:
            self.bodies[(action.name or "").lower()] = (action.value or "sql", action.body)

    def _apply_add_enum_value(self, action: Action) -> None:
        # From 17 on, values of a type that the same transaction created may be used at once.
        exempt = self.major >= 17 and (action.name or "").rpartition(".")[2] in self.types_created
        if self.in_transaction and not exempt:
            self.enum_values_added[action.value or ""] = action.name or ""

    def _apply_create_policy(self, action: Action) -> None:
        if action.relation is not None:
            self.policies.add(action.relation)


def _rename_key(mapping: dict[RelationName, Value], old: RelationName, new: RelationName) -> None:
    if old in mapping:
        mapping[new] = mapping.pop(old)


def _rename_owner(mapping: dict[tuple[RelationName, str], Value], old: RelationName, new: RelationName) -> None:
    for key in [key for key in mapping if key[0] == old]:
        mapping[new, key[1]] = mapping.pop(key)


def _column_state(spec: ColumnSpec) -> ColumnState:
    has_default = spec.default is not None or spec.serial or spec.identity or bool(spec.generated)
    return ColumnState(name=spec.name, type=spec.type, not_null=spec.not_null, has_default=has_default, created=True)


def _timeout(text: str) -> float | None:
    """Return seconds of a timeout setting; a bare number is milliseconds; 0 is none."""
    text = text.strip().strip("'")
    try:
        seconds = float(text) / 1000 if text.replace(".", "", 1).isdigit() else parse_duration(text)
    except UsageError:
        return None
    return seconds or None
