"""How many bytes index keys take: from statistics, and from the very values they list."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from weakref import WeakKeyDictionary

from advisor.index_search.distinct import values_together
from advisor.model.arrays import parse_array
from advisor.model.catalog import Column, IndexColumn
from advisor.model.lookup import Catalog
from advisor.model.names import RelationName
from advisor.model.statistics import ColumnStatistics
from advisor.workload.documents import distinct_of_sample, values_by_key

_ALIGNMENT = {"c": 1, "s": 2, "i": 4, "d": 8}
_DRAWS = 211  # tuples imagined; prime, so that stepping through lists of widths mixes them
_STEPS = (0.6180339887, 0.7548776662, 0.8191725134, 0.8566748838, 0.8812714616)
_TEXT_LIKE = frozenset({"text", "varchar", "bpchar", "citext", "name"})
_WORD = re.compile(r'"(?:[^"]|"")+"|[A-Za-z_\u0080-\uffff][\w$]*')
# Results of common functions and casts: bytes, alignment.
_FIXED_RESULTS = (
    (re.compile(r"^date_trunc\(|::timestamp|AS timestamp|timezone\(", re.I), 8, "d"),
    (re.compile(r"AS (?:bigint|int8)\)$|::(?:bigint|int8)$", re.I), 8, "d"),
    (re.compile(r"AS (?:integer|int|int4|date)\)$|::(?:integer|int|int4|date)$|^length\(|^hashtext\(", re.I), 4, "i"),
    (re.compile(r"AS boolean\)$|::bool(?:ean)?$| IS (?:NOT )?NULL$", re.I), 1, "c"),
    (re.compile(r"AS uuid\)$|::uuid$", re.I), 16, "c"),
    (re.compile(r"^md5\(", re.I), 33, "i"),
    (re.compile(r"AS (?:numeric|float8|double precision).*\)$|^extract\(|^date_part\(", re.I), 8, "d"),
)
_KEEPS_VALUE = re.compile(r"^(?:lower|upper|btrim|trim|initcap|unaccent|pg_catalog\.btrim|reverse)\(", re.I)
_UNKNOWN_WIDTH = 12
_JSON_KEY = re.compile(r"""^\(*"?([\w$]+)"?\s*->>\s*'((?:[^']|'')*)'(?:::text)?\)*$""")
_LEAST_DOCUMENTS = 10
_GROWS = 0.1  # share of the rows above which ANALYZE takes the number of values to grow with them


@dataclass(frozen=True, slots=True)
class KeyWidth:
    """What one key column adds to an index tuple."""

    samples: tuple[float, ...]  # widths in bytes, each equally frequent
    alignment: int  # 1 for short variable-length values
    null_frac: float
    n_distinct: float  # pg_stats' convention; 0 unknown
    frequencies: tuple[float, ...] = ()  # of the most common values
    known: bool = True  # False: an expression without statistics


def expression_columns(expression: str, columns: dict[str, Column]) -> tuple[str, ...]:
    """Return the table's columns an expression or predicate mentions, in order."""
    found: dict[str, None] = {}
    for match in _WORD.finditer(re.sub(r"'(?:[^']|'')*'", "''", expression)):
        word = match[0]
        name = word[1:-1].replace('""', '"') if word.startswith('"') else word
        if name in columns or (name := name.lower()) in columns:
            found.setdefault(name)
    return tuple(found)


def key_width(key: IndexColumn, table: RelationName, catalog: Catalog) -> KeyWidth:
    """Return the width of a key column or expression of an index on `table`."""
    columns = catalog.columns.get(table, {})
    if key.column is not None:
        return column_width(key.column, table, catalog)
    expression = key.expression or ""
    known = expression_statistics(expression, table, catalog)
    if known is not None:
        widths = _sampled(known, None) or (float(known.avg_width),)
        return KeyWidth(widths, 1, known.null_frac, known.n_distinct, known.most_common_freqs or ())
    mentioned = expression_columns(expression, columns)
    base = column_width(mentioned[0], table, catalog) if mentioned else None
    nulls = base.null_frac if base else 0.0
    for pattern, size, align in _FIXED_RESULTS:
        if pattern.search(expression):
            return KeyWidth((size,), _ALIGNMENT[align], nulls, 0, known=False)
    if base is not None and _KEEPS_VALUE.match(expression):
        return KeyWidth(base.samples, base.alignment, nulls, base.n_distinct, base.frequencies)
    return _json_width(expression, table, catalog) or KeyWidth((_UNKNOWN_WIDTH,), 1, nulls, 0, known=False)


