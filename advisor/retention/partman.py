"""pg_partman's configuration of a table, from version 4 and 5 alike, and the traps in it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from advisor.errors import UsageError
from advisor.model.names import RelationName
from advisor.model.snapshot import Snapshot
from advisor.retention.policy import parse_table
from advisor.retention.probes import PARTMAN
from advisor.retention.windows import Window, parse_window


@dataclass(frozen=True, slots=True, kw_only=True)
class PartmanConfig:
    """One row of part_config, the columns both versions have."""

    schema: str  # of the extension
    parent: str  # as part_config writes it
    control: str | None
    interval: str | None
    retention: str | None
    keep_table: bool
    retention_schema: str | None
    premake: int | None
    automatic: bool
    epoch: str | None
    last_run: str | None = None  # of maintenance, from 5.1 on

    def window(self) -> Window | None:
        """Return the retention as a window, None when it is none (no unit, or a number of ids)."""
        return interval_window(self.retention)


def interval_window(text: str | None) -> Window | None:
    """Return a PostgreSQL interval text as a window: '90 days', '1 mon', '30 days 12:00:00'; None when it is none."""
    if text is None:
        return None
    clock = re.search(r"(\d+):(\d\d)(?::(\d\d))?\s*$", text)
    rest = text[: clock.start()] if clock is not None else text
    seconds = int(clock[1]) * 3600 + int(clock[2]) * 60 + int(clock[3] or 0) if clock is not None else 0
    try:
        base = parse_window(rest) if rest.strip() else Window()
    except UsageError:
        return None
    return base.plus(Window(seconds=seconds))


def partman_config(relation: RelationName, snapshot: Snapshot) -> PartmanConfig | None:
    """Return pg_partman's row for `relation`, or None."""
    for row in snapshot.facts.get(PARTMAN, ()):
        config = row.get("config")
        if isinstance(config, dict) and _names(str(config.get("parent_table", "")), relation):
            return _read(config, snapshot)
    return None


def _names(parent: str, relation: RelationName) -> bool:
    if parent == f"{relation.schema}.{relation.name}":
        return True
    pattern = parse_table(parent)
    return pattern is not None and (pattern.schema, pattern.name) == (relation.schema, relation.name)


def _read(config: dict[str, Any], snapshot: Snapshot) -> PartmanConfig:
    extension = next((e for e in snapshot.extensions if e.name == "pg_partman" and e.version is not None), None)
    return PartmanConfig(
        schema=(extension.schema if extension is not None else None) or "public",
        parent=str(config["parent_table"]),
        control=config.get("control"),
        interval=config.get("partition_interval"),
        retention=config.get("retention"),
        keep_table=bool(config.get("retention_keep_table", True)),
        retention_schema=config.get("retention_schema"),
        premake=config.get("premake"),
        automatic=config.get("automatic_maintenance", "on") == "on",
        epoch=config.get("epoch") if config.get("epoch") not in (None, "none") else None,
        last_run=config.get("maintenance_last_run"),
    )


def is_unitless(retention: str | None) -> bool:
    """Return whether a time retention lacks its unit: '90' is 90 seconds to PostgreSQL."""
    return retention is not None and re.fullmatch(r"\s*\d+\s*", retention) is not None
