"""What an index costs those who write."""

from __future__ import annotations

import pytest

from advisor.index_search.facts import Facts
from advisor.index_search.options import SearchOptions
from advisor.index_search.planner import Candidate
from advisor.index_search.write_cost import breaks_hot, collect_writes, write_cost
from advisor.model.catalog import IndexColumn
from advisor.model.lookup import Catalog
from advisor.model.names import RelationName
from tests.search.fake import columns, counters, index, snapshot, statement, statistics, table

T = RelationName("public", "t")


def facts(major: int = 15) -> Facts:
    shot = snapshot(
        [table("t", counters=counters(updates=1000, hot=1000))],
        columns("t", id="int8", a="int8", at="timestamptz", beat="timestamptz", state="text"),
        [index("t_pkey", "t", "id", is_unique=True, is_primary=True), index("t_state", "t", "state")],
        [statistics("t", "at", -1.0, correlation=1.0), statistics("t", "a", -0.5, correlation=0.01)],
        major=major,
    )
    return Facts(shot, Catalog(shot), SearchOptions())


def btree(*names: str, **options: object) -> Candidate:
    method = str(options.pop("method", "btree"))
    return Candidate(table=T, access_method=method, columns=tuple(IndexColumn(column=n) for n in names), **options)


def test_inserts_cost_an_entry_each_less_in_order_and_by_share() -> None:
    known = facts()
    writes = collect_writes([statement(known.catalog, "q", "insert into t (a) values (1)", 10, rows=1000)], known)
    whole = write_cost(T, [(btree("a"), 1.0)], writes, known)
    assert whole == pytest.approx(1000 * (1 + 8 / 64))
    assert write_cost(T, [(btree("a"), 0.1)], writes, known) == pytest.approx(whole / 10)
    assert write_cost(T, [(btree("at"), 1.0)], writes, known) == pytest.approx(0.3 * whole)
    assert write_cost(T, [(btree("a", method="gin"), 1.0)], writes, known) == pytest.approx(3000)
    assert write_cost(T, [(btree("at", method="brin"), 1.0)], writes, known) == pytest.approx(50)


def test_an_update_costs_nothing_while_it_stays_hot() -> None:
    known = facts()
    writes = collect_writes(
        [statement(known.catalog, "q", "update t set beat = now() where id = 1", 500, rows=500)], known
    )
    (update,) = writes.updates[T]
    assert update.hot_now
    assert write_cost(T, [(btree("a"), 1.0)], writes, known) == 0
    # Heap, two existing indexes and the new one are all written for each of 500 rows.
    assert write_cost(T, [(btree("beat"), 1.0)], writes, known) == pytest.approx(500 * 1.5 * (1 + 2 + 1))


TRUNCATED = IndexColumn(column=None, expression="date_trunc('day', beat)")
HOLDERS = (
    btree("beat"),
    btree("a", include=("beat",)),
    btree("a", predicate="beat IS NOT NULL"),
    Candidate(table=T, access_method="btree", columns=(TRUNCATED,)),
)


@pytest.mark.parametrize("candidate", HOLDERS)
def test_a_column_counts_wherever_the_index_holds_it(candidate: Candidate) -> None:
    known = facts()
    writes = collect_writes([statement(known.catalog, "q", "update t set beat = now() where id = 1")], known)
    assert breaks_hot(candidate, writes.updates[T][0], known)


def test_brin_keeps_hot_from_16_on() -> None:
    for major, expected in ((15, True), (16, False)):
        known = facts(major)
        writes = collect_writes([statement(known.catalog, "q", "update t set beat = now() where id = 1")], known)
        assert breaks_hot(btree("beat", method="brin"), writes.updates[T][0], known) is expected


def test_an_update_that_is_not_hot_anyway_pays_per_index() -> None:
    known = facts()
    writes = collect_writes(
        [statement(known.catalog, "q", "update t set state = 'x' where id = 1", 100, rows=100)], known
    )
    assert not writes.updates[T][0].hot_now
    assert write_cost(T, [(btree("a"), 1.0)], writes, known) == pytest.approx(100 * 1.5)
    assert not breaks_hot(btree("state"), writes.updates[T][0], known)