def _json_width(expression: str, table: RelationName, catalog: Catalog) -> KeyWidth | None:
    """Return the width of a text under a key of JSON documents, by the sampled ones: `data ->> 'sku'`."""
    match = _JSON_KEY.match(expression)
    statistics = catalog.statistics(table, match[1]) if match is not None else None
    if match is None or statistics is None:
        return None
    documents, values = values_by_key(statistics)
    found = values.get(match[2].replace("''", "'"), [])
    if documents < _LEAST_DOCUMENTS or not found:
        return None
    having = catalog.rows(table) * len(found) / documents
    widths = tuple(1.0 + len(value.strip('"').encode()) for value in found)
    share = distinct_of_sample(found, having) / max(1.0, catalog.rows(table))
    distinct = -share if share > _GROWS else share * catalog.rows(table)
    return KeyWidth(widths, 1, 1 - len(found) / documents, distinct, known=False)


def expression_statistics(expression: str, table: RelationName, catalog: Catalog) -> ColumnStatistics | None:
    """Return the statistics an existing index on the same expression has."""
    wanted = normalised(expression)
    for index in catalog.indexes_by_table.get(table, ()):
        for position, column in enumerate(index.columns, start=1):
            if column.expression is None or normalised(column.expression) != wanted:
                continue
            row = _remembered(catalog).by_position.get((index.relation, position))
            if row is not None:
                return row
    return None


def normalised(expression: str) -> str:
    """Return a form in which casts that PostgreSQL's deparser adds and outer parentheses do not matter."""
    text = re.sub(r"::(?:text|character varying|varchar)\b", "", expression)
    text = re.sub(r"\s+", "", text.replace("(", "").replace(")", ""))
    return text.lower()


class _Remembered:
    """What is looked up again and again in one catalog."""

    def __init__(self, catalog: Catalog) -> None:
        self.widths: dict[tuple[RelationName, str], KeyWidth] = {}
        self.by_position: dict[tuple[RelationName, int], ColumnStatistics] = {}
        for row in catalog.snapshot.statistics:
            self.by_position.setdefault((row.relation, row.attnum), row)


_REMEMBERED: WeakKeyDictionary[Catalog, _Remembered] = WeakKeyDictionary()


def _remembered(catalog: Catalog) -> _Remembered:
    found = _REMEMBERED.get(catalog)
    if found is None:
        found = _REMEMBERED[catalog] = _Remembered(catalog)
    return found


def column_width(name: str, table: RelationName, catalog: Catalog) -> KeyWidth:
    """Return the width of a plain column."""
    widths = _remembered(catalog).widths
    found = widths.get((table, name))
    if found is None:
        found = widths[table, name] = _column_width(name, table, catalog)
    return found


def _column_width(name: str, table: RelationName, catalog: Catalog) -> KeyWidth:
    column = catalog.columns.get(table, {}).get(name)
    row = catalog.statistics(table, name)
    nulls = row.null_frac if row else 0.0
    distinct = values_together(row, table, catalog) if row else 0.0
    frequencies = (row.most_common_freqs or ()) if row else ()
    if column is None:
        return KeyWidth((_UNKNOWN_WIDTH,), 1, nulls, distinct, frequencies, known=False)
    if column.type_name.name == "name":  # stored in indexes as a C string
        return KeyWidth(_sampled(row, column) or (16.0,), 1, nulls, distinct, frequencies)
    if column.typlen > 0:
        return KeyWidth((float(column.typlen),), _ALIGNMENT.get(column.typalign, 4), nulls, distinct, frequencies)
    average = float(row.avg_width) if row else _declared_width(column)
    samples = _sampled(row, column) or (average,)
    # Long values are compressed or stored out of line in the heap, and compressed in the index.
    return KeyWidth(samples, 1 if average < 127 else 4, nulls, distinct, frequencies)


def _declared_width(column: Column) -> float:
    declared = re.search(r"\((\d+)\)", column.type)
    if declared and column.base_type.name in ("varchar", "bpchar"):
        return min(int(declared[1]) / 2 + 1, 33)
    return 8.0 if column.base_type.name == "numeric" else 33.0


