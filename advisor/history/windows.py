"""Whether two readings of one database can be subtracted, and what happened between them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from advisor.history.model import IndexUse
from advisor.history.take import definition_of
from advisor.model.activity import StatementCounters
from advisor.model.history import IndexWatch, statement_key
from advisor.model.server import Server
from advisor.model.snapshot import Snapshot

# The report's workload is that of the last week: long enough for a weekly job, and steady from night to night.
WINDOW = timedelta(days=7)
# A use of an index counts this long: a yearly job has its index for longer than a year.
USE_LASTS = timedelta(days=400)
# More entries than this part with fewer calls than before: the counters began anew.
_RESET_SHARE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Continuity:
    """What may be subtracted between two readings, and what happened: one sentence each, for people."""

    same_server: bool  # the counters are of the same instance
    statements: bool  # pg_stat_statements went on counting
    relations: bool  # pg_stat_all_tables and pg_stat_all_indexes went on counting
    events: tuple[str, ...]
    notes: tuple[str, ...] = ()  # what limits the comparison without being news
    evicted: bool = False


def continuity(before: Snapshot, now: Snapshot) -> Continuity:
    """Compare two readings of one database, the older first."""
    identity = _identity(before.server, now.server)
    if identity is not None:
        return Continuity(same_server=False, statements=False, relations=False, events=identity)
    events = [*_restart(before.server, now.server)]
    reset, how = _statements_reset(before, now)
    events += how
    relations, how = _relations_reset(before, now)
    events += how
    evictions = _evictions(before, now) if not reset else []
    notes = [*evictions, *_other_query_ids(before, now)] if not reset else []
    return Continuity(
        same_server=True,
        statements=not reset,
        relations=relations,
        events=tuple(events),
        notes=tuple(notes),
        evicted=bool(evictions),
    )


def _identity(before: Server, now: Server) -> tuple[str, ...] | None:
    """Return why these are counters of different instances, None where they are not."""
    if before.major != now.major:
        text = f"PostgreSQL {before.major} became {now.major}: counters and query ids begin anew, findings are compared"
        return (f"{text}.",)
    known = before.system_identifier is not None and now.system_identifier is not None
    if known and before.system_identifier != now.system_identifier:
        return (
            "Another cluster than at the last run answers here (another system identifier): restored from a dump or "
            "replaced. Counters begin anew, findings are compared.",
        )
    if before.timeline is not None and now.timeline is not None and before.timeline != now.timeline:
        return (
            f"Another server of the same cluster is the primary: timeline {before.timeline} became {now.timeline} "
            "(failover, or a recovery to a point in time). Its counters are its own and begin anew.",
        )
    if now.started_at is not None and before.started_at is not None and now.started_at != before.started_at:
        if before.in_recovery and not now.in_recovery:
            return (
                "A standby was read at the last run, and the primary now is another server or was restarted: failover. "
                "Its counters are its own and begin anew.",
            )
        if now.started_at < before.collected_at:
            return (
                f"Another server of the same cluster answers (it runs since {_minute(now.started_at)}): failover or "
                "switchover. Its counters are its own and begin anew.",
            )
    return None


def _restart(before: Server, now: Server) -> list[str]:
    events = []
    if before.in_recovery and not now.in_recovery:
        events.append("The server was promoted: it is a primary now.")
    if now.started_at is not None and before.started_at is not None and now.started_at > before.collected_at:
        events.append(f"The server was restarted at {_minute(now.started_at)}.")
    if before.version_num != now.version_num:
        events.append(f"PostgreSQL was updated from {_short(before)} to {_short(now)}.")
    return events


def _statements_reset(before: Snapshot, now: Snapshot) -> tuple[bool, list[str]]:
    if now.statements_view.status not in ("ok", "damaged"):
        return True, []
    reset = now.statements_view.stats_reset
    if reset is not None and reset > before.server.collected_at:
        return True, [f"pg_stat_statements was reset at {_minute(reset)}: the window begins there."]
    earlier = {_key(row): row.calls for row in before.statements}
    common = [row for row in now.statements if _key(row) in earlier]
    fewer = [row for row in common if row.calls < earlier[_key(row)]]
    lost = bool(earlier) and not common and len(earlier) > 3
    if lost or (common and len(fewer) > _RESET_SHARE * len(common)):
        return True, ["pg_stat_statements lost its counters since the last run (a reset, or a crash)."]
    return False, []


def _relations_reset(before: Snapshot, now: Snapshot) -> tuple[bool, list[str]]:
    ours, theirs = now.database_counters, before.database_counters
    if ours is None or theirs is None:
        return False, []
    if ours.stats_reset is not None and ours.stats_reset > before.server.collected_at:
        return False, [f"The database's statistics were reset at {_minute(ours.stats_reset)} (a reset, or a crash)."]
    if ours.xact_commit < theirs.xact_commit:
        return False, ["The database's statistics began anew since the last run (a reset, or a crash)."]
    return True, []


def _evictions(before: Snapshot, now: Snapshot) -> list[str]:
    ours, theirs = now.statements_view.dealloc, before.statements_view.dealloc
    if ours is None or theirs is None or ours <= theirs:
        return []
    return [
        f"pg_stat_statements made room {ours - theirs} times: the rarest statements are missing from the window "
        "(raise pg_stat_statements.max)."
    ]


def _other_query_ids(before: Snapshot, now: Snapshot) -> list[str]:
    """Say how many statements go on under another query id: a re-created table, an updated extension."""
    still = {row.queryid for row in now.statements}
    gone = {statement_key(r.query): r.queryid for r in before.statements if r.query and r.queryid not in still}
    old = {row.queryid for row in before.statements}
    moved = {
        statement_key(row.query)
        for row in now.statements
        if row.query and row.queryid not in old and statement_key(row.query) in gone
    }
    if not moved:
        return []
    few = "1 statement has" if len(moved) == 1 else f"{len(moved)} statements have"
    return [f"{few} another query id than before (a re-created table?); compared by text."]


def _key(row: StatementCounters) -> tuple[int | None, str | None, bool]:
    return row.queryid, row.role, row.toplevel


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _short(server: Server) -> str:
    return server.version.split(" (", 1)[0]


def across_nodes(snapshot: Snapshot) -> Snapshot:
    """Return the snapshot in which an index's scans are those of the primary and of every standby that was read."""
    uses: dict[tuple[str, str], int] = {}
    for replica in snapshot.replicas:
        for use in replica.indexes:
            uses[use.schema, use.name] = uses.get((use.schema, use.name), 0) + use.idx_scan
    if not uses:
        return snapshot
    indexes = (
        replace(index, idx_scan=(index.idx_scan or 0) + uses[index.schema, index.name])
        if (index.schema, index.name) in uses
        else index
        for index in snapshot.indexes
    )
    return replace(snapshot, indexes=tuple(indexes))


