"""A migration, understood: what each statement does to which object, and what was known before it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from advisor.model.names import RelationName

DATA_KINDS = frozenset({"insert", "update", "delete", "merge"})
# Subcommands of ALTER TABLE that lose nothing by standing together in one.
MERGEABLE_ALTERS = frozenset({"add_column", "drop_column", "alter_type", "set_default", "drop_not_null"})
_BOOKKEEPING = re.compile(r"(migrations?|schema_version|alembic_version|schema_history|databasechangelog(lock)?)$")


def is_bookkeeping(name: RelationName | None) -> bool:
    """Return whether a table is the one in which a migration tool notes what it did."""
    return name is not None and _BOOKKEEPING.search(name.name) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnSpec:
    """A column as a migration defines it."""

    name: str
    type: str  # as written, normalised: 'integer', 'character varying(20)', 'numeric(10,2)', 'public.mood'
    not_null: bool = False
    default: str | None = None  # SQL text of the expression
    volatile_default: bool = False  # a function in it is volatile, or not known to be stable
    identity: bool = False
    serial: bool = False
    generated: str = ""  # "" stored virtual
    constraints: tuple[ConstraintSpec, ...] = ()
    collation: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstraintSpec:
    """A constraint as a migration defines it."""

    type: str  # primary unique foreign check exclusion not_null
    name: str | None = None
    columns: tuple[str, ...] = ()
    not_valid: bool = False
    using_index: str | None = None
    references: RelationName | None = None
    referenced_columns: tuple[str, ...] = ()
    expression: str | None = None  # CHECK


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One thing a statement does. `kind` decides which of the other fields mean something.

    create_table drop_table rename_table set_schema truncate lock_table vacuum_full cluster
    create_index drop_index reindex rename_index attach_index
    add_column drop_column rename_column alter_type set_default drop_default set_not_null drop_not_null
    add_constraint validate_constraint drop_constraint rename_constraint
    attach_partition detach_partition inherit storage (SET LOGGED, TABLESPACE, ACCESS METHOD)
    create_view drop_view create_matview drop_matview refresh_matview
    create_schema drop_schema rename_schema drop_database
    create_type add_enum_value rename_enum_value create_domain alter_domain drop_type
    create_trigger disable_trigger enable_rls disable_rls create_policy create_rule
    create_function alter_function drop_function grant_public password comment cut_name
    insert update delete merge select copy do execute call
    begin commit rollback savepoint set reset other
    """

    kind: str
    relation: RelationName | None = None
    relations: tuple[RelationName, ...] = ()  # everything concerned, where more than one
    name: str | None = None  # column, constraint, index, enum value, setting …
    new_name: str | None = None
    column: ColumnSpec | None = None
    columns: tuple[str, ...] = ()
    column_specs: tuple[ColumnSpec, ...] = ()  # CREATE TABLE
    constraint: ConstraintSpec | None = None
    constraints: tuple[ConstraintSpec, ...] = ()  # CREATE TABLE
    type: str | None = None  # new type, kind of object, lock mode
    value: str | None = None
    using: str | None = None  # ALTER TYPE … USING expression
    method: str | None = None
    predicate: str | None = None
    expressions: bool = False  # the index has expression columns
    unique: bool = False
    concurrently: bool = False
    if_exists: bool = False
    if_not_exists: bool = False
    cascade: bool = False
    only: bool = False
    has_where: bool = False
    limited: bool = False  # the rows are bounded by a LIMIT or a list of keys
    local: bool = False  # SET LOCAL
    partition_of: RelationName | None = None
    partition_by: bool = False
    bound: str | None = None  # 'default' or the text of FOR VALUES …
    as_select: bool = False
    like: bool = False  # CREATE TABLE (LIKE …): columns that the text does not show
    temporary: bool = False
    nested: bool = False  # inside DO or a constant EXECUTE
    body: str | None = None  # of a DO block, a view's query
    calls: tuple[str, ...] = ()  # functions that SELECT and CALL name
    options: tuple[str, ...] = ()  # of a function: definer, search_path (it is fixed), atomic (a body in standard SQL)
    reads: tuple[RelationName, ...] = ()  # tables that INSERT … SELECT, CREATE TABLE AS read through


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One statement of a migration. `line` is 1-based, of the statement's first token."""

    sql: str
    line: int
    actions: tuple[Action, ...]
    error: str | None = None  # does not parse
    raw: str | None = None  # the file's own text, where psql variables or placeholders were replaced in `sql`
    data: str | None = None  # the lines of COPY … FROM STDIN


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnState:
    """What is known of a column at this point; `type` None is unknown."""

    name: str
    type: str | None = None
    not_null: bool | None = None
    has_default: bool | None = None
    created: bool = False  # by these migrations


