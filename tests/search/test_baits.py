"""Indexes that the planner takes to its disadvantage: what they hide is found; they are kept from whom they mislead."""

from __future__ import annotations

from tests.search.fake import FakePlanner, columns, snapshot, statistics, table
from tests.search.test_search import TABLES, advise, bodies


def test_an_index_that_misleads_others_is_made_partial() -> None:
    """By its order the planner walks through all topics for those of a tag, until it cannot."""
    shot = snapshot(
        [table("topics", rows=1_000_000, pages=20_000)],
        columns("topics", id="int8", tag="int8", written="timestamptz", visible="bool"),
        [],
        [
            statistics("topics", "tag", 400),
            statistics("topics", "written", -1.0),
            statistics("topics", "visible", 2, most_common_vals="{t,f}", most_common_freqs=(0.98, 0.02)),
        ],
    )

    def costs(key: str, on: frozenset[str]) -> tuple[float, set[str]]:
        if key == "front":
            found = sorted(name for name in on if name.startswith("topics (written)"))
            return (10.0, set(found[:1])) if found else (1000.0, set())
        if "topics (written)" in on:
            return 1500.0, {"topics (written)"}
        return (50.0, {"topics (tag)"}) if "topics (tag)" in on else (1000.0, set())

    advice = advise(
        shot,
        FakePlanner(costs),
        ("front", "select id from topics where visible order by written desc limit 30", 100),
        ("tagged", "select id from topics where tag = $1 order by written desc limit 30", 30),
    )
    assert bodies(advice) == {"public.topics (written) WHERE visible", "public.topics (tag)"}
    assert any("keeps nearly all rows (98%)" in proposal.reason for proposal in advice.create)


def test_an_index_behind_another_that_misleads_is_found() -> None:
    """For some values the planner takes the wrong one: together they gain nothing, alone one of them does."""

    def costs(key: str, on: frozenset[str]) -> tuple[float, set[str]]:
        good, bad = "a (x)" in on, "a (y)" in on
        if good and bad:
            return 1002.0, {"a (x)", "a (y)"}
        return (10.0, {"a (x)"}) if good else (2000.0, {"a (y)"}) if bad else (1000.0, set())

    query = "select * from a where x = $1 order by y limit 20"
    assert bodies(advise(TABLES, FakePlanner(costs), ("latest", query, 100))) == {"public.a (x)"}
