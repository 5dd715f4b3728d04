"""Where measured time says that a statement's planned cost is far too low.

Microseconds per cost unit agree within a factor of two or three for most statements of a workload. Far off are those
whose work the planner does not count (parsing documents, folding case under a collation) or hopes to be spared
(LIMIT). Only the present plan is as slow as that: see Known.felt.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from advisor.index_search.oracle import Known, Oracle
from advisor.model.excerpt import excerpt
from advisor.workload.redact import without_literals

_CALLS = 5  # fewer may all have met a cold cache
_COST = 50.0  # per call: below that what a call takes by itself decides, whatever it does
_LEAST_STATEMENTS = 5  # that tell what a cost unit usually takes
_USUAL = 3.0  # times the median: caches, widths of rows, settings of costs
_MOST = 100.0
_SAID = 1.5
_SHOWN, _QUERY = 3, 90


def believe_measured_time(oracle: Oracle) -> None:
    """Set how much slower than planned each statement is, where its time shows that without doubt."""
    known = [one for one in oracle.known.values() if one.failed is None and _is_evidence(one)]
    if len(known) < _LEAST_STATEMENTS:
        return
    median = statistics.median(_per_unit(one) for one in known)
    for one in known:
        one.slower = min(_MOST, max(1.0, _per_unit(one) / median / _USUAL))


def measured_notes(oracle: Oracle) -> Iterator[str]:
    """Yield which statements counted by their time: by the planner's costs alone the choice may look wrong."""
    slow = sorted((one for one in oracle.known.values() if one.slower >= _SAID), key=lambda one: -one.slower)
    if slow:
        texts = ", ".join(f"'{excerpt(without_literals(one.statement.original), _QUERY)}'" for one in slow[:_SHOWN])
        more = f" and {len(slow) - _SHOWN} more" if len(slow) > _SHOWN else ""
        yield (
            "What the limits allow was spent by measured time where that is far above what the planned cost says: "
            f"{texts}{more}."
        )


def _is_evidence(one: Known) -> bool:
    """Return whether a statement's time is known well; what writing takes (WAL, indexes, triggers) no plan shows."""
    statement = one.statement
    writes = statement.kind != "select" or any(use.role in ("set", "insert") for use in statement.uses)
    return not writes and bool(statement.work_time) and statement.calls >= _CALLS and one.base >= _COST


def _per_unit(one: Known) -> float:
    return (one.statement.work_time or 0.0) / one.statement.calls / one.base
