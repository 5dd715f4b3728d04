"""Values of a column, drawn from its statistics, and plausible values of a type where there are none."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from advisor.model.arrays import format_array, parse_array
from advisor.model.catalog import Column
from advisor.model.lookup import Catalog
from advisor.model.names import RelationName
from advisor.model.statistics import ColumnStatistics

_TIMES = frozenset(["timestamptz", "timestamp", "date"])
_INTEGERS = frozenset(["int2", "int4", "int8", "oid"])
_STRINGS = frozenset(["text", "varchar", "bpchar", "citext", "name"])
_NUMBERS = _INTEGERS | {"numeric", "float4", "float8", "money"}
# Plausible values for parameters that meet no column with statistics.
_DEFAULTS = {
    "int2": "1",
    "int4": "1",
    "int8": "1",
    "oid": "1",
    "numeric": "1",
    "float4": "1",
    "float8": "1",
    "money": "1",
    "bool": "t",
    "text": "a",
    "varchar": "a",
    "bpchar": "a",
    "name": "a",
    "char": "a",
    "interval": "1 day",
    "time": "12:00",
    "timetz": "12:00+00",
    "jsonb": '{"a": 1}',
    "json": "{}",
    "jsonpath": "$",
    "uuid": "00000000-0000-0000-0000-000000000000",
    "inet": "127.0.0.1",
    "cidr": "127.0.0.0/8",
    "macaddr": "08:00:2b:01:02:03",
    "bytea": "\\x00",
    "bit": "0",
    "varbit": "0",
    "tsvector": "a",
    "tsquery": "a",
    "regclass": "pg_class",
    "regconfig": "simple",
    "xml": "<a/>",
    "point": "(0,0)",
    "box": "(1,1),(0,0)",
    "circle": "<(0,0),1>",
    "polygon": "((0,0),(1,1),(1,0))",
    "path": "((0,0),(1,1))",
    "lseg": "[(0,0),(1,1)]",
    "pg_lsn": "0/0",
    "xid": "1",
    "tid": "(0,1)",
    "int4range": "[1,10)",
    "int8range": "[1,10)",
    "numrange": "[1,10)",
}
_MOST_DOCUMENT_PATHS = 40
_OTHER_PATHS = 6  # tries for a path that few documents have,
_MOST_DOCUMENTS = 0.5  # not so many
_KINDS = ("0123456789", "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ")


@dataclass(frozen=True)
class ColumnValues:
    """One column's distribution. `rows` is the table's row count."""

    type_name: str  # pg_type name of the base type, without schema
    rows: float
    statistics: ColumnStatistics | None

    @cached_property
    def frequent(self) -> tuple[tuple[str, float], ...]:
        """The most common values and the share of rows of each."""
        if self.statistics is None or self.statistics.most_common_freqs is None:
            return ()
        values = parse_array(self.statistics.most_common_vals)
        return tuple((v, f) for v, f in zip(values, self.statistics.most_common_freqs, strict=False) if v is not None)

    @cached_property
    def bounds(self) -> tuple[str, ...]:
        """The histogram's bounds, in order."""
        if self.statistics is None:
            return ()
        return tuple(value for value in parse_array(self.statistics.histogram_bounds) if value is not None)

    @cached_property
    def elements(self) -> tuple[tuple[str, float], ...]:
        """The most common elements of an array or tsvector column."""
        if self.statistics is None:
            return ()
        values = parse_array(self.statistics.most_common_elems)
        # Three more numbers follow the frequencies: least, greatest, of NULL elements.
        frequencies = self.statistics.most_common_elem_freqs or (1.0,) * len(values)
        return tuple((v, f) for v, f in zip(values, frequencies, strict=False) if v is not None)

    @cached_property
    def distinct(self) -> float:
        """The number of distinct values, at least those that are known."""
        if self.statistics is None:
            return max(self.rows, 1.0)
        count = self.statistics.n_distinct
        known = len(self.frequent) + max(len(self.bounds) - 1, 0)
        return max(-count * self.rows if count < 0 else count, known, 1.0)

    @cached_property
    def positions(self) -> tuple[float, ...]:
        """The bounds as numbers or seconds since 1970; empty where they are neither."""
        found = [to_number(value, self.type_name) for value in self.bounds]
        return tuple(value for value in found if value is not None) if None not in found else ()

    @property
    def is_time(self) -> bool:
        return self.type_name in _TIMES

    @property
    def known(self) -> bool:
        return bool(self.frequent or self.bounds)

    def equal(self, share: float, *, by_rows: bool, chance: random.Random) -> str | None:
        """Return the value at quantile `share`: of the rows, or of the distinct values. None when nothing is known."""
        null_share = self.statistics.null_frac if self.statistics is not None else 0.0
        if by_rows:
            weights = [frequency for _, frequency in self.frequent]
            rest = max(0.0, 1 - null_share - sum(weights))
        else:
            weights = [1 / self.distinct] * len(self.frequent)
            rest = max(0.0, 1 - sum(weights))
        if not self.bounds:
            rest = 0.0
        share *= sum(weights) + rest
        for (value, _), weight in zip(self.frequent, weights, strict=True):
            if share < weight:
                return value
            share -= weight
        if self.bounds:
            return chance.choice(self.bounds[1:-1] or self.bounds)
        return self.frequent[-1][0] if self.frequent else None

    def quantile(self, share: float) -> str | None:
        """Return the value below which `share` of the rows lie, interpolated within a histogram bin."""
        share = min(max(share, 0.0), 1.0)
        if len(self.bounds) < 2:
            ordered = self._ordered_frequent()
            return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else None
        place = share * (len(self.bounds) - 1)
        if len(self.positions) != len(self.bounds):
            return self.bounds[round(place)]
        index = min(int(place), len(self.bounds) - 2)
        low, high = self.positions[index], self.positions[index + 1]
        return from_number(low + (place - index) * (high - low), self.type_name)

    def _ordered_frequent(self) -> list[str]:
        values = [value for value, _ in self.frequent]
        numbers = {value: to_number(value, self.type_name) for value in values}
        if None in numbers.values():
            return sorted(values)
        return sorted(values, key=lambda value: numbers[value] or 0.0)

    def any_text(self, chance: random.Random) -> str | None:
        """Return some value of the column, for patterns."""
        pool = self.bounds or tuple(value for value, _ in self.frequent)
        return chance.choice(pool) if pool else None

    def beside(self, part: str, chance: random.Random, *, inside: bool = False) -> str:
        """Return a prefix (or a part from `inside`) like this one that none of the column's known values has, where
        only one has it.

        The planner estimates a pattern by the bounds that match it: one that was cut from a bound counts for a
        hundredth of the rows, however long it is, and what people search is hardly ever a bound.
        """
        known = self._known_texts

        def holders(text: str) -> int:
            text = text.lower()
            return sum(text in value if inside else value.startswith(text) for value in known)

        if holders(part) != 1 or not part[-1].isalnum():
            return part
        letters = next(kind for kind in _KINDS if part[-1] in kind or kind is _KINDS[-1])
        others = [letter for letter in letters if not holders(part[:-1] + letter)]
        return part[:-1] + chance.choice(others) if others else part

    def telling(self, text: str, start: int, length: int) -> str:
        """Return the part of a text from `start`, as long as it takes to tell it from the other known values."""
        parts = (text[max(0, start - more) : start + length + more] for more in range(len(text)))
        return next((part for part in parts if sum(part.lower() in known for known in self._known_texts) <= 1), text)

    @cached_property
    def _known_texts(self) -> tuple[str, ...]:
        return tuple(value.lower() for value in (*self.bounds, *(value for value, _ in self.frequent)))

    def element(self, share: float, *, by_rows: bool) -> str | None:
        """Return the element at quantile `share` of the most common elements."""
        if not self.elements:
            return None
        weights = [frequency if by_rows else 1.0 for _, frequency in self.elements]
        share *= sum(weights)
        for (value, _), weight in zip(self.elements, weights, strict=True):
            if share < weight:
                return value
            share -= weight
        return self.elements[-1][0]

    def document_path(self, chance: random.Random) -> str | None:
        """Return one path out of one of the column's JSON documents: {"user": {"plan": "free"}}.

        Not one that most documents have, where there are others: nobody searches for that.
        """
        if not self._documents:
            return None
        for _ in range(_OTHER_PATHS):
            path = _one_path(chance.choice(self._documents), chance)
            if sum(_holds(document, path) for document in self._documents) < _MOST_DOCUMENTS * len(self._documents):
                break
        return json.dumps(path)

    @cached_property
    def _documents(self) -> tuple[Any, ...]:
        """The sampled documents: one entry for each of the histogram's bounds, else the most common ones."""
        found = []
        for text in self.bounds or [value for value, _ in self.frequent]:
            try:
                found.append(json.loads(text))
            except ValueError:
                continue  # cut by the server
        return tuple(found)

    @cached_property
    def ranges(self) -> tuple[tuple[float, float], ...]:
        """Lower and upper bounds of a range column's values as numbers or seconds; empty when not known."""
        if self.statistics is None:
            return ()
        element = RANGE_ELEMENTS.get(self.type_name, "")
        found = []
        for text in parse_array(self.statistics.range_bounds_histogram):
            parts = [part.strip().strip('"') for part in (text or "").strip("[](){}").split(",")]
            if len(parts) == 2:
                low, high = to_number(parts[0], element), to_number(parts[1], element)
                if low is not None and high is not None:
                    found.append((low, high))
        return tuple(found)


