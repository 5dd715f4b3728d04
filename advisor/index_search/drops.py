"""Indexes to drop: invalid leftovers, duplicates, redundant prefixes, unused ones; each planned without first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from advisor.index_search.candidates.served import is_prefix, same_key
from advisor.index_search.ddl import covers_columns, drop_sql
from advisor.index_search.effects import effect
from advisor.index_search.oracle import Oracle
from advisor.index_search.planner import Planner
from advisor.index_search.widths import normalised
from advisor.model.catalog import Index
from advisor.model.history import IndexWatch
from advisor.model.lookup import Catalog
from advisor.model.names import RelationName
from advisor.model.report import IndexDrop, StatementEffect
from advisor.model.snapshot import Snapshot
from advisor.model.workload import Workload
from advisor.units import format_size

SHORT_WINDOW = timedelta(days=7)
LONG_WINDOW = timedelta(days=30)
WORTH_DROPPING = 10 * 8192  # an unused index below this costs nothing that matters
_HURT = 1.1  # a statement this much dearer without the index counts as hurt


@dataclass(frozen=True, slots=True)
class _Reason:
    index: Index
    kind: str
    text: str
    confidence: str
    survivor: Index | None = None
    since: datetime | None = None  # of an unused one


def statistics_window(snapshot: Snapshot) -> timedelta | None:
    """Return how long the index counters of all nodes have been counting together; None when unknown of any."""
    since: datetime | None = snapshot.database_counters.stats_reset if snapshot.database_counters else None
    begins = [since or snapshot.server.started_at]
    if snapshot.index_use_since is not None and begins[0] is not None:
        # History has watched since then, through resets too: what was used in between has its scans.
        begins[0] = min(begins[0], snapshot.index_use_since)
    begins += [replica.counting_since for replica in snapshot.replicas if replica.is_read]
    known = [begin for begin in begins if begin is not None]
    return snapshot.server.collected_at - max(known) if len(known) == len(begins) else None


def _blind(snapshot: Snapshot) -> str | None:
    """Return why scans on standbys are not all known although standbys were asked for; None when they are."""
    unread = [replica.name for replica in snapshot.replicas if not (replica.is_read and replica.uses_known)]
    return f"the standby {', '.join(unread)} could not be read" if unread else None


def _unasked(snapshot: Snapshot) -> int:
    """Return how many physical standbys are connected beyond those that were asked for."""
    connected = [s for s in snapshot.standbys if not s.is_logical and s.state == "streaming"]
    return max(len(connected) - len(snapshot.replicas), 0)


def uncounted_standbys(snapshot: Snapshot) -> bool:
    """Return whether a standby may use indexes without its scans being counted here."""
    return _blind(snapshot) is not None or _unasked(snapshot) > 0


def drop_notes(snapshot: Snapshot) -> tuple[str, ...]:
    """Return what people should know about the window that "unused" rests on."""
    window = statistics_window(snapshot)
    if window is None:
        return ("How long the index counters have been counting is unknown, so no index is called unused.",)
    if window < SHORT_WINDOW:
        return (
            f"The index counters cover {max(window.total_seconds(), 0) / 86400:.1f} days; no index is called unused "
            "before they cover 7.",
        )
    if snapshot.server.in_recovery:
        return ("These are a standby's counters: an index unused here may serve the primary.",)
    if (why := _blind(snapshot)) is not None:
        return (f"No index is called unused: {why}, and it may use what the others do not.",)
    if missing := _unasked(snapshot):
        standbys = "A standby is" if missing == 1 else f"{missing} standbys are"
        return (
            f"{standbys} connected whose scans are not counted here; an index unused on the primary may serve"
            " there: give --replica DSN.",
        )
    return ()


def advise_drops(
    snapshot: Snapshot, catalog: Catalog, workload: Workload | None, planner: Planner | None
) -> tuple[IndexDrop, ...]:
    """Return the indexes to drop, each planned without over the workload when a planner is given.

    Never proposed: indexes of constraints, unique ones, replica identities, those an extension owns, those being
    built, parts of a partitioned index, and (as unused) those that support a foreign key.
    """
    reasons = list(_reasons(snapshot, catalog))
    drops: list[IndexDrop] = []
    hidden: dict[RelationName, set[str]] = {}
    oracle = Oracle(planner, workload.statements) if planner is not None and workload is not None else None
    if oracle is not None:
        oracle.plan(list(oracle.known), frozenset())
    for reason in reasons:
        hurt: tuple[StatementEffect, ...] = ()
        checked = 0
        gone = hidden.setdefault(reason.index.table, set())
        if oracle is not None and reason.kind != "invalid":
            hurt, checked = replan(oracle, catalog, reason.index, frozenset(gone))
            if hurt and reason.kind == "unused":
                continue  # the planner wants it for a statement of this workload
        gone.add(str(reason.index.relation))
        ddl, undo = drop_sql(reason.index)
        drops.append(
            IndexDrop(
                ddl=ddl,
                undo_ddl=undo,
                index=reason.index.relation,
                table=reason.index.table,
                reason=reason.text,
                kind=reason.kind,
                size_bytes=_size(reason.index, catalog),
                confidence="medium" if hurt else reason.confidence,
                hurt=hurt,
                checked=checked,
                unused_since=reason.since,
            )
        )
    return tuple(drops)


def replan(
    oracle: Oracle, catalog: Catalog, index: Index, gone: frozenset[str], chosen: frozenset[str] = frozenset()
) -> tuple[tuple[StatementEffect, ...], int]:
    """Plan the table's statements with the index (and those in `gone`) hidden; return those hurt and how many
    statements were planned."""
    tables = {index.table, *catalog.ancestors(index.table)}
    tables |= {leaf.relation for leaf in catalog.leaves(index.table)}
    keys = [
        key
        for key, known in oracle.known.items()
        if known.failed is None and known.triples and tables & set(known.statement.relations)
    ]
    if not keys:
        return (), 0
    names = frozenset(str(part.relation) for part in (index, *_parts(index, catalog)))
    before = oracle.ask(keys, chosen, gone)
    after = oracle.ask(keys, chosen, gone | names)
    hurt = [
        effect(oracle.known[key].statement, before[key][0], after[key][0])
        for key in keys
        if key in before and key in after and after[key][0] > _HURT * before[key][0]
    ]
    # A planner that cannot hide an index answers nothing, and then nothing was checked.
    return tuple(hurt), len(before.keys() & after.keys())


def _parts(index: Index, catalog: Catalog) -> Iterator[Index]:
    """Yield the partitions' parts of a partitioned index."""
    for indexes in catalog.indexes_by_table.values():
        for other in indexes:
            if other.parent == index.relation:
                yield other
                yield from _parts(other, catalog)


