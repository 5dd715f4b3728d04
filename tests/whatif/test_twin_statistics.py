"""Statistics arrive in the twin as production has them: every kind, every type, without an OID on the way."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from advisor.cluster import Cluster, start_cluster
from advisor.model.snapshot import Snapshot
from advisor.whatif import WhatIf
from advisor.whatif.twin.extended import McvType, UnsupportedType, dependencies_bytes, mcv_bytes, ndistinct_bytes
from advisor.whatif.twin.live import LiveFacts
from advisor.whatif.twin.pages import GinCounters, btree_height, btree_patch, gin_patch
from advisor.whatif.twin.statistics import in_code_point_order
from tests.conftest import binaries_for
from tests.whatif.conftest import take_snapshot, twin_of

PER_COLUMN = """
select array[s.starelid::regclass::text, s.stainherit::text], stanullfrac, stawidth, stadistinct,
  stakind1, stakind2, stakind3, stakind4, stakind5,
  staop1::regoperator::text, staop2::regoperator::text, staop3::regoperator::text, staop4::regoperator::text,
  staop5::regoperator::text, stacoll1::regcollation::text, stacoll2::regcollation::text, stacoll3::regcollation::text,
  stacoll4::regcollation::text, stacoll5::regcollation::text,
  stanumbers1::text, stanumbers2::text, stanumbers3::text, stanumbers4::text, stanumbers5::text,
  stavalues1::text, stavalues2::text, stavalues3::text, stavalues4::text, stavalues5::text,
  a.attname
from pg_statistic s join pg_class c on c.oid = s.starelid
  join pg_attribute a on a.attrelid = c.oid and a.attnum = s.staattnum
