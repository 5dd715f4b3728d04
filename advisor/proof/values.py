"""SQL expressions that make values after statistics: frequent ones as often, the others spread over the histogram.

Every value is a function of the row's number, so that a foreign key can take the value of a row of its target without
asking for it, and two runs make the same data. Pure: nothing here talks to a server.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from advisor.model.arrays import parse_array
from advisor.model.catalog import Column, Constraint, Table
from advisor.model.lookup import Catalog
from advisor.model.names import RelationName, quote_ident, quote_literal
from advisor.model.statistics import ColumnStatistics

_INTEGERS = frozenset({"int2", "int4", "int8"})
_NUMBERS = frozenset({"numeric", "float4", "float8", "money"})
_MOMENTS = frozenset({"timestamptz", "timestamp"})
_TEXTS = frozenset({"text", "varchar", "bpchar", "citext", "name"})
_IN_ORDER = 0.8  # correlation from which rows are made in the order of the column
_MOST_ELEMENTS = 60  # of arrays and texts, drawn one by one
_WIDEST = 4000  # bytes to which texts are filled up, where they are wider than their histogram shows
_DEEPEST = 4  # foreign keys followed from table to table
_NEARLY_ALL = -0.95  # n_distinct: nearly every row has a value of its own
_PRIME = 982_451_653  # divides no number of rows
_FILLER = " lorem ipsum dolor"


@dataclass(frozen=True, slots=True)
class Made:
    """How one table is filled: `rows` by number, and further rows whose key is named elsewhere's statistics."""

    table: Table
    rows: int
    columns: tuple[Column, ...]  # those that are written
    extra: tuple[str, ...] = ()  # values of its single-column key that other tables' rows refer to
    key: str | None = None  # that column
    together: tuple[str, ...] = ()  # columns that are unique only together, where there is no such key