@dataclass(frozen=True, slots=True, kw_only=True)
class RelationState:
    """What is known of a relation at this point."""

    name: RelationName
    kind: str = "r"  # r p v m i
    created: bool = False  # by these migrations: empty, harmless
    created_in_transaction: bool = False  # of the present transaction
    known: bool = False  # from a catalog or from CREATE TABLE: then `columns` is complete
    filled: bool = False  # created here, and rows were copied in since
    columns: dict[str, ColumnState] = field(default_factory=dict)
    rows: float | None = None
    size_bytes: int | None = None  # the main fork
    toast_bytes: int = 0
    is_partition: bool = False
    parent: RelationName | None = None
    default_partition: RelationName | None = None
    table: RelationName | None = None  # of an index
    keys: tuple[str, ...] = ()  # of an index: its key columns, where they are known
    unique: bool = False  # of an index: on plain columns, over all rows
    populated: bool = True  # of a materialized view: its query has run

    @property
    def preexisting(self) -> bool:
        """Whether readers and writers may exist: what these migrations made is used by nobody yet, filled or not."""
        return not self.created


@dataclass(frozen=True, slots=True, kw_only=True)
class Hazard:
    """What a rule finds in one action."""

    message: str  # one or two plain sentences
    object: str
    lock: str | None = None
    rewrite: bool = False
    scan: bool = False  # reads the whole table under the lock
    builds: tuple[tuple[str, ...], ...] = ()  # key columns of the indexes built under the lock
    computed: bool = False  # the rewrite computes a value for every row
    severity: str | None = None  # other than the rule's own
    remedy: tuple[str, ...] = ()
    remedy_note: str | None = None
    relation: RelationName | None = None  # whose size turns the lock into seconds


class MigrationView(Protocol):
    """What a rule may ask about the database at the point of its action; rules never change it."""

    major: int
    in_transaction: bool
    explicit: bool  # the transaction was opened by the file, not by the tool that runs it
    lock_timeout: float | None
    exclusive: list[RelationName]  # pre-existing relations locked ACCESS EXCLUSIVE in this transaction
    write_locked: list[RelationName]  # … locked so that writes wait, and reads do not
    locks: tuple[tuple[RelationName, str], ...]  # of the action being judged
    statement: str  # the SQL being judged
    pending: Iterable[Action]  # the actions that follow in the same file
    types_created: set[str]
    domains_constrained: set[str]
    constraints_not_valid: dict[tuple[RelationName, str], bool]  # -> added in this transaction
    checks_not_null: set[tuple[RelationName, str]]
    policies: set[RelationName]
    constraints_made: set[tuple[RelationName, str]]  # by these migrations
    enum_values_added: dict[str, str]
    schemas_created: set[str]
    foreign_keys_made: set[tuple[RelationName, str]]
    functions_fixed: set[str]  # functions these migrations gave a search_path
    names_cut: dict[tuple[str, str], str]  # (where it is unique, what is left of the name) -> the name as written
    indexes_dropped: set[RelationName]  # by these migrations
    renamed_away: dict[RelationName, RelationName]  # pre-existing tables: the name they had -> the one they have
    altered: dict[RelationName, tuple[str, frozenset[str]]]  # in this run of statements: last one, its columns
    wrote: bool  # rows of pre-existing tables changed in this transaction
    mixed: bool  # it was told already

    def relation(self, name: RelationName) -> RelationState: ...

    def preexisting(self, name: RelationName | None) -> bool: ...

    def index(self, name: RelationName) -> RelationState: ...

    def column(self, name: RelationName, column: str) -> ColumnState: ...

    def base_type(self, type_: str) -> str: ...

    def indexes_of(self, name: RelationName) -> tuple[RelationState, ...]: ...

    def index_columns(self, name: RelationName) -> tuple[tuple[str, ...], ...]: ...

    def tables_behind(self, name: RelationName) -> frozenset[RelationName]: ...

    def valid_checks(self, name: RelationName) -> tuple[str, ...]: ...

    def dependent_views(self, name: RelationName, column: str | None) -> tuple[RelationName, ...]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class GateFinding:
    """One finding of the gate, as in its JSON."""

    rule: str  # a hazard's name: index_create_blocking …
    severity: str
    line: int
    statement: str
    message: str
    object: str
    lock: str | None = None
    rewrite: bool = False
    seconds_estimate: float | None = None
    remedy_sql: tuple[str, ...] = ()
    remedy_note: str | None = None
    source: str = "static"  # static, run, workload
    plans: tuple[tuple[str, ...], ...] = ()  # before and after (of a new statement: its own), one line per node


@dataclass(frozen=True, slots=True, kw_only=True)
class GateFile:
    """What the gate says of one file."""

    path: str
    findings: tuple[GateFinding, ...] = ()
    error: str | None = None  # the file could not be judged: unreadable, not text
    ignored: tuple[str, ...] = ()  # 'rule (line n): reason'