RANGE_ELEMENTS = {
    "tstzrange": "timestamptz",
    "tsrange": "timestamp",
    "daterange": "date",
    "int4range": "int4",
    "int8range": "int8",
    "numrange": "numeric",
}


def _one_path(document: Any, chance: random.Random) -> Any:
    for _ in range(_MOST_DOCUMENT_PATHS):
        if isinstance(document, dict) and document:
            key = chance.choice(sorted(document))
            return {key: _one_path(document[key], chance)}
        if isinstance(document, list) and document:
            return [_one_path(chance.choice(document), chance)]
        break
    return document


def _holds(document: Any, path: Any) -> bool:
    """Return whether a document contains a path, as @> does."""
    if isinstance(path, dict) and isinstance(document, dict):
        return all(key in document and _holds(document[key], value) for key, value in path.items())
    if isinstance(path, list) and isinstance(document, list):
        return all(any(_holds(element, wanted) for element in document) for wanted in path)
    return bool(document == path)


class Values:
    """Column distributions and default values over one snapshot."""

    def __init__(self, catalog: Catalog, enum_labels: Mapping[str, str] | None = None) -> None:
        self.catalog = catalog
        self.now: datetime = catalog.snapshot.server.collected_at
        self._enum_labels = enum_labels or {}
        self._columns: dict[tuple[RelationName, str], ColumnValues | None] = {}

    def of(self, relation: RelationName, column: str) -> ColumnValues | None:
        """Return the distribution of a column, or None when the catalog has no such column."""
        key = (relation, column)
        if key not in self._columns:
            definition = self.catalog.columns.get(relation, {}).get(column)
            self._columns[key] = None if definition is None else self._read(definition)
        return self._columns[key]

    def _read(self, column: Column) -> ColumnValues:
        statistics = self._statistics(column)
        owner = statistics.relation if statistics is not None else column.table
        return ColumnValues(column.base_type.name, self.catalog.rows(owner), statistics)

    def _statistics(self, column: Column) -> ColumnStatistics | None:
        """Return the statistics of the whole partitioned table where they are known: a partition knows only its own."""
        for parent in reversed(self.catalog.ancestors(column.table)):
            whole = self.catalog.statistics(parent, column.name)
            if whole is not None and whole.inherited:
                return whole
        return self.catalog.statistics(column.table, column.name)

    @cached_property
    def _base_types(self) -> dict[str, str]:
        """Base type's 'schema.typname' by the type's, as far as columns use them."""
        return {
            f"{column.type_name.schema}.{column.type_name.name}": f"{column.base_type.schema}.{column.base_type.name}"
            for column in self.catalog.snapshot.columns
        }

    def takes(self, type_name: str, column: ColumnValues) -> bool:
        """Return whether a parameter of a type ('schema.typname') can take values made from a column's."""
        name = self._base_types.get(type_name, type_name).partition(".")[2]
        own = column.type_name
        return (
            name == own
            or name in _STRINGS
            or (name in _NUMBERS and own in _NUMBERS)
            or (name in _TIMES and own in _TIMES)
            or (name == "interval" and own in _TIMES)
            or name == RANGE_ELEMENTS.get(own)
            or (name == "tsquery" and own == "tsvector")
            or own == "_" + name
            or (name.startswith("_") and own.startswith("_"))
        )

    def default(self, type_name: str) -> str | None:
        """Return a plausible value of a type ('schema.typname'); None (NULL) where none is known."""
        base = self._base_types.get(type_name, type_name)
        if base in self._enum_labels:
            return self._enum_labels[base]
        schema, _, name = base.partition(".")
        if name.startswith("_"):
            return "{}"
        if schema != "pg_catalog":
            return "a" if name == "citext" else None
        if name in ("timestamptz", "timestamp"):
            return self.now.isoformat()
        if name == "date":
            return self.now.date().isoformat()
        if name in ("tstzrange", "tsrange", "daterange"):
            return f"[{self.now.date().isoformat()},{(self.now + timedelta(days=1)).date().isoformat()})"
        return _DEFAULTS.get(name)


def to_number(text: str, type_name: str) -> float | None:
    """Return a value's text as a number, times as seconds since 1970; None for other types, infinity, BC dates.

    >>> to_number("1970-01-02 00:00:00+00", "timestamptz"), to_number("12.5", "numeric"), to_number("x", "text")
    (86400.0, 12.5, None)
    """
    if type_name in _TIMES:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return None
        return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
    if type_name not in _NUMBERS:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def from_number(number: float, type_name: str) -> str:
    """Return the text of a value of the type: the opposite of to_number.

    >>> from_number(86400.0, "timestamptz"), from_number(2.5, "int4"), from_number(2.5, "numeric")
    ('1970-01-02T00:00:00+00:00', '2', '2.5')
    """
    if type_name in _TIMES:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=number)
        if type_name == "date":
            return moment.date().isoformat()
        return moment.isoformat() if type_name == "timestamptz" else moment.replace(tzinfo=None).isoformat()
    return str(round(number)) if type_name in _INTEGERS else f"{number:.6g}" if abs(number) < 1e6 else f"{number:.4f}"


def array_of(values: list[str | None]) -> str:
    """Return an array's text."""
    return format_array(values)