class Maker:
    """Makes the INSERT statements of one schema; `rows` says how many each table gets."""

    def __init__(self, catalog: Catalog, rows: Mapping[RelationName, int]) -> None:
        self._catalog = catalog
        self._statistics = {(s.relation, s.column): s for s in catalog.snapshot.statistics if not s.inherited}
        self._rows = rows
        self._unique: dict[RelationName, set[str | None]] = defaultdict(set)
        for index in catalog.snapshot.indexes:
            if index.is_unique and len(index.columns) == 1 and index.predicate is None:
                self._unique[index.table].add(index.columns[0].column)
        self._made = {relation: self._plan(relation) for relation in rows}

    def insert_sql(self, relation: RelationName) -> str:
        """Return the statement that fills a table; rows that break a unique key are left out."""
        made = self._made[relation]
        names = ", ".join(quote_ident(column.name) for column in made.columns)
        values = ",\n  ".join(self._value(made, column, "i", 0) for column in made.columns)
        overriding = " overriding system value" if any(column.identity for column in made.columns) else ""
        return (
            f"insert into {relation} ({names}){overriding}\nselect {values}\n"
            f"from pg_catalog.generate_series(1::bigint, {made.rows + len(made.extra)}) as i\non conflict do nothing"
        )

    def _plan(self, relation: RelationName) -> Made:
        table = self._catalog.tables[relation]
        columns = sorted(self._catalog.columns.get(relation, {}).values(), key=lambda c: c.attnum)
        written = tuple(column for column in columns if not column.generated)
        key = next((c.name for c in written if c.name in self._unique.get(relation, ())), None)
        extra: tuple[str, ...] = ()
        if key is not None:
            own = self._statistics.get((relation, key))
            named = list(parse_array(own.histogram_bounds)) if own is not None else []
            for constraint, column in self._references_to(relation, key):
                child = self._statistics.get((constraint.table, column))
                named += parse_array(child.most_common_vals) if child is not None else ()
            extra = tuple(dict.fromkeys(value for value in named if value is not None))
        together: tuple[str, ...] = ()
        if key is None:
            together = next(self._joint_keys(relation), ())
        return Made(table, self._rows[relation], written, extra, key, together)

    def _joint_keys(self, relation: RelationName) -> Iterator[tuple[str, ...]]:
        """Yield the columns of unique keys over several columns."""
        for index in self._catalog.indexes_by_table.get(relation, ()):
            names = tuple(column.column for column in index.columns if column.column is not None)
            if index.is_unique and index.predicate is None and 1 < len(names) == len(index.columns):
                yield names

    def _references_to(self, relation: RelationName, key: str) -> Iterator[tuple[Constraint, str]]:
        for constraints in self._catalog.constraints_by_table.values():
            for one in constraints:
                if one.type == "f" and one.references == relation and one.referenced_columns == (key,):
                    yield one, one.columns[0]

    def _value(self, made: Made, column: Column, i: str, depth: int) -> str:
        """Return the expression of a column's value in row `i` of its table."""
        relation = made.table.relation
        reference = self._reference(relation, column) if depth < _DEEPEST else None
        if column.name == made.key:
            formula = self._same_row(made, column, reference, i, depth) or self._distinct(made, column, i)
            if not made.extra:
                return formula
            named = _pick(made.extra, column, f"{i} - {made.rows}")
            return f"case when {i} <= {made.rows} then {formula} else {named} end"
        if column.name in made.together:
            return self._counted(made, column, reference, i, depth)
        if reference is not None:
            return self._referring(made, column, reference, i, depth)
        if column.name in self._unique.get(relation, ()):
            return self._distinct(made, column, i)
        return self._drawn(made, column, i)

    def _counted(self, made: Made, column: Column, reference: Constraint | None, i: str, depth: int) -> str:
        """Return a column's part of a key that is unique together: the row's number, written in digits of the columns.

        The last column counts fastest, and each has as many values as the statistics say.
        """
        place = made.together.index(column.name)
        faster = 1
        for name in made.together[place + 1 :]:
            faster *= self._values_of(made, name)
        number = self._values_of(made, column.name) if place else made.rows
        digit = f"(({i} - 1) / {faster} % {number})"
        if reference is not None and len(reference.columns) == 1:
            target, theirs = self._target(reference, column)
            return self._at_row(target, theirs, f"1 + {digit} * {_PRIME} % {max(1, target.rows)}", depth)
        own = self._statistics.get((made.table.relation, column.name))
        if own is None:
            return _default(column, f"({digit} + 1)")
        common = _common(own)
        spread = _spread(column, own, f"({digit} - {len(common)})", max(1, number - len(common)), unique=True)
        if not common:
            return spread
        if not _bounds(own):
            return _pick(common, column, f"(1 + {digit} % {len(common)})::int")
        return (
            f"case when {digit} < {len(common)} then {_pick(common, column, f'(1 + {digit})::int')} else {spread} end"
        )

    def _values_of(self, made: Made, name: str) -> int:
        """Return how many different values a column has."""
        own = self._statistics.get((made.table.relation, name))
        if own is None:
            return max(1, made.rows)
        distinct = own.n_distinct if own.n_distinct >= 0 else -own.n_distinct * made.rows
        return max(1, round(min(distinct, made.rows)))

    def _reference(self, relation: RelationName, column: Column) -> Constraint | None:
        return next(
            (
                one
                for one in self._catalog.constraints_by_table.get(relation, ())
                if one.type == "f" and column.name in one.columns and one.references in self._rows
            ),
            None,
        )

    def _target(self, reference: Constraint, column: Column) -> tuple[Made, Column]:
        """Return the table a reference leads to, and the column there that `column` repeats."""
        assert reference.references is not None
        target = self._made[reference.references]
        wanted = reference.referenced_columns[reference.columns.index(column.name)]
        return target, next(c for c in self._catalog.columns[reference.references].values() if c.name == wanted)

    def _at_row(self, target: Made, column: Column, row: str, depth: int) -> str:
        """Return a column's value in the row whose number an expression says, worked out once by OFFSET."""
        return f"(select {self._value(target, column, 'j.j', depth + 1)} from (select {row} as j offset 0) as j)"  # noqa: S608

    def _same_row(self, made: Made, column: Column, reference: Constraint | None, i: str, depth: int) -> str | None:
        """Return the key of the target's row of the same number, for a key that refers to another one to one."""
        if reference is None or len(reference.columns) > 1:
            return None
        target, theirs = self._target(reference, column)
        if target.rows < made.rows or target is made:
            return None
        return self._value(target, theirs, i, depth + 1)

    def _referring(self, made: Made, column: Column, reference: Constraint, i: str, depth: int) -> str:
        """Return a value that a row of the reference's target has: frequent ones by name, others by number."""
        target, theirs = self._target(reference, column)
        own = self._statistics.get((made.table.relation, column.name))
        place = _chance(i, made.table, reference.name)
        if own is not None and abs(own.correlation or 0.0) >= _IN_ORDER:
            place = _in_order(made, own, i)
        other = self._at_row(target, theirs, f"1 + pg_catalog.floor({place} * {target.rows})::bigint", depth)
        frequent = own is not None and len(reference.columns) == 1
        return self._frequent_or(made, column, own if frequent else None, i, other, own.null_frac if own else 0.0)

    def _frequent_or(
        self, made: Made, column: Column, own: ColumnStatistics | None, i: str, other: str, nulls: float
    ) -> str:
        """Return NULL, a most common value or `other`, each as often as the statistics have them."""
        chance = _chance(i, made.table, column.name)
        cases = []
        if nulls > 0 and not column.not_null:
            cases.append(f"when {chance} < {nulls:g} then null")
        values = _common(own) if own is not None else []
        if own is not None and values:
            freqs = (own.most_common_freqs or ())[: len(values)]
            bounds, share = [], nulls
            for freq in freqs:
                share += freq
                bounds.append(share)
            complete = not own.histogram_bounds and nulls + sum(freqs) > 0.99
            thresholds = ", ".join(f"{bound:.9g}" for bound in bounds[:-1]) or "2"
            pick = _pick(values, column, f"1 + pg_catalog.width_bucket({chance}, array[{thresholds}]::float8[])")
            if complete:
                other = pick
            else:
                cases.append(f"when {chance} < {bounds[-1]:.9g} then {pick}")
        return f"case {' '.join(cases)} else {other} end" if cases else other

    def _drawn(self, made: Made, column: Column, i: str) -> str:
        own = self._statistics.get((made.table.relation, column.name))
        if own is None:
            return _default(column, i)
        if own.most_common_elems is not None and own.most_common_vals is None and own.histogram_bounds is None:
            return self._frequent_or(made, column, None, i, _elements(made.table, column, own, i), own.null_frac)
        number = max(1, self._values_of(made, column.name) - len(_common(own)))
        place = _chance(i, made.table, f"{column.name}/place")
        if own.correlation is not None and abs(own.correlation) >= _IN_ORDER:
            place = _in_order(made, own, i)
        elif own.n_distinct <= _NEARLY_ALL:
            place = f"({_shuffled(made, i)} / {made.rows}.0)::float8"
        k = f"least({number - 1}, pg_catalog.floor({place} * {number})::bigint)"
        return self._frequent_or(made, column, own, i, _spread(column, own, k, number), own.null_frac)

    def _distinct(self, made: Made, column: Column, i: str) -> str:
        """Return a value that no other row has."""
        own = self._statistics.get((made.table.relation, column.name))
        kind = column.base_type.name
        if kind == "uuid":
            return f"pg_catalog.md5({_seed_of(column)}::text || ':' || {i})::uuid"
        if own is None or own.histogram_bounds is None:
            return _default(column, i)
        if kind in _INTEGERS:
            first, last = int(_bounds(own)[0]), int(_bounds(own)[-1])
            span = max(last - first, made.rows - 1)
            return f"({first} + ({i} - 1)::numeric * {span} / {max(1, made.rows - 1)})::numeric(30)::{column.type}"
        k = f"({i} - 1)" if abs(own.correlation or 0.0) >= _IN_ORDER else _shuffled(made, i)
        return _spread(column, own, k, max(1, made.rows), unique=True)


