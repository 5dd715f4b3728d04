"""Which tables are judged against which window: those the policy names, then those recognised by name and shape."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime

from advisor.model.catalog import Column, Table
from advisor.model.lookup import Catalog
from advisor.model.names import RelationName
from advisor.model.snapshot import Snapshot
from advisor.retention.detect import DEFAULT_WINDOWS, SESSION, recognise
from advisor.retention.policy import Policy, TablePattern, TablePolicy, Tier
from advisor.retention.timecolumn import Choice, choose_time_column
from advisor.retention.windows import Window

_SYSTEM = re.compile(
    r"^(pg_catalog|information_schema|pg_toast|pg_temp.*|cron|partman|timetable|pgagent|_timescaledb.*|timescaledb.*)$"
)
_LONGEST_TOLERANCE = Window(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One table with the window it is judged against."""

    table: Table
    kind: str | None  # geolocation session notification, None when only the policy knows it
    recognised_by: str | None
    policy: TablePolicy
    is_default: bool
    tolerance: Window
    choice: Choice

    @property
    def relation(self) -> RelationName:
        return self.table.relation

    @property
    def keep(self) -> Window | None:
        return self.policy.keep

    @property
    def column(self) -> Column | None:
        """The time column, None while its meaning is not known."""
        if self.choice.candidate is None or self.choice.problem is not None:
            return None
        return self.choice.candidate.column

    @property
    def unit(self) -> str | None:
        return self.choice.candidate.unit if self.choice.candidate is not None else None

    @property
    def max_age(self) -> Window | None:
        """The age at which it is a breach: declared, or the window and its tolerance."""
        if self.keep is None:
            return None
        return self.policy.max_age or self.keep.plus(self.tolerance)

    @property
    def is_personal(self) -> bool:
        return self.policy.data_class in ("personal", "sensitive") or self.kind is not None

    def is_paused(self, today: date) -> bool:
        return self.policy.paused_until is not None and today <= self.policy.paused_until

    def describe(self) -> str:
        """Return the policy in words, and always whether it is a default."""
        if self.keep is None:
            return "permanent"
        if self.is_default:
            return f"{self.keep} (default for {self.kind} tables, not your policy)"
        return str(self.keep)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unresolved:
    """A policy entry that fits no table of the database, or one table too many."""

    policy: TablePolicy | None
    pattern: TablePattern
    why: str


@dataclass(frozen=True, slots=True)
class Targets:
    """The tables to judge and the entries that could not be placed."""

    found: tuple[Target, ...]
    unresolved: tuple[Unresolved, ...]
    excluded: frozenset[RelationName]


def judged_tables(snapshot: Snapshot) -> tuple[Table, ...]:
    """Return the user tables that can hold rows of their own: no partitions, system or extension tables, views."""
    return tuple(
        table
        for table in snapshot.tables
        if table.kind in ("r", "p")
        and not table.is_partition
        and table.persistence != "t"
        and table.extension is None
        and not _SYSTEM.match(table.schema)
    )


def is_old_style_partition(table: Table, catalog: Catalog) -> bool:
    """Return whether the table inherits from one other and is set apart by a CHECK: the parent's window covers it."""
    return (
        not table.is_partition
        and len(table.parents) == 1
        and table.parents[0] in catalog.tables
        and any(k.type == "c" for k in catalog.constraints_by_table.get(table.relation, ()))
    )


def default_tolerance(keep: Window) -> Window:
    """Return a tenth of the window, at most a week: jobs run now and then, partitions go as a whole."""
    tenth = keep.total_days / 10
    return (
        _LONGEST_TOLERANCE
        if tenth >= 7
        else Window(seconds=round(tenth * 86400))
        if tenth < 1
        else Window(days=int(tenth))
    )