def used_indexes(
    known: Sequence[IndexUse], before: Snapshot | None, now: Snapshot, relations: bool
) -> tuple[IndexUse, ...]:
    """Return what is known of each index's use after this reading. `relations`: the counters went on since `before`.

    A use on any node counts, each node by itself: a reset of one hides no use of another. A standby that was left out
    and is back looks like a use, which spares the index.
    """
    earlier = {(use.index, use.definition): use for use in known}
    scans = {
        (str(index.relation), definition_of(index)): index.idx_scan
        for index in (before.indexes if before is not None else ())
    }
    counters = now.database_counters
    since = (counters.stats_reset if counters is not None else None) or now.server.started_at
    on_standbys = _used_on_standbys(before, now)
    result = []
    for index in now.indexes:
        key = (str(index.relation), definition_of(index))
        use = earlier.get(key)
        old_scans = scans.get(key) if relations else None
        used = index.idx_scan is not None and index.idx_scan > (old_scans or 0)
        used = used or (index.schema, index.name) in on_standbys
        moment = now.server.collected_at
        if used and index.last_idx_scan is not None:
            moment = index.last_idx_scan
        if use is None:
            first_of_all = before is None or not known
            # An index that is new since the last run cannot have been watched before it was there.
            start = since if first_of_all and since is not None else now.server.collected_at
            use = IndexUse(
                index=key[0],
                definition=key[1],
                first_seen=now.server.collected_at,
                observed_since=min(start, now.server.collected_at),
                last_used=moment if used else None,
            )
        else:
            hole = 0 if relations or before is None else 1
            use = replace(use, last_used=moment if used else use.last_used, holes=use.holes + hole)
        result.append(use)
    return tuple(result)


def _used_on_standbys(before: Snapshot | None, now: Snapshot) -> set[tuple[str, str]]:
    """Return the indexes (schema, name) that any standby has used since the reading before."""
    earlier = {replica.name: replica for replica in before.replicas if replica.uses_known} if before is not None else {}
    found: set[tuple[str, str]] = set()
    for replica in now.replicas:
        old = earlier.get(replica.name)
        # Counters that began anew count whole.
        goes_on = old is not None and old.counting_since == replica.counting_since
        scans = {(use.schema, use.name): use.idx_scan for use in old.indexes} if old is not None and goes_on else {}
        found |= {key for use in replica.indexes if use.idx_scan > scans.get(key := (use.schema, use.name), 0)}
    return found


def with_index_use(snapshot: Snapshot, uses: Sequence[IndexUse]) -> Snapshot:
    """Return the snapshot in which an index used in any window of the last 400 days has scans.

    The counters of an index that lived through a reset say nothing of the time before: history does.
    """
    by_key: Mapping[tuple[str, str], IndexUse] = {(use.index, use.definition): use for use in uses}
    indexes = []
    observed: list[datetime] = []
    for index in snapshot.indexes:
        use = by_key.get((str(index.relation), definition_of(index)))
        if use is not None:
            observed.append(use.observed_since)
            recent = use.last_used is not None and use.last_used >= snapshot.server.collected_at - USE_LASTS
            if recent and index.idx_scan == 0:
                index = replace(index, idx_scan=1, last_idx_scan=use.last_used)
        indexes.append(index)
    # What has been watched longest counts; an index that is younger is spared by its own first_seen below.
    since = min(observed, default=None)
    young = snapshot.server.collected_at - WINDOW
    spared = tuple(
        replace(index, idx_scan=None)
        if index.idx_scan == 0 and _younger(by_key.get((str(index.relation), definition_of(index))), young)
        else index
        for index in indexes
    )
    watches = tuple(
        IndexWatch(index=use.index, since=use.observed_since, last_used=use.last_used, holes=use.holes)
        for index in indexes
        if (use := by_key.get((str(index.relation), definition_of(index)))) is not None
    )
    return replace(snapshot, indexes=spared, index_use_since=since, index_watches=watches)


def _younger(use: IndexUse | None, moment: datetime) -> bool:
    """Whether an index has been watched for less than it takes to call it unused."""
    return use is None or use.observed_since > moment
