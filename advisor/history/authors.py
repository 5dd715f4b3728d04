"""Who changed a setting, and when, as far as a server tells: by its counters of utility statements. Pure.

The catalog keeps neither. pg_stat_statements counts ALTER SYSTEM, ALTER ROLE and ALTER DATABASE with their role, where
track_utility is on and they were run in this database; the server knows when it has read its files last.
"""

from __future__ import annotations

import re
from dataclasses import replace

from advisor.model.activity import StatementCounters
from advisor.model.history import SettingChange
from advisor.model.snapshot import Snapshot

_NAME = r"\"?{name}\"?(?![\w.])"
_ALTER = (
    r"^\s*alter\s+(?:system|(?:role|user|database)\s+(?:all|\"[^\"]+\"|[\w$]+)(?:\s+in\s+database\s+\S+)?)"
    r"\s+(?:set|reset)\s+"
)


def with_authors(changes: tuple[SettingChange, ...], before: Snapshot, now: Snapshot) -> tuple[SettingChange, ...]:
    """Return the changes with the role that made each and the time, where either is known.

    `now` is the whole reading: what is kept of a statement has no text where it has a quoted constant.
    """
    counted = {(row.queryid, row.role, row.toplevel): row.calls for row in before.statements}
    run = [
        row for row in now.statements if row.query and row.calls > counted.get((row.queryid, row.role, row.toplevel), 0)
    ]
    return tuple(_told(change, run, before, now) for change in changes)


def _told(change: SettingChange, run: list[StatementCounters], before: Snapshot, now: Snapshot) -> SettingChange:
    asked = re.compile(_ALTER + _NAME.format(name=re.escape(change.name)), re.IGNORECASE)
    begin = before.server.collected_at
    made = [row for row in run if asked.match(row.query or "") and (row.stats_since is None or _fresh(row, before))]
    roles = sorted({row.role for row in made if row.role})
    times = [row.stats_since for row in made if row.stats_since is not None and row.stats_since > begin]
    when = f"between {begin:%Y-%m-%d %H:%M} and {now.server.collected_at:%Y-%m-%d %H:%M} UTC"
    loaded = now.server.config_loaded_at
    if len(made) == 1 and made[0].calls == 1 and times:
        when = f"at {times[0]:%Y-%m-%d %H:%M} UTC"
    elif not change.pending_restart and loaded is not None and loaded > begin:
        when = f"in effect since the reload of {loaded:%Y-%m-%d %H:%M} UTC at the latest"
    return replace(change, by=tuple(roles), when=when)


def _fresh(row: StatementCounters, before: Snapshot) -> bool:
    """Whether the entry is new, or was counted at the run before and has more calls now."""
    known = any(
        (old.queryid, old.role, old.toplevel) == (row.queryid, row.role, row.toplevel) for old in before.statements
    )
    return known or (row.stats_since is not None and row.stats_since > before.server.collected_at)
