"""Reads the planner's statistics: columns, index expressions, extended statistics."""

from __future__ import annotations

from advisor.collect.reader import Reader
from advisor.model.statistics import ColumnStatistics, ExtendedStatistics

_COSTS = "index proposals without knowledge of the values; the planner twin answers with defaults"


def collect_statistics(reader: Reader) -> tuple[tuple[ColumnStatistics, ...], tuple[ExtendedStatistics, ...]]:
    """Return column statistics and extended statistics that the role may see.

    A superuser reads pg_statistic itself, which has range statistics on every major and rows that row
    security hides; everybody else reads pg_stats.
    """
    columns: tuple[ColumnStatistics, ...] = ()
    if _may_read_pg_statistic(reader):
        columns = reader.rows("column_statistics_superuser", ColumnStatistics, what="column statistics", costs=_COSTS)
    if not columns:
        columns = reader.rows(
            "column_statistics",
            ColumnStatistics,
            what="column statistics",
            fix="GRANT pg_read_all_data TO this role (14 on), or SELECT on the tables",
            costs=_COSTS,
        )
    extended = reader.rows(
        "extended_statistics",
        ExtendedStatistics,
        what="extended statistics",
        costs="estimates over several columns",
    )
    return columns, extended


def _may_read_pg_statistic(reader: Reader) -> bool:
    found = reader.dicts(
        "select pg_catalog.has_table_privilege('pg_catalog.pg_statistic', 'select') as allowed",
        name="pg_statistic_privilege",
        what="the right to read pg_statistic",
    )
    return bool(found and found[0]["allowed"])