def _size(index: Index, catalog: Catalog) -> int:
    return (index.size_bytes or 0) + sum(part.size_bytes or 0 for part in _parts(index, catalog))


def _scans(index: Index, catalog: Catalog) -> int | None:
    counts = [index.idx_scan, *(part.idx_scan for part in _parts(index, catalog))]
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def protected(index: Index) -> bool:
    """Return whether an index serves more than searches, or is not ours to judge."""
    return (
        index.is_unique
        or index.is_primary
        or index.is_exclusion
        or index.is_replica_identity
        or index.constraint is not None
        or index.being_built
        or index.extension is not None
        or index.parent is not None
    )


def _reasons(snapshot: Snapshot, catalog: Catalog) -> Iterator[_Reason]:
    dropped: set[RelationName] = set()
    for relation in sorted(catalog.indexes_by_table):
        table = catalog.tables.get(relation)
        if table is None or table.extension is not None or table.persistence == "t":
            continue
        indexes = catalog.indexes_by_table[relation]
        found = [*_invalid(indexes), *_duplicates(indexes)]
        dropped |= {reason.index.relation for reason in found}
        rest = [index for index in indexes if index.relation not in dropped]
        unused = list(_unused(rest, snapshot, catalog))
        dropped |= {reason.index.relation for reason in unused}
        rest = [index for index in rest if index.relation not in dropped]
        yield from (*found, *unused, *_redundant(rest))


def _invalid(indexes: Iterable[Index]) -> Iterator[_Reason]:
    for index in indexes:
        if index.is_valid or index.being_built or index.is_partitioned or index.constraint or index.parent:
            continue
        leftover = index.name.rstrip("0123456789").endswith(("_ccnew", "_ccold"))
        text = (
            "left behind by a REINDEX CONCURRENTLY that failed: no query uses it, every write maintains it"
            if leftover
            else "invalid: a CREATE INDEX CONCURRENTLY failed; no query uses it, every write maintains it. "
            "Build it again if it is wanted"
        )
        yield _Reason(index, "invalid", text, "high")


def usable(index: Index) -> bool:
    return index.is_valid and index.is_ready and index.is_live


def _same_predicate(one: Index, other: Index) -> bool:
    return normalised(one.predicate or "") == normalised(other.predicate or "")


