"""What can be subtracted, what happened in between, and what indexes were used through it all."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from advisor.history.model import IndexUse
from advisor.history.take import definition_of
from advisor.history.windows import continuity, used_indexes, with_index_use
from advisor.index_search.drops import advise_drops, statistics_window
from advisor.model.activity import StatementsView
from advisor.model.history import IndexWatch
from advisor.model.lookup import Catalog
from advisor.model.replica import IndexUse as StandbyUse
from advisor.model.replica import Replica
from advisor.model.snapshot import Snapshot
from tests.unit.history.build import STARTED, day, index, reading, statement


def test_two_nights_of_one_server() -> None:
    link = continuity(reading(0), reading(1))
    assert link.same_server and link.statements and link.relations
    assert link.events == () and link.notes == ()


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        ({}, {"version_num": 170001, "version": "17.1"}, "PostgreSQL 16 became 17"),
        ({}, {"system_identifier": "9"}, "Another cluster"),
        ({}, {"started_at": STARTED - timedelta(days=4)}, "Another server of the same cluster"),
        ({"in_recovery": True}, {"started_at": STARTED - timedelta(days=4)}, "failover"),
        ({"in_recovery": True}, {"started_at": day(0.5)}, "failover"),
        ({"timeline": 1}, {"timeline": 2}, "timeline 1 became 2"),
        # It was started between the two looks: its counters may be higher than the old primary's.
        ({"timeline": 1}, {"timeline": 2, "started_at": day(0.5)}, "timeline 1 became 2"),
    ],
)
def test_counters_of_another_instance(before: dict[str, object], now: dict[str, object], said: str) -> None:
    link = continuity(reading(0, **before), reading(1, **now))
    assert not (link.same_server or link.statements or link.relations)
    assert len(link.events) == 1 and said in link.events[0]


def test_a_restart_keeps_the_counters() -> None:
    link = continuity(reading(0), reading(1, started_at=day(0.5), version_num=160005, version="16.5 (Debian)"))
    assert link.statements and link.relations
    assert link.events == (
        "The server was restarted at 2026-01-05 14:00 UTC.",
        "PostgreSQL was updated from 16.4 to 16.5.",
    )


def test_a_promotion_is_said() -> None:
    assert "promoted" in continuity(reading(0, in_recovery=True), reading(1)).events[0]


def test_resets_by_time_and_by_counters() -> None:
    told = continuity(reading(0), reading(1, statements_view=StatementsView(status="ok", stats_reset=day(0.5))))
    assert told.same_server and not told.statements and "was reset at" in told.events[0]
    silent = continuity(reading(3), reading(4, statements=(statement(calls=7),)))
    assert not silent.statements and "lost its counters" in silent.events[0]
    relations = continuity(reading(0), reading(1, counters={"stats_reset": day(0.2)}))
    assert relations.statements and not relations.relations and "statistics were reset" in relations.events[0]
    crash = continuity(reading(5), reading(6, counters={"xact_commit": 3}))
    assert not crash.relations and "began anew" in crash.events[0]


def test_evictions_and_other_query_ids_are_notes_and_no_news() -> None:
    view = StatementsView(status="ok", stats_reset=STARTED, dealloc=12)
    moved = (statement(calls=300, queryid=5), statement("select 1", calls=400))
    before = (statement(calls=300, queryid=4), statement("select 1", calls=300))
    link = continuity(reading(0, statements=before), reading(1, statements_view=view, statements=moved))
    assert link.events == () and link.evicted and link.statements
    assert "made room 12 times" in link.notes[0] and "1 statement has another query id" in link.notes[1]


def test_a_yearly_use_outlives_resets() -> None:
    """An index is used in one night of a year; its counters are reset; it is not unused."""
    first = reading(0, indexes=(index(scans=0),))
    uses = used_indexes((), None, first, False)
    assert uses[0].observed_since == STARTED and uses[0].last_used is None
    night = reading(1, indexes=(index(scans=9),))
    uses = used_indexes(uses, first, night, True)
    assert uses[0].last_used == day(1)
    reset = reading(300, indexes=(index(scans=0),), counters={"stats_reset": day(299)})
    uses = used_indexes(uses, night, reset, False)
    assert uses[0].holes == 1 and uses[0].last_used == day(1)
    assert with_index_use(reset, uses).indexes[0].idx_scan == 1
    # After more than a year without use it is what it seems.
    late = reading(500, indexes=(index(scans=0),), counters={"stats_reset": day(299)})
    assert with_index_use(late, used_indexes(uses, reset, late, True)).indexes[0].idx_scan == 0


def test_a_use_on_a_standby_counts() -> None:
    def with_standby(number: int, scans: int) -> Snapshot:
        use = StandbyUse(schema="public", name="orders_note", idx_scan=scans, idx_tup_read=0, idx_tup_fetch=0)
        return reading(number, replicas=(Replica(name="standby", status="ok", indexes=(use,), uses_known=True),))

    first, second = with_standby(0, 5), with_standby(1, 6)
    uses = used_indexes((), None, reading(-1), False)
    uses = used_indexes(uses, reading(-1), first, True)
    assert uses[0].last_used == day(0)
    assert used_indexes(uses, first, with_standby(1, 5), True)[0].last_used == day(0)
    assert used_indexes(uses, first, second, True)[0].last_used == day(1)


def test_no_use_in_two_months_of_history_with_a_reset_yesterday() -> None:
    first = reading(0, indexes=(index(scans=0),))
    uses = used_indexes((), None, first, False)
    now = reading(60, indexes=(index(scans=0),), counters={"stats_reset": day(59)})
    known = with_index_use(now, used_indexes(uses, first, now, False))
    assert statistics_window(now) == timedelta(days=1), "the counters alone say nothing yet"
    assert statistics_window(known) == timedelta(days=90), "history has watched since the counters' first reset"
    assert known.indexes[0].idx_scan == 0
    assert known.index_watches == (IndexWatch(index="public.orders_note", since=STARTED, holes=1),)
    (drop,) = advise_drops(known, Catalog(known), None, None)
    assert drop.reason == (
        "no scan since 2025-12-06, 90 days of history with 1 reset of the counters in between, yet every write"
        " maintains it"
    )
    assert drop.unused_since == STARTED and drop.confidence == "high"


def test_each_index_is_unused_since_its_own_time() -> None:
    old = IndexUse(
        index="public.orders_note", definition=definition_of(index()), first_seen=day(-500),
        observed_since=day(-500), last_used=day(-450), holes=2,
    )  # fmt: skip
    young = replace(
        old, index="public.orders_x", definition=definition_of(index("orders_x", ("x",))), holes=0,
        first_seen=day(-10), observed_since=day(-10), last_used=None,
    )  # fmt: skip
    now = with_index_use(reading(0, indexes=(index(scans=0), index("orders_x", ("x",)))), (old, young))
    found = {drop.index.name: drop for drop in advise_drops(now, Catalog(now), None, None)}
    assert "no scan since 2024-10-12, in 500 days of history with 2 resets" in found["orders_note"].reason
    assert found["orders_note"].unused_since == day(-450)
    assert "10 days of history" in found["orders_x"].reason
    assert (found["orders_note"].confidence, found["orders_x"].confidence) == ("high", "medium")
    long_ago = reading(0, counters={"stats_reset": day(-400)}).database_counters
    standby = Replica(name="s", status="read", uses_known=True, counters=long_ago)
    (drop, _) = advise_drops(replace(now, replicas=(standby,)), Catalog(now), None, None)
    assert ", on the primary and 1 standby, yet" in drop.reason


def test_a_new_index_is_not_unused_yet() -> None:
    first = reading(0, indexes=(index(scans=0),))
    uses = used_indexes((), None, first, False)
    built = reading(40, indexes=(index(scans=0), index("fresh", ("status",))))
    known = with_index_use(built, used_indexes(uses, first, built, True))
    assert [i.idx_scan for i in known.indexes] == [0, None]
    # Another definition under the old name is another index.
    other = replace(index(columns=("placed",)), idx_scan=0)
    again = reading(41, indexes=(other,))
    assert with_index_use(again, used_indexes(uses, built, again, True)).indexes[0].idx_scan is None
