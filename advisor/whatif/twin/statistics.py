"""Writes production's column statistics into the twin's pg_statistic, as its superuser; the same way on every major.

Names and texts travel, never OIDs: operators and types are looked up in the twin. The order of slots and the
operator of each are those ANALYZE writes; a correlation under `=` instead of `<` would be silently ignored.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import psycopg

from advisor.model.arrays import format_array, parse_array
from advisor.model.statistics import ColumnStatistics

_MCV, _HISTOGRAM, _CORRELATION, _MCELEM, _DECHIST, _RANGE_LENGTH, _BOUNDS = range(1, 8)
_SLOTS = 5
_DEFAULT_COLLATION = 100
_BATCH = 200

# The default B-tree operator class of a type as parse analysis finds it: its own, else of a type it is
# binary-coercible to, else the polymorphic one; types that cannot be sorted have their hash class's equality.
_OPERATORS = """
with given as (select %(type)s::pg_catalog.oid as oid),
base as (
  -- domains over domains: the innermost type
  select t.oid, t.typtype, t.typcategory, t.typelem, t.typlen, t.typname from (
    with recursive d as (
      select t.* from pg_catalog.pg_type t, given where t.oid = given.oid
      union all
      select t.* from pg_catalog.pg_type t join d on t.oid = d.typbasetype where d.typtype = 'd')
    select * from d where typtype <> 'd') t
),
candidates as (
  select oid, 0 as rank from base
  union all
  select c.casttarget, 1 from pg_catalog.pg_cast c join base on c.castsource = base.oid
  where c.castmethod = 'b' and c.castcontext = 'i'
  union all
  select t.oid, 2 from base join pg_catalog.pg_type t on t.typnamespace = 'pg_catalog'::regnamespace
    and t.typname = case when base.typtype = 'e' then 'anyenum' when base.typtype = 'r' then 'anyrange'
      when base.typtype = 'm' then 'anymultirange' when base.typtype = 'c' then 'record'
      when base.typcategory = 'A' and base.typlen = -1 and base.typelem <> 0 then 'anyarray' end
),
operators as (
  -- varchar is coercible to text and to bpchar: the preferred type of the category wins
  select c.opcmethod, a.amopstrategy, a.amopopr, k.rank, t.typispreferred as preferred
  from candidates k
  join pg_catalog.pg_type t on t.oid = k.oid
  join pg_catalog.pg_opclass c on c.opcintype = k.oid and c.opcdefault and c.opcmethod in (403, 405)
  join pg_catalog.pg_amop a on a.amopfamily = c.opcfamily and a.amoplefttype = c.opcintype
    and a.amoprighttype = c.opcintype
)
select
  (select amopopr::int8 from operators where opcmethod = 403 and amopstrategy = 1
   order by rank, preferred desc limit 1),
  coalesce(
    (select amopopr::int8 from operators where opcmethod = 403 and amopstrategy = 3
     order by rank, preferred desc limit 1),
    (select amopopr::int8 from operators where opcmethod = 405 and amopstrategy = 1
     order by rank, preferred desc limit 1)),
  (select case when typname = 'tsvector' then 'pg_catalog.text'::regtype::oid::int8
     when typcategory = 'A' then typelem::int8 end from base)
"""
_RANGE_OF_MULTIRANGE = "select rngtypid::int8 from pg_catalog.pg_range where rngmultitypid = %s"

_COLUMNS = """
select n.nspname, c.relname, c.oid::int8, a.attname, a.attnum, a.atttypid::int8, a.attcollation::int8, c.relkind
from pg_catalog.pg_attribute a
join pg_catalog.pg_class c on c.oid = a.attrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where a.attnum > 0 and not a.attisdropped and c.oid >= 16384 and c.relkind in ('r', 'p', 'm', 'f', 'i', 'I')
  and (%(only)s::int8[] is null or c.oid::int8 = any (%(only)s))
