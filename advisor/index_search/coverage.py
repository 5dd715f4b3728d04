"""Whether the workload that was seen is all there is: what taking columns out of an index in use rests on.

Scans of an index are counted by the server, but not which of its columns they needed. That only the statements tell,
so all of them must have been seen for long enough.
"""

from __future__ import annotations

import re
from datetime import timedelta

from advisor.index_search.drops import SHORT_WINDOW, statistics_window, uncounted_standbys
from advisor.model.lookup import Catalog
from advisor.model.names import RelationName
from advisor.model.snapshot import Snapshot
from advisor.model.workload import LONGEST_SHOWN, Workload

_NOT_UNDERSTOOD = frozenset({"unparsable", "unplannable", "hidden"})
_ROOM = 0.9  # of pg_stat_statements.max: fewer entries than that, and none was evicted


def days_seen(snapshot: Snapshot, workload: Workload) -> timedelta | None:
    """Return how long statements and index scans of all nodes have been counted without a loss; None when that is less
    than a week, unknown, or something was lost."""
    counters, view = statistics_window(snapshot), snapshot.statements_view
    if counters is None or workload.since is None or workload.until is None or not snapshot.statements:
        return None
    if snapshot.server.in_recovery or uncounted_standbys(snapshot):
        return None
    if view.texts_hidden or any(text.category == "hidden" for text in workload.unusable):
        return None
    if view.dealloc is None and (view.entries is None or view.entries > _ROOM * (view.max_entries or 0)):
        return None
    tracked = snapshot.setting("pg_stat_statements.track_utility")
    if view.dealloc or (tracked is not None and tracked.setting == "off"):
        return None
    window = min(counters, workload.until - workload.since)
    return window if window >= SHORT_WINDOW else None


def nested_are_counted(snapshot: Snapshot) -> bool:
    """Return whether statements inside functions and triggers are in the workload."""
    track = snapshot.setting("pg_stat_statements.track")
    return track is not None and track.setting == "all"


def may_be_read_unseen(relation: RelationName, snapshot: Snapshot, catalog: Catalog, workload: Workload) -> bool:
    """Return whether something that is not in the workload may read a table by one of its indexes."""
    table = catalog.tables.get(relation)
    if table is None or table.row_security:  # policies add conditions that no text shows
        return True
    named = re.compile(rf"\b{re.escape(relation.name)}\b", re.IGNORECASE)
    lost = [text.text for text in workload.unusable if text.category in _NOT_UNDERSTOOD]
    if any(len(text) >= LONGEST_SHOWN or named.search(text) for text in lost):
        return True
    if any(other.kind == "m" for other in snapshot.tables):
        # What a materialized view reads when it is refreshed is not counted, and its text is not read.
        return True
    if nested_are_counted(snapshot):
        return False
    functions = [thing for thing in snapshot.schema_objects if thing.kind == "function" and thing.extension is None]
    return any(named.search(function.ddl) for function in functions)
