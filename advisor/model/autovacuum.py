"""When autovacuum and autoanalyze are due on a table: settings, the table's own options, PostgreSQL 18's cap."""

from __future__ import annotations

from dataclasses import dataclass

from advisor.model.catalog import Table
from advisor.model.snapshot import Snapshot

_FALSE = frozenset({"off", "false", "no", "0", "f", "n", "of", "fal", "fals"})


def setting_number(snapshot: Snapshot, name: str) -> float | None:
    """Return a numeric setting in its own unit (pg_settings.unit), or None where it does not exist or was not read."""
    setting = snapshot.setting(name)
    if setting is None or setting.setting is None:
        return None
    try:
        return float(setting.setting)
    except ValueError:
        return None


def setting_is_off(snapshot: Snapshot, name: str) -> bool:
    """Return whether the boolean setting is known to be off."""
    setting = snapshot.setting(name)
    return setting is not None and setting.setting == "off"


def option(table: Table, name: str) -> str | None:
    """Return the table's storage option `name` as written, or None."""
    for item in table.reloptions:
        key, _, value = item.partition("=")
        if key == name:
            return value
    return None


def autovacuum_disabled(table: Table) -> bool:
    """Return whether the table's own options switch autovacuum off."""
    return (option(table, "autovacuum_enabled") or "on").lower() in _FALSE


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """Rows after which autovacuum comes to one table; None: never because of this."""

    dead_rows: float
    inserted_rows: float | None
    changed_rows: float  # analyze


def thresholds(snapshot: Snapshot, table: Table, rows: float) -> Thresholds:
    """Return the effective thresholds of a table with `rows` live rows.

    The formula is the documentation's: base + factor x rows; from PostgreSQL 18 on autovacuum_vacuum_max_threshold
    caps the first (-1: no cap).
    """

    def value(name: str, fallback: float) -> float:
        own = option(table, name)
        if own is not None:
            try:
                return float(own)
            except ValueError:
                pass  # an unreadable option counts as not set
        found = setting_number(snapshot, name)
        return fallback if found is None else found

    dead = value("autovacuum_vacuum_threshold", 50) + value("autovacuum_vacuum_scale_factor", 0.2) * rows
    cap = value("autovacuum_vacuum_max_threshold", 100_000_000 if snapshot.server.major >= 18 else -1)
    if cap >= 0:
        dead = min(dead, cap)
    insert_base = value("autovacuum_vacuum_insert_threshold", 1000)
    inserted = insert_base + value("autovacuum_vacuum_insert_scale_factor", 0.2) * rows
    changed = value("autovacuum_analyze_threshold", 50) + value("autovacuum_analyze_scale_factor", 0.1) * rows
    return Thresholds(dead_rows=dead, inserted_rows=None if insert_base < 0 else inserted, changed_rows=changed)