def _spread(column: Column, own: ColumnStatistics, k: str, number: int, *, unique: bool = False) -> str:
    """Return the k-th (from 0) of `number` different values over the histogram."""
    bounds = _bounds(own)
    if not bounds:
        return _default(column, f"({k} + 1)")
    kind = column.base_type.name
    last = len(bounds) - 1
    nearest = f"least({last + 1}, 1 + ({k}) * {last} / {max(1, number - 1)})::int"
    if kind in _TEXTS and (unique or number > last + 1):
        return _text(column, own, _pick(bounds, column, nearest), k, number)
    if kind == "uuid" and (unique or number > last + 1):
        return f"pg_catalog.md5({_seed_of(column)}::text || ':' || ({k}))::uuid"
    if kind not in _INTEGERS | _NUMBERS | _MOMENTS | {"date"} or last < 1 or (number <= last + 1 and not unique):
        return _pick(bounds, column, nearest)
    typed = f"array[{', '.join(quote_literal(value) for value in bounds)}]::{kind}[]"
    lower, upper, share = "b.v[b.n]", "b.v[b.n + 1]", "b.f"
    if kind in _INTEGERS:
        value = f"({lower} + pg_catalog.floor(({upper} - {lower})::numeric * {share}::numeric))::{column.type}"
    elif kind == "date":
        value = f"({lower} + pg_catalog.floor(({upper} - {lower}) * {share})::int)"
    elif kind in _NUMBERS:
        value = f"({lower}::numeric + ({upper}::numeric - {lower}::numeric) * {share}::numeric)::{column.type}"
    else:
        value = f"({lower} + ({upper} - {lower}) * {share})"
    position = f"(({k}) * {last}::float8 / {max(1, number - 1)})"
    return (
        f"(select {value} from (select {typed} as v,"  # noqa: S608 (literals)
        f" least({last}, 1 + pg_catalog.floor({position})::int) as n,"
        f" {position} - least({last - 1}, pg_catalog.floor({position})) as f offset 0) as b)"
    )