where s.starelid >= 16384 and c.relnamespace::regnamespace::text not like 'pg_toast%'
"""


def statistics_of(connection: psycopg.Connection[Any]) -> dict[tuple[str, str, bool], dict[int, tuple[Any, ...]]]:
    """Return {(relation, attribute, inherited): {kind: (operator, collation, numbers, values)}} scalars as kind 0."""
    connection.execute(
        "set search_path = ''; set timezone = 'UTC'; set extra_float_digits = 1; set datestyle = 'ISO, YMD'"
    )
    found: dict[tuple[str, str, bool], dict[int, tuple[Any, ...]]] = {}
    rows = connection.execute(PER_COLUMN).fetchall()
    for row in rows:
        slots = {kind: (row[9 + n], row[14 + n], row[19 + n], row[24 + n]) for n, kind in enumerate(row[4:9]) if kind}
        found[row[0][0], row[29], row[0][1] == "true"] = {0: row[1:4], **slots}
    return found


@pytest.mark.server
@pytest.mark.parametrize("major", [13, 15, 18])
def test_pg_statistic_is_the_same(major: int, seeded: Callable[[int], str], use_major: Callable[[int], None]) -> None:
    """All types and slot kinds of the seeded database: operators, collations, numbers and values are equal."""
    use_major(major)
    dsn = seeded(major)
    with twin_of(take_snapshot(dsn)) as engine, psycopg.connect(dsn) as real, psycopg.connect(twin_dsn(engine)) as ours:
        expected, got = statistics_of(real), statistics_of(ours)
    assert {kind for slots in expected.values() for kind in slots} >= {0, 1, 2, 3, 4, 5, 6, 7}
    different = [key for key, slots in expected.items() if got.get(key) != slots]
    assert different == []


def twin_dsn(engine: WhatIf) -> str:
    info = engine.session.connection.info  # type: ignore[attr-defined]
    return f"host={info.host} port={info.port} user=postgres dbname={info.dbname}"


@pytest.mark.server
@pytest.mark.parametrize("major", [13, 15, 18])
def test_extended_statistics_are_byte_for_byte_the_same(
    major: int, seeded: Callable[[int], str], use_major: Callable[[int], None]
) -> None:
    """Where no column was dropped before and no enum label has an OID of its own; elsewhere list by list."""
    use_major(major)
    dsn = seeded(major)
    query = (
        "select e.stxname, stxdndistinct::bytea, stxddependencies::bytea, stxdmcv::bytea from pg_statistic_ext_data d"
        " join pg_statistic_ext e on e.oid = d.stxoid order by 1"
    )
    with twin_of(take_snapshot(dsn)) as engine:
        assert not [line for line in engine.degraded if "statistics" in line]
        with psycopg.connect(dsn) as real, psycopg.connect(twin_dsn(engine)) as ours:
            expected, got = real.execute(query).fetchall(), ours.execute(query).fetchall()
            items = "select m.values, m.nulls, m.frequency, m.base_frequency from pg_statistic_ext_data d"
            items += " join pg_statistic_ext e on e.oid = d.stxoid, pg_mcv_list_items(d.stxdmcv) m"
            items += " where e.stxname = 'customers_dep' order by m.index"
            assert real.execute(items).fetchall() == ours.execute(items).fetchall()
    assert [row[0] for row in got] == ["customers_dep", "customers_level", "items_qty", "orders_all"]
    # Degrees of dependencies are shown with six digits; the rest has all bytes.
    assert got[3][:2] == expected[3][:2]
    assert got[2] == expected[2] and got[2][3] is not None


@pytest.mark.server
def test_pg_stats_alone_serves_too(seeded: Callable[[int], str], use_major: Callable[[int], None]) -> None:
    """A role that is no superuser reads pg_stats: on 15 everything but range statistics is there."""
    use_major(15)
    dsn = seeded(15)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("create role reader login in role pg_monitor bypassrls")
        connection.execute('grant usage on schema shop, "Odd ""Schema""" to reader')
        connection.execute('grant select on all tables in schema shop, "Odd ""Schema""", public to reader')
    plain = dsn.replace("user=postgres", "user=reader")
    all_rows, seen = take_snapshot(dsn), take_snapshot(plain)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("drop owned by reader")
        connection.execute("drop role reader")
    # What an expression index knows is shown to its owner only.
    indexes = {index.relation for index in all_rows.indexes}
    assert len(seen.statistics) == sum(row.relation not in indexes for row in all_rows.statistics)
    assert all(row.range_bounds_histogram is None for row in seen.statistics)
    with twin_of(seen) as engine, psycopg.connect(dsn) as real, psycopg.connect(twin_dsn(engine)) as ours:
        expected, got = statistics_of(real), statistics_of(ours)
    for key, slots in expected.items():
        if key[0] not in {str(row.relation) for row in seen.statistics}:
            continue
        without_ranges = {kind: slot for kind, slot in slots.items() if kind not in (6, 7)}
        assert got[key] == without_ranges, key


@pytest.mark.server
def test_refused_values_cost_only_their_column(seeded: Callable[[int], str], use_major: Callable[[int], None]) -> None:
    """Values the twin cannot read (here: an unknown enum label) are named; the column keeps its scalars."""
    use_major(15)
    snapshot = take_snapshot(seeded(15))

    def spoiled(snapshot: Snapshot) -> Snapshot:
        rows = tuple(
            replace(r, most_common_vals='{"no such label"}', most_common_freqs=(0.5,))
            if r.column == "st" and r.relation.name == "orders"
            else r
            for r in snapshot.statistics
        )
        return replace(snapshot, statistics=rows)

    with twin_of(spoiled(snapshot)) as engine:
        assert len(engine.degraded) == 1 and "orders.st" in engine.degraded[0]
        with psycopg.connect(twin_dsn(engine)) as ours:
            found = statistics_of(ours)
    assert set(found["shop.orders", "st", False]) == {0, 3}
    assert 1 in found["shop.customers", "st", False]


def test_bounds_are_sorted_for_a_stand_in_collation(seeded: Callable[[int], str]) -> None:
    row = next(r for r in take_snapshot(seeded(15)).statistics if r.column == "country")
    changed = in_code_point_order(replace(row, histogram_bounds="{b,A,é,a}"))
    assert changed.histogram_bounds == '{"A","a","b","é"}'


