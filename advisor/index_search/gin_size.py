"""How big a GIN index will be: its entries, and the compressed lists of rows behind them."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from typing import Any

from advisor.index_search.planner import Candidate
from advisor.index_search.widths import expression_columns
from advisor.model.arrays import parse_array
from advisor.model.lookup import Catalog
from advisor.model.names import RelationName
from advisor.model.statistics import ColumnStatistics

_PAGE = 8192
_ENTRY_FILL = 0.68  # entry pages are split by insertion in key order of several batches
_DATA_FILL = 0.97
_INLINE_LIMIT = 2700  # bytes of a row list kept in the entry itself
_WORD = re.compile(r"\w+")
_STOP_WORDS = frozenset(
    "a an and are as at be by for from in is it of on or that the this to was with".split()  # noqa: SIM905 (prose)
)
_BYTES_PER_WORD = 7.5  # of running text, for each different lexeme


def gin_pages(candidate: Candidate, catalog: Catalog, rows: float) -> int:
    """Return the pages of a GIN index with `rows` rows."""
    heap_pages = max(
        1.0, sum((leaf.size_bytes or leaf.relpages * _PAGE) / _PAGE for leaf in catalog.leaves(candidate.table))
    )
    total = 2.0  # metapage and root
    for column in candidate.columns:
        opclass = column.opclass.name if column.opclass else ""
        name = column.column
        if name is None:
            mentioned = expression_columns(column.expression or "", catalog.columns.get(candidate.table, {}))
            name = mentioned[0] if mentioned else None
        statistics = catalog.statistics(candidate.table, name) if name else None
        keys = _keys(column.expression, name, opclass, candidate.table, catalog, statistics, rows)
        total += sum(_pages_of(count, number, width, rows, heap_pages) for count, number, width in keys)
    return max(2, math.ceil(total))


Group = tuple[float, float, float]  # keys, rows of each key, bytes of a key


def _keys(
    expression: str | None,
    column: str | None,
    opclass: str,
    table: RelationName,
    catalog: Catalog,
    statistics: ColumnStatistics | None,
    rows: float,
) -> list[Group]:
    width = statistics.avg_width if statistics else 40.0
    live = rows * (1 - (statistics.null_frac if statistics else 0.0))
    if opclass.startswith("jsonb") and statistics is not None:
        return _json_keys(statistics, opclass == "jsonb_path_ops", live)
    texts = _listed_values(statistics)
    if "trgm" in opclass and texts:
        return _from_samples([_trigrams(text) for text in texts], live, 4.0, finite=True)
    if expression is not None and "tsvector" in expression and texts:
        return _from_samples([set(_WORD.findall(text.lower())) - _STOP_WORDS for text in texts], live, None)
    if "trgm" in opclass:
        # Nearly every position starts a trigram of its own; they are shared between rows.
        per_row = max(3.0, (width - 1) * 1.05 + 1)
        different = min(live * per_row, 12000.0)
        return _skewed(different, live * per_row, 8)
    if expression is not None and "tsvector" in expression:
        per_row = max(1.0, width / _BYTES_PER_WORD)
        return _skewed(min(live * per_row, 300.0 * math.sqrt(live * per_row)), live * per_row, 10)
    if statistics is not None and statistics.most_common_elems:
        return _listed(statistics, live, column, table, catalog)
    per_row = max(1.0, width / 9.0)
    return _skewed(max(1.0, min(live * per_row, 20 * math.sqrt(live + 1))), live * per_row, 10)


def _listed(
    statistics: ColumnStatistics, live: float, column: str | None, table: RelationName, catalog: Catalog
) -> list[Group]:
    """Return the key groups from an array's or tsvector's most common elements."""
    elements = parse_array(statistics.most_common_elems)
    frequencies = (statistics.most_common_elem_freqs or ())[: len(elements)]
    histogram = statistics.elem_count_histogram
    per_row = histogram[-1] if histogram else max(sum(frequencies), statistics.avg_width / _BYTES_PER_WORD)
    type_name = ""
    if column is not None and (known := catalog.columns.get(table, {}).get(column)) is not None:
        type_name = known.base_type.name
    fixed = {"_int4": 4, "_int2": 2, "_int8": 8, "_uuid": 16, "_date": 4}.get(type_name)
    groups: list[Group] = [
        (1.0, share * live, float(fixed or len(element or "") + 1))
        for element, share in zip(elements, frequencies, strict=False)
    ]
    rest = live * max(0.0, per_row - sum(frequencies))
    if rest >= 1 and frequencies:
        # Elements that are not listed are rarer than the rarest listed one.
        each = max(1.0, min(frequencies) * live / 3)
        groups.append((max(1.0, rest / each), each, float(fixed or 9)))
    return groups


def _listed_values(statistics: ColumnStatistics | None) -> list[str]:
    if statistics is None:
        return []
    texts = [*parse_array(statistics.most_common_vals), *parse_array(statistics.histogram_bounds)]
    return [text for text in texts if text is not None][:400]


def _trigrams(text: str) -> set[str]:
    """Return the trigrams pg_trgm extracts: each word, lower case, with two blanks before and one after."""
    found: set[str] = set()
    for word in _WORD.findall(text.lower()):
        padded = f"  {word} "
        found.update(padded[i : i + 3] for i in range(len(padded) - 2))
    return found


def _json_keys(statistics: ColumnStatistics, paths: bool, live: float) -> list[Group]:
    documents = []
    for text in _listed_values(statistics):
        try:
            documents.append(set(_json_entries(json.loads(text), paths, "")))
        except ValueError:  # redacted, or a number Python refuses
            continue
    if not documents:
        per_row = max(1.0, statistics.avg_width / (22.0 if paths else 12.0))
        return _skewed(max(1.0, min(live * per_row, 20 * math.sqrt(live + 1))), live * per_row, 10)
    return _from_samples(documents, live, 4.0 if paths else None)


def _from_samples(rows: list[set[str]], live: float, width: float | None, finite: bool = False) -> list[Group]:
    """Return key groups as they show in a sample of rows: frequent keys one by one, rare ones together.

    `finite`: there are only so many different keys (trigrams), none of them unique to a row.
    """
    seen: Counter[str] = Counter()
    for keys in rows:
        seen.update(keys)
    count = max(1, len(rows))
    groups: list[Group] = []
    rare = singles = pairs = 0
    for key, number in seen.items():
        if number >= max(3, count // 50):
            groups.append((1.0, live * number / count, width or len(key) + 2.0))
        else:
            rare += number
            singles += number == 1
            pairs += number == 2
    if rare:
        mentions = live * rare / count
        # Chao's estimate of the keys the sample did not meet, bounded by the mentions there are.
        different = len(seen) - len(groups) + singles * singles / (2.0 * max(1, pairs))
        # The more of them were seen only once, the more are identifiers, unique per row (factors are measured).
        share = 0.0 if finite else max(0.0, min(1.0, (singles / rare - 0.5) / 0.25))
        different += share * max(0.0, 0.75 * mentions * singles / rare - different)
        different = max(1.0, min(mentions, different))
        groups.append((different, mentions / different, width or 9.0))
    return groups


def _json_entries(document: Any, paths: bool, path: str) -> list[str]:
    """Return the index keys of a document: path and value together, or keys and values apart."""
    found: list[str] = []
    if isinstance(document, dict):
        for key, value in document.items():
            if not paths:
                found.append(key)
            found += _json_entries(value, paths, f"{path}.{key}" if paths else "")
    elif isinstance(document, list):
        for value in document:
            found += _json_entries(value, paths, path)
    else:
        found.append(f"{path}={document}")
    return found


def _skewed(different: float, mentions: float, width: float) -> list[Group]:
    """Return groups in which a tenth of the keys has most of the mentions."""
    different = max(1.0, different)
    if mentions <= different * 1.2:
        return [(different, max(1.0, mentions / different), width)]
    head = max(1.0, different * 0.1)
    return [
        (head, mentions * 0.7 / head, width),
        (max(1.0, different - head), mentions * 0.3 / max(1.0, different - head), width),
    ]


def _pages_of(keys: float, rows_each: float, width: float, rows: float, heap_pages: float) -> float:
    """Return the pages `keys` entries with `rows_each` rows take."""
    if keys <= 0 or rows_each <= 0:
        return 0.0
    # Row addresses are 11 bits of offset below the block number; neighbours are stored as variable-byte differences.
    per_page = max(1.0, rows / heap_pages)
    gap = max(1.0, rows / max(rows_each, 1.0))
    same_page = max(0.0, min(1.0, 1.0 - gap / per_page)) if gap < per_page else 0.0
    blocks = max(1.0, gap / per_page)
    far = max(2.0, math.ceil((11 + math.log2(blocks) + 0.5) / 7))
    list_bytes = 6 + max(0.0, rows_each - 1) * (same_page * 1.0 + (1 - same_page) * far)
    if list_bytes > _INLINE_LIMIT:
        data = keys * max(1.0, list_bytes / (_PAGE - 100) / _DATA_FILL)
        return data + keys * (24 + width) / (_PAGE * _ENTRY_FILL)
    entry = 8 + math.ceil((width + list_bytes + 2) / 8) * 8 + 4
    return keys * entry / (_PAGE * _ENTRY_FILL)
