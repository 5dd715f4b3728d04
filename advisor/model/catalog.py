"""Relations, columns, indexes and constraints as PostgreSQL's catalog has them, with their counters.

OIDs occur only as keys inside one snapshot; they never reach a finding.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from advisor.model.names import RelationName


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """A schema that holds user objects."""

    name: str
    owner: str
    can_create_public: bool = False  # PUBLIC has CREATE on it


@dataclass(frozen=True, slots=True, kw_only=True)
class TableCounters:
    """pg_stat_all_tables and pg_statio_all_tables of one table, cumulative since the statistics reset."""

    seq_scan: int
    seq_tup_read: int
    idx_scan: int | None
    idx_tup_fetch: int | None
    n_tup_ins: int
    n_tup_upd: int
    n_tup_del: int
    n_tup_hot_upd: int
    n_live_tup: int
    n_dead_tup: int
    n_mod_since_analyze: int
    n_ins_since_vacuum: int | None
    last_vacuum: datetime | None
    last_autovacuum: datetime | None
    last_analyze: datetime | None
    last_autoanalyze: datetime | None
    vacuum_count: int
    autovacuum_count: int
    analyze_count: int
    autoanalyze_count: int
    heap_blks_read: int | None
    heap_blks_hit: int | None
    n_tup_newpage_upd: int | None = None  # 16 on
    last_seq_scan: datetime | None = None  # 16 on
    last_idx_scan: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table, partitioned table, partition, materialized view or foreign table."""

    oid: int
    schema: str
    name: str
    kind: str  # pg_class.relkind: r p m f v
    owner: str
    persistence: str = "p"  # p permanent, u unlogged, t temporary
    access_method: str | None = "heap"
    tablespace: str | None = None
    reloptions: tuple[str, ...] = ()
    relpages: int = 0
    reltuples: float = -1.0
    relallvisible: int = 0
    relfrozenxid_age: int | None = None
    relminmxid_age: int | None = None
    size_bytes: int | None = None  # main fork of the heap; None could not be read
    toast_bytes: int | None = None
    indexes_bytes: int | None = None
    total_bytes: int | None = None
    size_is_estimate: bool = False  # from relpages, because the size could not be read
    row_security: bool = False
    force_row_security: bool = False
    replica_identity: str = "d"  # d default, n nothing, f full, i index
    partition_strategy: str | None = None  # pg_partitioned_table.partstrat: r l h
    partition_key: str | None = None  # pg_get_partkeydef
    partition_key_columns: tuple[str, ...] = ()
    parent: RelationName | None = None  # the partitioned parent, or the first inheritance parent
    parents: tuple[RelationName, ...] = ()  # more than one with plain inheritance
    is_partition: bool = False
    partition_bound: str | None = None  # FOR VALUES …, under TimeZone UTC and DateStyle ISO
    is_default_partition: bool = False
    detach_pending: bool = False
    of_type: RelationName | None = None
    extension: str | None = None  # owning extension, if it is a member of one
    comment: str | None = None
    counters: TableCounters | None = None

    @property
    def relation(self) -> RelationName:
        return RelationName(self.schema, self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One attribute of a table (not dropped)."""

    table: RelationName
    attnum: int
    name: str
    type: str  # format_type() under an empty search_path: "character varying(20)"
    type_name: RelationName  # pg_type schema and typname: pg_catalog.varchar, public.mood
    base_type: RelationName  # the same, domains resolved
    type_category: str  # pg_type.typcategory of the base type: N S D B A E U R …
    not_null: bool
    default: str | None = None
    generated: str = ""  # "" s (stored) v (virtual, 18 on)
    identity: str = ""  # "" a d
    collation: RelationName | None = None  # None: not collatable
    typlen: int = -1
    typalign: str = "i"
    typbyval: bool = False
    attoptions: tuple[str, ...] = ()
    statistics_target: int | None = None
    is_local: bool = True
    comment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexColumn:
    """One key or included column of an index."""

    column: str | None  # None for an expression
    expression: str | None = None  # pg_get_indexdef(…, n, true) for expressions
    opclass: RelationName | None = None  # None for INCLUDE columns
    opclass_is_default: bool = True
    collation: RelationName | None = None
    collation_is_default: bool = True
    descending: bool = False
    nulls_first: bool = False

    @property
    def key(self) -> str:
        """The column's name, or the text of the expression."""
        return self.column if self.column is not None else self.expression or ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """An index with its definition, size and use."""

    oid: int
    schema: str
    name: str
    table: RelationName
    access_method: str
    definition: str  # a complete CREATE INDEX statement
    columns: tuple[IndexColumn, ...]  # key columns in order
    include: tuple[str, ...] = ()
    predicate: str | None = None
    is_unique: bool = False
    nulls_not_distinct: bool = False
    is_primary: bool = False
    is_exclusion: bool = False
    is_valid: bool = True
    is_ready: bool = True
    is_live: bool = True
    is_replica_identity: bool = False
    is_clustered: bool = False
    being_built: bool = False  # pg_stat_progress_create_index has it now
    constraint: str | None = None  # name of the constraint it serves
    is_partitioned: bool = False  # relkind I
    parent: RelationName | None = None  # the partitioned index it is attached to
    reloptions: tuple[str, ...] = ()
    tablespace: str | None = None
    size_bytes: int | None = None
    relpages: int = 0
    reltuples: float = 0.0
    extension: str | None = None
    idx_scan: int | None = None
    idx_tup_read: int | None = None
    idx_tup_fetch: int | None = None
    last_idx_scan: datetime | None = None  # 16 on

    @property
    def relation(self) -> RelationName:
        return RelationName(self.schema, self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraint:
    """A constraint of a table or domain."""

    table: RelationName
    name: str
    type: str  # pg_constraint.contype: p u f c x n t
    columns: tuple[str, ...]
    definition: str  # pg_get_constraintdef
    validated: bool = True
    enforced: bool = True  # 18 on
    deferrable: bool = False
    deferred: bool = False
    index: RelationName | None = None
    references: RelationName | None = None
    referenced_columns: tuple[str, ...] = ()
    on_update: str = "a"  # a no action, r restrict, c cascade, n set null, d set default
    on_delete: str = "a"
    is_local: bool = True
    inherited: bool = False  # comes from a partitioned parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequence:
    """A sequence and the column that owns it. `last_value` is None when it may not be read or was never used."""

    schema: str
    name: str
    data_type: str
    start_value: int
    min_value: int
    max_value: int
    increment_by: int
    cycle: bool
    last_value: int | None
    readable: bool
    owned_by: RelationName | None = None
    owned_by_column: str | None = None
