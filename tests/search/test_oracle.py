"""Asking about several sets together gives the answers of asking one by one."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from advisor.index_search.oracle import Look, Oracle
from advisor.model.lookup import Catalog
from tests.search.fake import FakePlanner, columns, snapshot, statement, table

CATALOG = Catalog(snapshot([table("a")], columns("a", id="int8", x="int8")))


def looks_at(oracle: Oracle, depths: list[int]) -> list[tuple[str, Look]]:
    """Looks that ask a given number of times, the last answer deciding what they found."""

    def look(key: str, depth: int) -> Look:
        found: set[str] = set()
        for number in range(depth):
            answer = yield frozenset({f"{key}{number}"})
            if answer is None:
                found.add("stopped")
                break
            found |= {f"{handle}={answer[0]:g}" for handle in answer[1]}
        return found

    return [(key, look(key, depth)) for key, depth in zip(oracle.known, depths, strict=True)]


def oracle_of(count: int, ahead: int) -> tuple[Oracle, FakePlanner]:
    planner = FakePlanner(lambda key, on: (float(len(key) + len(on)), set(on)), ahead=ahead)
    return Oracle(planner, [statement(CATALOG, f"q{n}", "select * from a where x = $1") for n in range(count)]), planner


def never() -> bool:
    return False


@pytest.mark.parametrize("ahead", [1, 2, 5, 100])
def test_looks_side_by_side_find_what_single_ones_do_in_order(ahead: int) -> None:
    chance = random.Random(3)
    depths = [chance.choice((0, 0, 1, 2, 7)) for _ in range(60)]
    oracle, planner = oracle_of(60, ahead)
    found = list(oracle.look(looks_at(oracle, depths), never))
    assert [key for key, _ in found] == list(oracle.known)
    assert [len(handles) for _, handles in found] == depths
    assert planner.asked == sum(depths)


def test_looks_end_when_time_is_over() -> None:
    oracle, planner = oracle_of(20, 4)
    asked: Callable[[], bool] = lambda: planner.asked >= 8  # noqa: E731
    found = dict(oracle.look(looks_at(oracle, [5] * 20), asked))
    assert planner.asked == 8 and len(found) == 20
    assert all("stopped" in handles for handles in found.values())


def test_what_was_learned_is_not_asked_again() -> None:
    oracle, planner = oracle_of(3, 4)
    for known in oracle.known.values():
        known.relevant = frozenset({"i", "j"})
    pairs = [(key, frozenset(handles)) for key in oracle.known for handles in ((), ("i",), ("i", "elsewhere"))]
    oracle.learn(pairs)
    assert planner.asked == 6  # "elsewhere" cannot matter
    oracle.learn(pairs)
    assert [oracle.cost(key, chosen) for key, chosen in pairs] == [2.0, 3.0, 3.0] * 3
    assert planner.asked == 6


def test_a_join_of_many_tables_is_asked_about_only_so_often() -> None:
    names = [f"t{number}" for number in range(20)]
    shot = snapshot([table(name) for name in names], [c for name in names for c in columns(name, id="int8", x="int8")])
    joins = " ".join(f"join {name} on {name}.id = t0.x" for name in names[1:])
    wide = statement(Catalog(shot), "wide", f"select * from t0 {joins} where t0.id = $1")
    # Each of its indexes saves ten, whatever else there is.
    planner = FakePlanner(lambda key, on: (1000.0 - 10 * len(on), set(on)), ahead=8)
    oracle = Oracle(planner, [wide])
    known = oracle.known["wide"]
    oracle.plan(["wide"], frozenset())
    known.base, known.relevant = 1000.0, frozenset(map(str, range(70)))
    chosen = [frozenset(map(str, range(count))) for count in range(70)]
    oracle.learn(("wide", one) for one in chosen)
    assert planner.asked == 1, "not ahead"
    costs = [oracle.cost("wide", one) for one in chosen]
    assert known.most is not None and planner.asked == known.most == 50
    assert costs[:50] == [1000.0 - 10 * count for count in range(50)]
    # Beyond that: the best plan known whose indexes are all there.
    assert costs[50:] == [costs[49]] * 20
