"""New partitions are named as their neighbours are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from advisor.model.lookup import Catalog
from advisor.retention.bounds import Leaf, Partitioning
from advisor.retention.naming import free_like, name_sql, naming_of
from tests.unit.retention.build import columns_of, snapshot, table

START = datetime(2026, 11, 1, tzinfo=UTC)


def partitioned(*names: str, days: float) -> Partitioning:
    step = timedelta(days=days)
    leaves = tuple(
        Leaf(table(name), START + place * step, START + (place + 1) * step) for place, name in enumerate(names)
    )
    return Partitioning(table("logs", kind="p"), columns_of("logs", "at timestamptz")[0], None, leaves, None)


@pytest.mark.parametrize(
    ("names", "days", "next_name"),
    [
        (("logs_20261101", "logs_20261102"), 1, "logs_20261103"),
        (("logs_2026_11_01", "logs_2026_11_08"), 7, "logs_2026_11_15"),
        (("y2026m11_logs", "y2026m12_logs"), 30, "y2026m12_logs"),
        (("logs_p2026_11",), 30, "logs_p2026_12"),
        (("logs_2026-11-01_data", "logs_2026-11-02_data"), 1, "logs_2026-11-03_data"),
        (("logs_2026110100", "logs_2026110101"), 1 / 24, "logs_2026110102"),
    ],
)
def test_the_pattern_of_the_neighbours_is_kept(names: tuple[str, ...], days: float, next_name: str) -> None:
    naming = naming_of(partitioned(*names, days=days))
    assert naming is not None
    assert naming.name(START + len(names) * timedelta(days=days)).name == next_name


@pytest.mark.parametrize(
    ("names", "days"),
    [
        (("logs_a", "logs_b"), 1),
        (("logs_1", "logs_2"), 1),
        (("logs_2026_11", "logs_other"), 30),
        (("logs_2026_11",), 1),  # one day's partition named by its month: the next would have the same name
        ((), 1),
    ],
)
def test_names_that_follow_no_pattern_are_left_alone(names: tuple[str, ...], days: float) -> None:
    found = partitioned(*names, days=days)
    assert naming_of(found) is None
    assert name_sql(found, "low", "_YYYY").startswith("format('%I.%I', 'public', 'logs' ||")


def test_a_name_that_is_taken_is_not_used_again() -> None:
    naming = naming_of(partitioned("logs_20261101", "logs_20261102", days=1))
    assert naming is not None
    catalog = Catalog(snapshot({"logs_20261103": "at timestamptz"}))
    assert free_like(naming, START + timedelta(days=2), catalog) is None
    assert str(free_like(naming, START + timedelta(days=3), catalog)) == "public.logs_20261104"
    assert free_like(None, START, catalog) is None