def _common(own: ColumnStatistics) -> list[str]:
    return [value for value in parse_array(own.most_common_vals) if value is not None]


def _bounds(own: ColumnStatistics) -> list[str]:
    return [v for v in parse_array(own.histogram_bounds or own.range_bounds_histogram) if v is not None]


def _in_order(made: Made, own: ColumnStatistics, i: str) -> str:
    """Return a place from 0 to 1 that grows (or falls) with the row's number, as the statistics' order does."""
    place = f"(({i} - 0.5) / {made.rows + len(made.extra)})::float8"
    return place if (own.correlation or 0.0) > 0 else f"(1 - {place})"


def _shuffled(made: Made, i: str) -> str:
    """Return the row's number (from 0) in another order, each once."""
    return f"(({i} - 1) * {_PRIME} % {made.rows} + case when {i} > {made.rows} then {made.rows} else 0 end)"


def _text(column: Column, own: ColumnStatistics, bound: str, k: str, number: int) -> str:
    """Return a text that sorts about where it should, as wide as the column's are on average."""
    limit = _limit(column)
    if limit is None:
        text = f"({bound}::text || '~' || ({k}))"
        missing = min(own.avg_width, _WIDEST) - sum(map(len, _bounds(own))) // len(_bounds(own))
        if missing > len(_FILLER):
            text = f"({text} || pg_catalog.repeat({quote_literal(_FILLER)}, {missing // len(_FILLER)}))"
    else:
        text = f"(pg_catalog.left({bound}::text, {max(0, limit - 1 - len(str(number)))}) || '~' || ({k}))"
    return f"{text}::{column.type}"