"""
_INSERT = (
    "insert into pg_catalog.pg_statistic values (%s, %s, %s, %s, %s, %s, "  # noqa: S608 (fixed texts)
    + ", ".join(["%s"] * 3 * _SLOTS)
    + ", "
    + ", ".join(["%s::float8[]::float4[]"] * _SLOTS)
    + ", "
    + ", ".join(["pg_catalog.array_in(%s::cstring, %s, -1)"] * _SLOTS)
    + ")"
)


@dataclass(frozen=True, slots=True)
class TypeOperators:
    """What ANALYZE would look up for a type: OIDs in the twin, None where the type has no such operator."""

    less: int | None
    equal: int | None
    element: int | None  # the array's element type; text for tsvector


@dataclass(frozen=True, slots=True)
class _Attribute:
    relation: int
    number: int
    type: int
    collation: int


@dataclass(frozen=True, slots=True)
class _Slot:
    kind: int = 0
    operator: int = 0
    collation: int = 0
    numbers: Sequence[float] | None = None
    values: str | None = None
    element_type: int = 0


class StatisticsWriter:
    """Writes rows of pg_statistic; needs `allow_system_table_mods` in the session."""

    def __init__(self, connection: psycopg.Connection[Any], only: Sequence[int] | None = None) -> None:
        self._connection = connection
        self._types: dict[int, TypeOperators] = {}
        self._by_name: dict[tuple[str, str, str], _Attribute] = {}
        self._by_number: dict[tuple[str, str, int], _Attribute] = {}
        rows = connection.execute(_COLUMNS, {"only": list(only) if only is not None else None}).fetchall()
        for schema, relation, oid, name, number, type_oid, collation, kind in rows:
            attribute = _Attribute(oid, number, type_oid, collation)
            if kind in "iI":
                # An index names its expressions' attributes itself; their positions are what is stable.
                self._by_number[schema, relation, number] = attribute
            else:
                self._by_name[schema, relation, name] = attribute
        self._float_less = self._operators(701).less or 0

    def attribute(self, row: ColumnStatistics) -> _Attribute | None:
        """Return the twin's column for a row, None where it was not built."""
        schema, name = row.relation.schema, row.relation.name
        return self._by_name.get((schema, name, row.column)) or self._by_number.get((schema, name, row.attnum))

    def write(self, rows: Iterable[ColumnStatistics]) -> list[str]:
        """Write the rows; return one line for each that the twin refused."""
        refused: list[str] = []
        pending: list[tuple[ColumnStatistics, tuple[Any, ...]]] = []
        for row in rows:
            attribute = self.attribute(row)
            if attribute is None:
                continue
            pending.append((row, self._parameters(row, attribute)))
            if len(pending) == _BATCH:
                refused += self._flush(pending)
                pending = []
        return refused + self._flush(pending)

    def _flush(self, pending: list[tuple[ColumnStatistics, tuple[Any, ...]]]) -> list[str]:
        if not pending:
            return []
        try:
            with self._connection.transaction(), self._connection.cursor() as cursor:
                cursor.executemany(_INSERT, [parameters for _, parameters in pending])
            return []
        except psycopg.Error as error:
            if len(pending) == 1:
                row, reason = pending[0][0], str(error).strip().splitlines()[0]
                return self._without_values(row, f"statistics of {row.relation}.{row.column}: {reason}")
        # One row was refused and took the batch with it: halve until it stands alone.
        half = len(pending) // 2
        return self._flush(pending[:half]) + self._flush(pending[half:])

    def _without_values(self, row: ColumnStatistics, line: str) -> list[str]:
        """Keep at least the scalars of a column whose values the twin cannot read."""
        poor = replace(
            row,
            most_common_vals=None,
            most_common_freqs=None,
            histogram_bounds=None,
            most_common_elems=None,
            most_common_elem_freqs=None,
            range_length_histogram=None,
            range_bounds_histogram=None,
        )
        attribute = self.attribute(row)
        if poor != row and attribute is not None:
            self._flush([(poor, self._parameters(poor, attribute))])
        return [line]

    def _parameters(self, row: ColumnStatistics, attribute: _Attribute) -> tuple[Any, ...]:
        slots = self._slots(row, attribute)
        slots += [_Slot()] * (_SLOTS - len(slots))
        return (
            attribute.relation, attribute.number, row.inherited, row.null_frac, row.avg_width, row.n_distinct,
            *(slot.kind for slot in slots),
            *(slot.operator for slot in slots),
            *(slot.collation for slot in slots),
            *(list(slot.numbers) if slot.numbers is not None else None for slot in slots),
            *(item for slot in slots for item in (slot.values, slot.element_type)),
        )  # fmt: skip

    def _slots(self, row: ColumnStatistics, attribute: _Attribute) -> list[_Slot]:
        operators = self._operators(attribute.type)
        collation = attribute.collation
        slots: list[_Slot] = []
        if row.most_common_vals is not None and operators.equal is not None:
            slots.append(
                _Slot(_MCV, operators.equal, collation, row.most_common_freqs, row.most_common_vals, attribute.type)
            )
        if operators.less is not None:
            if row.histogram_bounds is not None:
                slots.append(_Slot(_HISTOGRAM, operators.less, collation, None, row.histogram_bounds, attribute.type))
            if row.correlation is not None:
                slots.append(_Slot(_CORRELATION, operators.less, collation, (row.correlation,)))
        if operators.element is not None:
            element = self._operators(operators.element)
            # ts_typanalyze writes the default collation, whatever the column's.
            own = collation or (_DEFAULT_COLLATION if operators.element == 25 else 0)
            if row.most_common_elems is not None and element.equal is not None:
                slots.append(
                    _Slot(_MCELEM, element.equal, own, row.most_common_elem_freqs, row.most_common_elems,
                          operators.element)
                )  # fmt: skip
            if row.elem_count_histogram is not None and element.equal is not None:
                slots.append(_Slot(_DECHIST, element.equal, own, row.elem_count_histogram))
        if row.range_length_histogram is not None:
            slots.append(
                _Slot(_RANGE_LENGTH, self._float_less, 0, (row.range_empty_frac or 0.0,), row.range_length_histogram,
                      701)
            )  # fmt: skip
        if row.range_bounds_histogram is not None:
            slots.append(_Slot(_BOUNDS, 0, 0, None, row.range_bounds_histogram, self._range_type(attribute.type)))
        return slots[:_SLOTS]

    def _operators(self, type_oid: int) -> TypeOperators:
        if type_oid not in self._types:
            found = self._connection.execute(_OPERATORS, {"type": type_oid}).fetchone()
            self._types[type_oid] = TypeOperators(*(found or (None, None, None)))
        return self._types[type_oid]

    def _range_type(self, type_oid: int) -> int:
        """Return the range type itself, for a multirange the range it is made of."""
        if self._connection.info.server_version < 140000:
            return type_oid
        found = self._connection.execute(_RANGE_OF_MULTIRANGE, (type_oid,)).fetchone()
        return found[0] if found is not None else type_oid


def in_code_point_order(row: ColumnStatistics) -> ColumnStatistics:
    """Return the row with its histogram sorted as C.UTF-8 does, for a text column whose own collation the twin lacks:
    the planner searches the bounds and needs them in the twin's order."""
    if row.histogram_bounds is None:
        return row
    bounds = sorted(value for value in parse_array(row.histogram_bounds) if value is not None)
    return replace(row, histogram_bounds=format_array(tuple(bounds)))
