"""How a table's partitions are named, so that new ones are named alike.

An application that makes its own partitions asks by name whether one is there. One of another name for the same range
makes its own attempt fail.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from advisor.model.lookup import Catalog
from advisor.model.names import RelationName
from advisor.retention.bounds import Leaf, Partitioning
from advisor.retention.fill import Literal, Trusted, fill
from advisor.retention.plans.plan import shorten

# strftime, to_char, the width in seconds that it tells apart; the finest first, as it holds the coarser ones.
_PATTERNS = (
    ("%Y%m%d%H%M", "YYYYMMDDHH24MI", 60),
    ("%Y%m%d_%H%M", "YYYYMMDD_HH24MI", 60),
    ("%Y_%m_%d_%H%M", "YYYY_MM_DD_HH24MI", 60),
    ("%Y_%m_%d_%H", "YYYY_MM_DD_HH24", 3600),
    ("%Y%m%d_%H", "YYYYMMDD_HH24", 3600),
    ("%Y%m%d%H", "YYYYMMDDHH24", 3600),
    ("%Y_%m_%d", "YYYY_MM_DD", 86400),
    ("%Y-%m-%d", "YYYY-MM-DD", 86400),
    ("%Y%m%d", "YYYYMMDD", 86400),
    ("%Gw%V", 'IYYY"w"IW', 7 * 86400),
    ("%G_w%V", 'IYYY"_w"IW', 7 * 86400),
    ("%Y_m%m", 'YYYY"_m"MM', 28 * 86400),
    ("%Ym%m", 'YYYY"m"MM', 28 * 86400),
    ("%Y_%m", "YYYY_MM", 28 * 86400),
    ("%Y-%m", "YYYY-MM", 28 * 86400),
    ("%Y%m", "YYYYMM", 28 * 86400),
    ("%Y", "YYYY", 365 * 86400),
)
_COMPARED = 4  # of the newest partitions


@dataclass(frozen=True, slots=True)
class Naming:
    """`before` + the lower bound by `pattern` (strftime; `to_char` says the same in SQL) + `after`, in `schema`."""

    schema: str
    before: str
    pattern: str
    to_char: str
    after: str

    def name(self, lower: datetime) -> RelationName:
        """Return the name of the partition that begins at `lower` (UTC)."""
        return RelationName(self.schema, self.before + lower.strftime(self.pattern) + self.after)


def naming_of(partitioning: Partitioning) -> Naming | None:
    """Return how the newest partitions are named by their lower bounds; None where no pattern known here fits."""
    newest = [leaf for leaf in partitioning.leaves if leaf.lower is not None and leaf.upper is not None][-_COMPARED:]
    if not newest:
        return None
    for pattern, to_char, width in _PATTERNS:
        found = {_split(leaf, pattern) for leaf in newest}
        split = found.pop()
        if found or split is None or width > _narrowest(newest):
            continue
        return Naming(newest[-1].table.schema, split[0], pattern, to_char, split[1])
    return None


def _split(leaf: Leaf, pattern: str) -> tuple[str, str] | None:
    if leaf.lower is None:
        return None
    before, found, after = leaf.table.name.rpartition(leaf.lower.strftime(pattern))
    return (before, after) if found else None


def _narrowest(leaves: list[Leaf]) -> float:
    return min((leaf.upper - leaf.lower).total_seconds() for leaf in leaves if leaf.lower and leaf.upper)


def free_like(naming: Naming | None, lower: datetime, catalog: Catalog) -> RelationName | None:
    """Return the name a new partition would have beside its neighbours; None where it is taken or none is known."""
    name = naming.name(lower) if naming is not None else None
    return None if name in catalog.tables else name


def name_sql(partitioning: Partitioning, variable: str, otherwise: str) -> str:
    """Return SQL for the quoted name of the partition that begins at a timestamptz variable, under TimeZone UTC.

    `otherwise`: to_char's pattern of the end of the name where the neighbours follow none, or have that one already.
    """
    root = partitioning.root.relation
    plain = fill(
        "format('%I.%I', {schema}, {short} || to_char({v}, {end}))",
        schema=Literal(root.schema), short=Literal(shorten(root.name, 45)), v=Trusted(variable), end=Literal(otherwise),
    )  # fmt: skip
    naming = naming_of(partitioning)
    if naming is None:
        return plain
    alike = fill(
        "format('%I.%I', {schema}, {before} || to_char({v}, {pattern}) || {after})",
        schema=Literal(naming.schema), before=Literal(naming.before), v=Trusted(variable),
        pattern=Literal(naming.to_char), after=Literal(naming.after),
    )  # fmt: skip
    return f"CASE WHEN to_regclass({alike}) IS NULL THEN {alike} ELSE {plain} END"
