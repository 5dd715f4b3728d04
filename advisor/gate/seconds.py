"""How long a lock is held: from the size of the table and what is done under the lock."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from advisor.gate.state import State
from advisor.model.migration import Hazard, RelationState

# One process on ordinary storage, fitted to real runs on 10 million rows (tests/bench/bench_gate_seconds.py): about
# 1.4 times what an idle machine took, as production is never idle.
_SCAN = 1200e6  # bytes read a second
_INDEXED_ROW = 0.22e-6  # seconds to sort a row by a number and put it into a B-tree
_TEXT = 0.3e-6  # more where a key is text: collations compare slowly
_FURTHER_KEY = 0.15e-6  # more for every further column
_COMPUTED = 1e-6  # seconds to compute a value such as gen_random_uuid() for a row
_ROW = 100  # bytes, where the number of rows is not known
_BRIEF = 0.01  # a lock that is only taken and released
_TEXTS = ("text", "character", "citext", "name")


@dataclass(frozen=True, slots=True)
class _Rewrite:
    """How a table is written anew: bytes a second with WAL, and seconds for a row."""

    bytes_per_second: float
    row: float


# ALTER TABLE forms every row anew and waits for its WAL; VACUUM FULL and its like copy rows as they are.
_FORMED = _Rewrite(150e6, 0.6e-6)
_COPIED = _Rewrite(300e6, 0.2e-6)
_COPIES = frozenset({"vacuum_full_or_cluster", "storage_rewrite", "matview_refresh_blocking"})


def estimate_seconds(hazard: Hazard, state: State, rule: str = "") -> float | None:
    """Return seconds under the hazard's lock, or None where the size of the table is unknown.

    An order of magnitude: hardware, caches and competing load move it by several times.
    """
    if hazard.relation is None or hazard.lock is None:
        return None
    relation = state.relation(hazard.relation)
    size = relation.size_bytes
    if size is None:
        return None
    rows = relation.rows if relation.rows is not None and relation.rows >= 0 else size / _ROW
    if hazard.rewrite:
        how = _COPIED if rule in _COPIES else _FORMED
        per_row = how.row + _builds(state.index_columns(relation.name), relation, state)
        per_row += _COMPUTED if hazard.computed else 0.0
        return round((size + relation.toast_bytes) / how.bytes_per_second + rows * per_row + _BRIEF, 2)
    if hazard.scan:
        return round(size / _SCAN + rows * _builds(hazard.builds, relation, state) + _BRIEF, 2)
    return _BRIEF


def _builds(indexes: Iterable[tuple[str, ...]], relation: RelationState, state: State) -> float:
    """Return the seconds a row costs in indexes on these columns."""
    return sum(_build(columns, relation, state) for columns in indexes)


def _build(columns: tuple[str, ...], relation: RelationState, state: State) -> float:
    types = [state.column(relation.name, column).type or "" for column in columns]
    texts = sum(type_.startswith(_TEXTS) for type_ in types)
    return _INDEXED_ROW + _TEXT * texts + _FURTHER_KEY * max(0, len(columns) - 1)