def _duplicates(indexes: Iterable[Index]) -> Iterator[_Reason]:
    groups: list[list[Index]] = []
    for index in indexes:
        if not usable(index):
            continue
        for group in groups:
            if _equal(group[0], index):
                group.append(index)
                break
        else:
            groups.append([index])
    for group in groups:
        # One stays: what a constraint needs, else the oldest; the scans of the others go to it.
        group.sort(key=lambda i: (not protected(i), not i.is_clustered, i.oid))
        for index in group[1:]:
            if not protected(index):
                text = f"the same as {group[0].relation.display()}, which stays"
                yield _Reason(index, "duplicate", text, "high", group[0])


def _equal(one: Index, other: Index) -> bool:
    return (
        one.access_method == other.access_method
        and len(one.columns) == len(other.columns)
        and all(
            same_key(a, b) and a.descending == b.descending and a.nulls_first == b.nulls_first
            for a, b in zip(one.columns, other.columns, strict=True)
        )
        and set(one.include) == set(other.include)
        and _same_predicate(one, other)
    )


def _redundant(indexes: list[Index]) -> Iterator[_Reason]:
    gone: set[RelationName] = set()
    for index in sorted(indexes, key=lambda i: (len(i.columns), i.oid)):
        if protected(index) or not usable(index) or index.access_method != "btree" or index.is_clustered:
            continue
        for other in indexes:
            if other is index or other.relation in gone or not usable(other) or other.access_method != "btree":
                continue
            held = {key.column for key in other.columns} | set(other.include)
            longer = len(other.columns) > len(index.columns) or set(index.include) < set(other.include)
            if (
                longer
                and is_prefix(index.columns, other.columns)
                and set(index.include) <= held
                and (other.predicate is None or _same_predicate(index, other))
                and (index.predicate is None or _same_predicate(index, other))
            ):
                gone.add(index.relation)
                bigger = (other.size_bytes or 0) > 3 * (index.size_bytes or 0)
                text = f"{other.relation.display()} begins with the same columns and serves its searches"
                if bigger:
                    text += f", though from a larger index ({format_size(other.size_bytes or 0)})"
                yield _Reason(index, "redundant", text, "medium" if bigger else "high", other)
                break


def _unused(indexes: list[Index], snapshot: Snapshot, catalog: Catalog) -> Iterator[_Reason]:
    window = statistics_window(snapshot)
    if window is None or window < SHORT_WINDOW or _blind(snapshot) is not None:
        return
    now = snapshot.server.collected_at
    watches = {watch.index: watch for watch in snapshot.index_watches}
    nodes = sum(replica.is_read for replica in snapshot.replicas)
    missing = _unasked(snapshot)
    for index in indexes:
        if protected(index) or not usable(index) or _scans(index, catalog) != 0:
            continue
        if _size(index, catalog) < WORTH_DROPPING or supports_foreign_key(index, indexes, catalog):
            continue
        watch = watches.get(str(index.relation))
        seen = window if watch is None else min(window, now - watch.since)
        if seen < SHORT_WINDOW:
            continue
        text = f"no scan in {seen.days} days of counters" if watch is None else _watched(watch, seen, now)
        if snapshot.server.in_recovery:
            text += " (counted on this standby only)"
        elif missing:
            text += " (counted on the primary only)" if not nodes else f" (not counted on {missing} of its standbys)"
        elif nodes:
            text += f", on the primary and {nodes} {'standby' if nodes == 1 else 'standbys'}"
        text += ", yet every write maintains it"
        confident = seen >= LONG_WINDOW and not snapshot.server.in_recovery and not missing
        yield _Reason(index, "unused", text, "high" if confident else "medium", since=_since(now - seen, watch))


def _since(begin: datetime, watch: IndexWatch | None) -> datetime:
    return begin if watch is None or watch.last_used is None else max(begin, watch.last_used)


def _watched(watch: IndexWatch, seen: timedelta, now: datetime) -> str:
    """Return since when the history has seen no use of an index, and what it may have missed."""
    text = f"no scan since {now - seen:%Y-%m-%d}, {seen.days} days of history"
    if watch.last_used is not None:
        text = f"no scan since {watch.last_used:%Y-%m-%d}, in {seen.days} days of history"
    if watch.holes:
        text += f" with {watch.holes} {'reset' if watch.holes == 1 else 'resets'} of the counters in between"
    return text


def supports_foreign_key(index: Index, indexes: list[Index], catalog: Catalog) -> bool:
    """Return whether a foreign key's referenced side is deleted or updated through this index alone."""
    others = [other for other in indexes if other is not index]
    return any(
        covers_columns((index,), constraint.columns) and not covers_columns(others, constraint.columns)
        for constraint in catalog.constraints_by_table.get(index.table, ())
        if constraint.type == "f"
    )
