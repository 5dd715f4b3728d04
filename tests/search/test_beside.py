"""What an index does beside others: BRIN for what a B-tree does, one for two, a new one for an existing one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from advisor.index_search.planner import Candidate, PreparedCandidate
from tests.search.fake import FakePlanner, columns, index, snapshot, statistics, table
from tests.search.test_search import advise, bodies

EVENTS = snapshot(
    [table("events", rows=1_000_000, pages=20_000)],
    columns("events", id="int8", run="int8", at="timestamptz", state="text"),
    [index("events_state", "events", "state")],
    [
        statistics("events", "id", -1.0, correlation=1.0),
        statistics("events", "run", 500, correlation=1.0),
        statistics("events", "at", -1.0, correlation=1.0),
        statistics("events", "state", 3, most_common_vals="{done,new,held}", most_common_freqs=(0.98, 0.01, 0.01)),
    ],
)
BRIN = "events USING brin (at) WITH (pages_per_range=32)"


class Sized(FakePlanner):
    """BRIN indexes are small."""

    def prepare(self, candidates: Sequence[Candidate]) -> tuple[PreparedCandidate, ...]:
        return tuple(
            replace(one, size_bytes=24_576 if one.candidate.access_method == "brin" else 20 << 20)
            for one in super().prepare(candidates)
        )


@pytest.mark.parametrize(
    ("query", "proposed"),
    [
        ("select state, count(*) from events where at > $1 group by state order by 2 desc limit 20", f"public.{BRIN}"),
        ("select * from events where at > $1 order by at limit 20", "public.events (at)"),
    ],
)
def test_a_limit_on_sums_keeps_brin(query: str, proposed: str) -> None:
    """What sums up a range reads all of it; only a LIMIT in the column's order stops early."""

    def costs(key: str, on: frozenset[str]) -> tuple[float, set[str]]:
        tree, brin = "events (at)" in on, BRIN in on
        return (20.0, {"events (at)"}) if tree else (6000.0, {BRIN}) if brin else (19_000.0, set())

    assert bodies(advise(EVENTS, Sized(costs), ("recent", query, 20))) == {proposed}


@pytest.mark.parametrize(("correlation", "both"), [(1.0, False), (0.1, True)])
def test_a_longer_key_does_for_rows_that_lie_together(correlation: float, both: bool) -> None:
    """Of a key of several columns the planner believes the order of the table only in part."""
    shot = replace(
        EVENTS,
        statistics=tuple(
            replace(one, correlation=correlation) if one.column == "run" else one for one in EVENTS.statistics
        ),
    )

    def costs(key: str, on: frozenset[str]) -> tuple[float, set[str]]:
        short, long = "events (run)" in on, "events (run, id)" in on
        if key == "page":
            return (300.0, {"events (run, id)"}) if long else (20_000.0, set())
        return (40.0, {"events (run)"}) if short else (1300.0, {"events (run, id)"}) if long else (20_000.0, set())

    advice = advise(
        shot,
        FakePlanner(costs),
        ("page", "select * from events where run = $1 order by id limit 50", 1000),
        ("states", "select state, count(*) from events where run = $1 group by state", 1000),
    )
    assert bodies(advice) == {"public.events (run, id)", *(["public.events (run)"] if both else [])}


@pytest.mark.parametrize("also", [False, True])
def test_an_index_that_new_ones_replace_is_dropped(also: bool) -> None:
    """Not while another statement of the workload still uses it."""

    def costs(key: str, on: frozenset[str]) -> tuple[float, set[str]]:
        old = "-public.events_state" not in on
        if key == "waiting" and "events (at) WHERE state = 'new'" in on:
            return 5.0, {"events (at) WHERE state = 'new'"}
        return (900.0, {"public.events_state"}) if old else (19_000.0, set())

    queries = [("waiting", "select id from events where state = 'new' order by at limit 5", 1000.0)]
    if also:
        queries.append(("held", "select count(*) from events where state = $1", 10.0))
    advice = advise(EVENTS, FakePlanner(costs), *queries)
    assert "public.events (at) WHERE state = 'new'" in bodies(advice)
    assert [drop.index.name for drop in advice.drop] == ([] if also else ["events_state"])
    assert all("events_at_idx instead" in drop.reason and drop.kind == "outdated" for drop in advice.drop)


@pytest.mark.parametrize(
    ("query", "proposed"),
    [("select x, z from a where id > $1", False), ("select z from a where id > $1 order by x", True)],
)
def test_no_index_as_a_narrow_copy_of_the_table(query: str, proposed: bool) -> None:
    """Reading all of an index instead of all of the table is no reason to build it, where it is little."""
    shot = snapshot(
        [table("a"), table("b")],
        [*columns("a", id="int8", x="int8", y="int8", z="int8"), *columns("b", id="int8")],
        [],
        [statistics("a", "x", -1.0), statistics("a", "y", -1.0), statistics("a", "z", -1.0)],
    )

    def costs(key: str, on: frozenset[str]) -> tuple[float, set[str]]:
        if key == "latest" and "a (y)" in on:
            return 10.0, {"a (y)"}
        if key != "sum" and "a (x, z)" in on:
            return 500.0, {"a (x, z)"}
        return (950.0, {"a (id)"}) if key == "report" and "a (id)" in on else (1000.0, set())

    advice = advise(
        shot,
        FakePlanner(costs),
        ("latest", "select * from a where y = $1 order by x, z limit 20", 100),
        ("report", query, 40),
        ("sum", "select sum(id) from b", 10_000),
    )
    assert bodies(advice) == {"public.a (y)", *(["public.a (x, z)"] if proposed else [])}


class Wide(FakePlanner):
    """An index of one column is small: equal keys are stored once."""

    def prepare(self, candidates: Sequence[Candidate]) -> tuple[PreparedCandidate, ...]:
        return tuple(
            replace(one, size_bytes=len(one.candidate.columns) ** 2 << 18) for one in super().prepare(candidates)
        )


@pytest.mark.parametrize(("sorted_after", "wide"), [(60.0, False), (300.0, True)])
def test_sorting_few_rows_needs_no_wide_key(sorted_after: float, wide: bool) -> None:
    def costs(key: str, on: frozenset[str]) -> tuple[float, set[str]]:
        found = max((one for one in on if one.startswith("events (run")), key=len, default=None)
        if found is None:
            return 1000.0, set()
        return (10.0 if found == "events (run, at, id)" else sorted_after), {found}

    query = "select * from events where run = $1 order by at, id"
    advice = advise(EVENTS, Wide(costs), ("all", query, 1000))
    assert bodies(advice) == {"public.events (run, at, id)" if wide else "public.events (run)"}