def _sampled(row: ColumnStatistics | None, column: Column | None) -> tuple[float, ...]:
    """Return the widths of the values the statistics list, when they agree with the mean width."""
    if row is None or (column is not None and column.base_type.name not in _TEXT_LIKE):
        return ()
    bounds = [len(v.encode()) + 1.0 for v in parse_array(row.histogram_bounds) if v is not None]
    common = [len(v.encode()) + 1.0 for v in parse_array(row.most_common_vals) if v is not None]
    frequencies = row.most_common_freqs or ()
    weighted = [width for width, share in zip(common, frequencies, strict=False) for _ in range(round(share * 200))]
    rest = max(0.0, 1.0 - sum(frequencies) - row.null_frac)
    if bounds and rest > 0:
        count = max(1, round(rest * 200))
        weighted += [bounds[i * len(bounds) // count] for i in range(count)]
    if not weighted:
        return ()
    mean = sum(weighted) / len(weighted)
    # Redacted or cut values would mislead.
    return tuple(weighted) if abs(mean - row.avg_width) <= 0.1 * mean + 1.5 else ()


def align(offset: float, to: int) -> float:
    return math.ceil(offset / to) * to


@dataclass(frozen=True, slots=True)
class Imagined:
    """Tuples drawn from the statistics: each one's aligned bytes, and the chance that another row has the same key."""

    sizes: Sequence[float]
    key_shares: Sequence[float]


def imagine(keys: tuple[KeyWidth, ...], included: tuple[KeyWidth, ...], rows: float, total: float) -> Imagined:
    """Return index tuples as the statistics foresee them, columns taken as independent of each other."""
    drawn = [_draws(key, place, _rest_share(key, total)) for place, key in enumerate(keys)]
    shares: Sequence[float] = drawn[0].shares if drawn else (1.0,) * _DRAWS
    for column in drawn[1:]:
        shares = [share * chance for share, chance in zip(shares, column.shares, strict=True)]
    drawn += [_draws(key, len(keys) + place, 0.0) for place, key in enumerate(included)]
    return Imagined(_sizes(drawn, [key.alignment for key in (*keys, *included)]), shares)


def _sizes(columns: Sequence[_Draws], alignments: Sequence[int]) -> Sequence[float]:
    """Return the bytes of each tuple; columns of one width move the offset of all tuples alike."""
    offsets = [0.0]  # one offset for all while the columns allow it
    for column, alignment in zip(columns, alignments, strict=True):
        if column.width is not None and len(offsets) == 1:
            offsets = [align(offsets[0], alignment) + column.width]
            continue
        if len(offsets) == 1:
            offsets *= _DRAWS
        offsets = [
            offset if width is None else math.ceil(offset / alignment) * alignment + width
            for offset, width in zip(offsets, column.widths, strict=True)
        ]
    if len(offsets) == 1:
        return (8 + align(round(offsets[0], 6), 8),) * _DRAWS
    headers = [16 if None in row else 8 for row in zip(*(column.widths for column in columns), strict=True)]
    return [head + math.ceil(round(offset, 6) / 8) * 8 for head, offset in zip(headers, offsets, strict=True)]


@dataclass(frozen=True, slots=True)
class _Draws:
    """A column's part of every imagined tuple: bytes (None for NULL), chance of an equal value; `width` of them all."""

    widths: tuple[float | None, ...]
    shares: tuple[float, ...]
    width: float | None


@lru_cache(maxsize=4096)
def _draws(key: KeyWidth, place: int, rest: float) -> _Draws:
    # A different irrational step per column: the draws fill the unit cube evenly.
    step = _STEPS[place % len(_STEPS)]
    found: list[tuple[float | None, float]] = []
    for draw in range(_DRAWS):
        quantile = (0.5 + draw * step) % 1.0
        if quantile < key.null_frac:
            found.append((None, key.null_frac))
        else:
            width = key.samples[(draw * (7 + 6 * place)) % len(key.samples)]
            found.append((width, _share_at(key, quantile - key.null_frac, rest)))
    widths = tuple(width for width, _ in found)
    return _Draws(widths, tuple(share for _, share in found), widths[0] if len(set(widths)) == 1 else None)


def _share_at(key: KeyWidth, quantile: float, rest: float) -> float:
    for frequency in key.frequencies:
        quantile -= frequency
        if quantile < 0:
            return frequency
    return rest


@lru_cache(maxsize=4096)
def _rest_share(key: KeyWidth, total: float) -> float:
    """Return the share of the rows that each value outside the most common ones has, beyond the row itself."""
    if total < 1:
        return 1.0
    distinct = key.n_distinct if key.n_distinct > 0 else -key.n_distinct * total if key.n_distinct < 0 else 200.0
    rows = max(1.0, total * (1.0 - key.null_frac - sum(key.frequencies)))
    values = max(1.0, min(distinct - len(key.frequencies), rows))
    mean = rows / values
    # Values that occur at all occur `mean` times: the Poisson rate behind that mean (0 for a unique column).
    rate = mean
    for _ in range(60):
        rate = mean * -math.expm1(-rate)
    return max(0.0, rate if mean > 1.0001 else 0.0) / total
