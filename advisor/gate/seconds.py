"""How long a lock is held: from the size of the table and what is done under the lock."""

from __future__ import annotations

from advisor.gate.state import State
from advisor.model.migration import Hazard

# Bytes per second of one process on ordinary storage: reading to check, rewriting with WAL, building a B-tree.
_SCAN = 500e6
_REWRITE = 100e6
# A lock that is only taken and released.
_BRIEF = 0.01


def estimate_seconds(hazard: Hazard, state: State) -> float | None:
    """Return seconds under the hazard's lock, or None where the size of the table is unknown.

    An order of magnitude: hardware, caches and competing load move it by several times.
    """
    if hazard.relation is None or hazard.lock is None:
        return None
    size = state.relation(hazard.relation).size_bytes
    if size is None:
        return None
    if hazard.rewrite:
        return round(size / _REWRITE + _BRIEF, 2)
    if hazard.scan:
        return round(size / _SCAN + _BRIEF, 2)
    return _BRIEF
