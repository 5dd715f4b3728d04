"""How long a lock is held: from the size of the table and what is done under the lock."""

from __future__ import annotations

from advisor.gate.state import State
from advisor.model.migration import Hazard

# One process on ordinary storage, fitted to real runs on tables of 1 and 10 million rows (838 MB): an ALTER TYPE with
# two indexes took 29 s and 21 s without indexes, an index 4 to 6 s, a check of every row 0.5 to 1 s.
_SCAN = 800e6  # bytes read a second
_REWRITE = 150e6  # bytes written a second, with WAL
_REWRITTEN_ROW = 1e-6  # seconds to form a row anew
_INDEXED_ROW = 0.4e-6  # seconds to sort a row and put it into a B-tree
_ROW = 100  # bytes, where the number of rows is not known
# A lock that is only taken and released.
_BRIEF = 0.01
_BUILDS = frozenset(
    {
        "index_create_blocking", "add_unique_blocking", "add_pk_blocking", "add_exclusion_blocking",
        "reindex_blocking", "type_change_index_rebuild",
    }
)  # fmt: skip


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
        size += relation.toast_bytes
        indexes = len(state.indexes_of(relation.name)) * rows * _INDEXED_ROW
        return round(size / _REWRITE + rows * _REWRITTEN_ROW + indexes + _BRIEF, 2)
    if hazard.scan:
        build = rows * _INDEXED_ROW if rule in _BUILDS else 0.0
        return round(size / _SCAN + build + _BRIEF, 2)
    return _BRIEF