def _limit(column: Column) -> int | None:
    """Return n of varchar(n)."""
    inside = column.type.partition("(")[2].rstrip(")")
    return int(inside) if column.type_category == "S" and inside.isdigit() else None


def _elements(table: Table, column: Column, own: ColumnStatistics, i: str) -> str:
    """Return an array or tsvector with each common element as often as the statistics have it."""
    elements = [value for value in parse_array(own.most_common_elems) if value is not None][:_MOST_ELEMENTS]
    freqs = (own.most_common_elem_freqs or ())[: len(elements)]
    texts = ", ".join(quote_literal(value) for value in elements[: len(freqs)])
    shares = ", ".join(f"{freq:g}" for freq in freqs)
    chance = _chance(f"({i} * 1000 + e.n)", table, column.name)
    drawn = (
        f"(select pg_catalog.array_agg(e.e) from rows from (pg_catalog.unnest(array[{texts}]::text[]),"  # noqa: S608
        f" pg_catalog.unnest(array[{shares}]::float8[])) with ordinality as e(e, f, n) where {chance} < e.f)"
    )
    filled = f"coalesce({drawn}, array[]::text[])"
    if column.base_type.name == "tsvector":
        return f"pg_catalog.array_to_tsvector({filled})"
    return f"{filled}::{column.type}"


def _default(column: Column, i: str) -> str:
    """Return a plausible value of a column without statistics; NULL where its type says nothing."""
    kind = column.base_type.name
    if kind in _INTEGERS | _NUMBERS:
        return f"({i})::{column.type}" if kind != "int2" else f"(({i}) % 32000)::int2"
    if kind in _TEXTS:
        limit = _limit(column)
        text = f"'v' || ({i})"
        return f"({text})::{column.type}" if limit is None else f"pg_catalog.left({text}, {limit})::{column.type}"
    if kind == "uuid":
        return f"pg_catalog.md5({_seed_of(column)}::text || ':' || ({i}))::uuid"
    if kind in _MOMENTS | {"date"}:
        return f"(pg_catalog.now() - ({i}) * interval '1 minute')::{column.type}"
    if kind == "bool":
        return f"(({i}) % 2 = 0)"
    if kind in ("json", "jsonb"):
        return f"'{{}}'::{kind}"
    if column.type_category == "A":
        return f"'{{}}'::{column.type}"
    if column.type_category == "E":
        return f"pg_catalog.enum_first(null::{column.type})"
    if kind == "inet":
        return f"('10.0.0.0'::inet + ({i}))"
    if kind == "interval":
        return f"(({i}) * interval '1 second')"
    if kind == "time":
        return f"(time '00:00' + ({i}) * interval '1 second')"
    if column.type_category == "R":
        return f"'empty'::{column.type}"
    if kind == "bytea":
        return f"pg_catalog.decode(pg_catalog.md5(({i})::text), 'hex')"
    return column.default if column.not_null and column.default is not None else f"null::{column.type}"


def _pick(values: Sequence[str], column: Column, place: str) -> str:
    """Return one of the values, by an expression for its place (from 1)."""
    texts = ", ".join(quote_literal(value) for value in values)
    return f"((array[{texts}]::text[])[{place}])::{column.type}"


def _chance(i: str, table: Table, purpose: str) -> str:
    """Return a number from 0 to 1 that a row's number and a purpose decide."""
    return f"((pg_catalog.hashint8extended({i}, {_seed(table, purpose)}) & 2147483647) / 2147483648.0::float8)"


def _seed(table: Table, purpose: str) -> int:
    return zlib.crc32(f"{table.relation}/{purpose}".encode())


def _seed_of(column: Column) -> int:
    return zlib.crc32(f"{column.table}/{column.name}".encode())
