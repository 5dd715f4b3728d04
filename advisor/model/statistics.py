"""Planner statistics as pg_stats shows them: values travel as text, never as OIDs."""

from __future__ import annotations

from dataclasses import dataclass

from advisor.model.names import RelationName


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnStatistics:
    """One row of pg_stats (or pg_statistic, for a superuser).

    Arrays of values are PostgreSQL array texts exactly as printed, e.g. '{a,"b c"}';
    `advisor.model.arrays.parse_array` splits them. `column` is the attribute's name: for an
    expression index the index's own attribute name ('lower'), with `attnum` as its position.
    """

    relation: RelationName
    column: str
    attnum: int
    inherited: bool
    null_frac: float
    avg_width: int
    n_distinct: float  # negative: fraction of the rows
    most_common_vals: str | None = None
    most_common_freqs: tuple[float, ...] | None = None
    histogram_bounds: str | None = None
    correlation: float | None = None
    most_common_elems: str | None = None
    most_common_elem_freqs: tuple[float, ...] | None = None
    elem_count_histogram: tuple[float, ...] | None = None
    range_length_histogram: str | None = None
    range_empty_frac: float | None = None
    range_bounds_histogram: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtendedStatistics:
    """A CREATE STATISTICS object with what pg_stats_ext shows of it."""

    schema: str
    name: str
    table: RelationName
    definition: str  # pg_get_statisticsobjdef
    columns: tuple[str, ...]  # in the order of attnums; expressions are not among them
    attnums: tuple[int, ...] = ()  # the columns' numbers, as n_distinct and dependencies write them
    kinds: tuple[str, ...]  # d ndistinct, f dependencies, m mcv, e expressions
    inherited: bool = False
    n_distinct: str | None = None  # '{"1, 2": 33}'
    dependencies: str | None = None  # '{"1 => 2": 1.000000}'
    most_common_vals: tuple[tuple[str | None, ...], ...] | None = None
    most_common_freqs: tuple[float, ...] | None = None
    most_common_base_freqs: tuple[float, ...] | None = None
    target: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaObject:
    """An object the twin needs besides tables: its DDL, in an order that can be replayed.

    `kind`: schema collation type domain function aggregate operator opclass cast sequence view
    rule policy role foreign_server foreign_table text_search tablespace …
    """

    kind: str
    schema: str
    name: str
    ddl: str
    order: int
    extension: str | None = None  # the extension it belongs to: built only where that extension cannot be created
    relations: tuple[RelationName, ...] = ()  # tables and views it reads (views, policies, rules)