def find_targets(catalog: Catalog, policy: Policy | None) -> Targets:
    """Return every table with its window; an exact name beats a glob, a policy beats a default window."""
    tables = judged_tables(catalog.snapshot)
    chosen: dict[RelationName, TablePolicy] = {}
    unresolved: list[Unresolved] = []
    excluded: set[RelationName] = set()
    if policy is not None:
        by_name = _by_name(tables)
        for exclusion in policy.exclude:
            names = _resolve(exclusion.table, tables, by_name)
            if not names and not exclusion.table.is_glob:
                unresolved.append(
                    Unresolved(policy=None, pattern=exclusion.table, why=_why_missing(exclusion.table, catalog))
                )
            excluded.update(names)
        for item in sorted(policy.tables, key=lambda p: p.table.is_glob):
            names = _resolve(item.table, tables, by_name)
            if item.table.is_glob:
                names = tuple(n for n in names if not is_old_style_partition(catalog.tables[n], catalog))
            if not names:
                unresolved.append(Unresolved(policy=item, pattern=item.table, why=_why_missing(item.table, catalog)))
            elif len(names) > 1 and not item.table.is_glob:
                listed = ", ".join(str(n) for n in names)
                unresolved.append(
                    Unresolved(
                        policy=item,
                        pattern=item.table,
                        why=f"several tables have this name ({listed}); write the schema",
                    )
                )
            else:
                for name in names:
                    if name in chosen and not item.table.is_glob:
                        why = f"it is the table {name}, which already has a policy (line {chosen[name].line})"
                        unresolved.append(Unresolved(policy=item, pattern=item.table, why=why))
                    chosen.setdefault(name, item)
    _add_tiers(chosen, tables, catalog)
    with_defaults = policy is None or policy.default_windows
    found: list[Target] = []
    for table in tables:
        recognition = None
        declared = chosen.get(table.relation)
        covered = is_old_style_partition(table, catalog)
        if declared is not None or (with_defaults and table.relation not in excluded and not covered):
            recognition = recognise(table, catalog)
        kind = recognition.kind if recognition is not None else None
        entry: TablePolicy | None = declared
        if entry is None and kind is not None and table.relation not in excluded:
            entry = TablePolicy(
                table=TablePattern(str(table.relation), table.schema, table.name),
                keep=DEFAULT_WINDOWS[kind],
                data_class="personal",
            )
        if entry is None:
            continue
        choice = choose_time_column(
            table,
            catalog,
            declared=entry.time_column,
            basis=entry.basis,
            unit=entry.epoch,
            for_sessions=kind == SESSION,
        )
        if entry.keep is None:
            tolerance = Window()
        else:
            tolerance = (
                entry.tolerance or (policy.tolerance if policy is not None else None) or default_tolerance(entry.keep)
            )
        found.append(
            Target(
                table=table,
                kind=kind,
                recognised_by=recognition.why if recognition is not None else None,
                policy=entry,
                is_default=declared is None,
                tolerance=tolerance,
                choice=choice,
            )
        )
    return Targets(tuple(found), tuple(unresolved), frozenset(excluded))


def _add_tiers(chosen: dict[RelationName, TablePolicy], tables: tuple[Table, ...], catalog: Catalog) -> None:
    """Give every existing coarser copy the window that its source's entry declares for it."""
    declared = [(item, tier) for item in dict.fromkeys(chosen.values()) for tier in item.tiers]
    for item, tier in declared:
        table = next((t for t in tables if tier.table.matches(t.relation)), None)
        if table is not None:
            chosen.setdefault(table.relation, _tier_policy(item, tier, table, catalog))


def _tier_policy(item: TablePolicy, tier: Tier, table: Table, catalog: Catalog) -> TablePolicy:
    column = tier.time_column or ("bucket" if "bucket" in catalog.columns.get(table.relation, {}) else None)
    return TablePolicy(
        table=tier.table,
        keep=tier.keep,
        line=item.line,
        data_class=item.data_class,
        time_column=column,
        basis="event",
        timezone=item.timezone,
    )


def tier_target(source: Target, tier: Tier, table: Table, catalog: Catalog) -> Target:
    """Return a coarser copy as a table of its own, with the window the source's entry declares for it."""
    entry = _tier_policy(source.policy, tier, table, catalog)
    return Target(
        table=table,
        kind=None,
        recognised_by=None,
        policy=entry,
        is_default=False,
        tolerance=default_tolerance(tier.keep),
        choice=choose_time_column(table, catalog, declared=entry.time_column, basis=entry.basis),
    )


def _by_name(tables: tuple[Table, ...]) -> dict[str, list[Table]]:
    found: dict[str, list[Table]] = {}
    for table in tables:
        found.setdefault(table.name, []).append(table)
    return found


def _resolve(
    pattern: TablePattern, tables: tuple[Table, ...], by_name: dict[str, list[Table]]
) -> tuple[RelationName, ...]:
    if pattern.is_glob:
        return tuple(t.relation for t in tables if pattern.matches(t.relation))
    candidates = by_name.get(pattern.name) or by_name.get(pattern.name.lower(), [])
    names = [t.relation for t in candidates if pattern.matches(t.relation)]
    if pattern.schema is None and len(names) > 1:
        names = [n for n in names if n.schema == "public"] or names
    exact = [n for n in names if n.schema == pattern.schema]
    return tuple(exact or names)


def _why_missing(pattern: TablePattern, catalog: Catalog) -> str:
    if pattern.is_glob:
        return "no table fits the pattern"
    for relation, table in catalog.tables.items():
        if pattern.matches(relation):
            if table.is_partition:
                return f"it is a partition; name the partitioned table {table.parent} instead"
            if table.kind not in ("r", "p"):
                return "it is a view, a materialized view or a foreign table, which cannot have rows removed"
            return "it belongs to an extension or is temporary"
    similar = sorted(
        str(r)
        for r in catalog.tables
        if r.name.lower().rstrip("s") == pattern.name.lower().rstrip("s") and r.name != pattern.name
    )
    hint = f"; did you mean {similar[0]}?" if similar else ""
    return f"the database has no such table{hint}"


def snapshot_time(snapshot: Snapshot) -> datetime:
    """Return the moment the snapshot speaks of: "now" for every age."""
    return snapshot.server.collected_at