def test_end_points_replace_the_outer_bounds(seeded: Callable[[int], str]) -> None:
    row = next(r for r in take_snapshot(seeded(15)).statistics if r.relation.name == "orders" and r.column == "placed")
    row = replace(row, histogram_bounds="{5,6,7}")
    facts = LiveFacts(end_points={(row.relation, "placed"): ("1", "9")})
    assert facts.with_end_points(row).histogram_bounds == '{"1","6","9"}'
    assert facts.with_end_points(replace(row, inherited=True)).histogram_bounds == "{5,6,7}"


def test_ndistinct_and_dependencies_follow_renumbered_columns() -> None:
    numbers = {1: 1, 4: 3}
    data = ndistinct_bytes('{"1, 4": 33}', numbers)
    assert struct.unpack("<IIIdihh", data[:12] + data[12:]) == (0xA352BFA4, 1, 1, 33.0, 2, 1, 3)
    data = dependencies_bytes('{"1 => 4": 0.25}', numbers)
    assert struct.unpack("<IIIdhhh", data) == (0xB4549A2C, 1, 1, 0.25, 2, 1, 3)


def test_a_type_without_a_known_form_is_refused() -> None:
    numeric = McvType(1700, "numeric", -1, False, lambda _: b"")
    with pytest.raises(UnsupportedType):
        mcv_bytes([("1",)], [0.5], [0.5], [numeric])


@pytest.mark.parametrize(
    ("pages", "separator", "built", "grown"),
    [
        (1, 16, 0, 0),
        (2, 16, 0, 0),
        (3, 16, 1, 1),
        (276, 16, 1, 1),
        (330, 16, 2, 1),
        (2745, 16, 2, 2),
        (250_000, 16, 3, 3),
    ],
)
def test_heights_by_size(pages: int, separator: float, built: int, grown: int) -> None:
    assert btree_height(pages, separator) == built
    assert btree_height(pages, separator, grown=True) == grown


@pytest.mark.server
@pytest.mark.parametrize("major", [15, 18])
def test_patched_pages_are_what_pageinspect_reads(major: int) -> None:
    """An empty tree of height 3 is planned over, probed and range-scanned without an error."""
    binaries = binaries_for(major)
    assert binaries is not None
    options = ("--no-data-checksums",) if major >= 18 else ()
    with start_cluster(binaries, {"fsync": "off"}, options) as cluster:
        patch_and_read(cluster)


def patch_and_read(cluster: Cluster) -> None:
    dsn = cluster.dsn()
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("create extension pageinspect; create table t (a int, b int[]); create index t_a on t (a)")
        connection.execute("create index t_b on t using gin (b)")
        connection.execute("reindex table t; checkpoint")
        rows = connection.execute(
            "select pg_relation_filepath(i::regclass) from unnest(array['t_a', 't_b']) i"
        ).fetchall()
        counters = GinCounters(pending_pages=1, total_pages=50, entry_pages=20, data_pages=29, entries=777)
        connection.execute("checkpoint")
    cluster.stop()
    for path, offset, data in [*btree_patch(rows[0][0], 3), *gin_patch(rows[1][0], counters)]:
        with (cluster.data_directory / path).open("r+b") as file:
            file.seek(offset)
            file.write(data)
    cluster.start()
    with psycopg.connect(dsn, autocommit=True) as connection:
        assert connection.execute("select level, fastlevel, root from bt_metap('t_a')").fetchone() == (3, 3, 4)
        assert connection.execute(
            "select n_pending_pages, n_total_pages, n_entry_pages, n_data_pages, n_entries"
            " from gin_metapage_info(get_raw_page('t_b', 0))"
        ).fetchone() == (1, 50, 20, 29, 777)
        connection.execute("set enable_seqscan = off")
        assert connection.execute("select * from t where a = 5").fetchall() == []
        assert connection.execute("select max(a), min(a) from t").fetchone() == (None, None)
        connection.execute("explain select * from t where a > 100000")
