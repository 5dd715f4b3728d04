"""The retention policy: what a person declares about each table, as plain data."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from advisor.model.names import RelationName, quote_ident
from advisor.retention.windows import Window

CLASSES = ("personal", "sensitive", "operational", "academic", "none")
BASES = ("event", "created", "updated", "expiry")
ENFORCEMENTS = ("delete_rows", "drop_partition", "app", "timescaledb", "none")
EPOCHS = ("s", "ms", "us", "ns")
EXCLUDE_REASONS = ("indefinite_retention", "needs_archival", "technical_complexity", "not_personal", "other")

_IDENTIFIER = re.compile(r'\s*(?:"((?:[^"]|"")+)"|([^".\s][^".]*?))\s*(\.|$)')


@dataclass(frozen=True, slots=True)
class TablePattern:
    """A table as the policy names it; either part may hold `*`. The schema is None when it was not given."""

    text: str
    schema: str | None
    name: str

    @property
    def is_glob(self) -> bool:
        return "*" in self.name or "*" in (self.schema or "")

    def matches(self, relation: RelationName) -> bool:
        """Return whether `relation` is meant; names without quotes match as PostgreSQL folds them, too."""
        return (self.schema is None or _fits(self.schema, relation.schema)) and _fits(self.name, relation.name)


def _fits(pattern: str, name: str) -> bool:
    if "*" in pattern:
        expression = "".join(".*" if char == "*" else re.escape(char) for char in pattern)
        return re.fullmatch(expression, name, re.DOTALL) is not None
    return name in (pattern, pattern.lower())


def parse_table(text: str) -> TablePattern | None:
    """Return the table named by 'public.sessions', 'sessions', '"App"."UserSession"', 'academic.*', or None.

    >>> parse_table('"App"."User.Session"').name
    'User.Session'
    """
    parts: list[str] = []
    position = 0
    while position < len(text):
        match = _IDENTIFIER.match(text, position)
        if match is None:
            return None
        parts.append(match[1].replace('""', '"') if match[1] is not None else match[2])
        position = match.end()
        if match[3] == "" and position < len(text):
            return None
    if text.rstrip().endswith(".") or len(parts) not in (1, 2):
        return None
    return TablePattern(text, parts[0] if len(parts) == 2 else None, parts[-1])


def written(relation: RelationName) -> str:
    """Return the relation as a policy file names it."""
    return f"{quote_ident(relation.schema)}.{quote_ident(relation.name)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """A coarser copy that must exist before the source's rows may go."""

    table: TablePattern
    bucket: Window
    keep: Window
    key: tuple[str, ...] = ()
    time_column: str | None = None
    min_group: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TablePolicy:
    """One declared window. `keep` None means permanent."""

    table: TablePattern
    keep: Window | None
    line: int | None = None
    data_class: str = "none"
    time_column: str | None = None
    basis: str | None = None  # None: by the column's name
    max_age: Window | None = None
    tolerance: Window | None = None
    enforcement: str | None = None
    epoch: str | None = None  # unit of a numeric time column
    timezone: str = "UTC"  # of a timestamp without time zone
    keep_where: str | None = None  # rows that stay longer
    keep_where_max: Window | None = None
    interval: Window | None = None  # partition interval
    premake: int = 4
    tiers: tuple[Tier, ...] = ()
    archive_to: str | None = None
    archive_after: Window | None = None
    forbid_delete: bool = False
    paused_until: date | None = None
    pause_reason: str | None = None
    legal_basis: str | None = None
    max_size: int | None = None  # bytes, of the table with its indexes


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion:
    """A table that is deliberately without a window."""

    table: TablePattern
    reason: str
    line: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A whole policy file."""

    tables: tuple[TablePolicy, ...] = ()
    exclude: tuple[Exclusion, ...] = ()
    tolerance: Window | None = None  # None: a tenth of the window, at most 7 days
    undeclared_tables: str = "warn"  # warn, ignore
    default_windows: bool = True  # judge geolocation, session and notification tables that it does not name
    source: str = "the policy"
