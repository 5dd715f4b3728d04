"""Slower and faster statements: told when it is beyond chance and beyond habit, and matters."""

from __future__ import annotations

import itertools
import random
import statistics

import pytest

from advisor.history.statements import changes, mean, minus, ratio, tally_of, totals_by_key, variance, window
from advisor.model.history import StatementPlan, statement_key
from tests.unit.history.build import READ, statement

KEY = statement_key(READ)


def counters(times: list[float], query: str = READ, **more: object) -> object:
    return statement(
        query, calls=len(times), mean=statistics.fmean(times), stddev_exec_time=statistics.pstdev(times), **more
    )


def history(*means: float, calls: int = 200, noise: float = 0.1) -> list[object]:
    """Return cumulative readings, one after each day with the given mean."""
    chance = random.Random(3)
    times: list[float] = []
    found = []
    for value in means:
        times += [value * chance.uniform(1 - noise, 1 + noise) for _ in range(calls)]
        found.append(counters(times))
    return found


def told(readings: list[object], **more: object) -> tuple[tuple[object, ...], tuple[object, ...]]:
    windows = [window((old,), (new,)) for old, new in itertools.pairwise(readings)]
    return changes(windows, totals_by_key(readings[:-1][-1:]), ((), ()), arrivals=True, **more)


def test_a_window_has_its_own_mean_and_deviation() -> None:
    chance = random.Random(1)
    first = [chance.gauss(2, 0.3) for _ in range(400)]
    second = [chance.gauss(9, 1.1) for _ in range(300)]
    part = minus(tally_of(counters(first + second)), tally_of(counters(first)))
    assert part.calls == 300
    assert mean(part) == pytest.approx(statistics.fmean(second), rel=1e-6)
    assert variance(part) == pytest.approx(statistics.pvariance(second), rel=1e-3)


def test_the_interval_holds_the_truth() -> None:
    chance = random.Random(2)
    hits = 0
    for _ in range(100):
        before = tally_of(counters([chance.expovariate(1 / 4) for _ in range(80)]))
        after = tally_of(counters([chance.expovariate(1 / 6) for _ in range(80)]))
        found = ratio(before, after)
        assert found is not None
        hits += found[1] <= 1.5 <= found[2]
    assert hits >= 95


def test_a_lasting_regression_is_told_once() -> None:
    days = history(1, 1, 1, 1, 12, 12, 12)
    assert [len(told(days[: n + 1])[0]) for n in range(2, 7)] == [0, 0, 1, 0, 0]
    (slower,) = told(days[:5])[0]
    assert slower.mean_before == pytest.approx(1, rel=0.1) and slower.mean_after == pytest.approx(12, rel=0.1)
    assert slower.ratio_low > 8 and slower.calls == 200


def test_and_its_end_too() -> None:
    days = history(1, 1, 12, 12, 1)
    assert [len(part) for part in told(days)] == [0, 1]


def test_a_habit_is_no_change() -> None:
    """A statement that is four times slower every other day (weekends, month ends) is not news each time."""
    days = history(3, 12, 3, 12, 3, 12)
    assert told(days) == ((), ())


def test_what_does_not_matter_is_not_told() -> None:
    small = [
        statement("select 1", calls=n * 100, mean=0.001 if n < 3 else 0.01, stddev_exec_time=0.0) for n in (1, 2, 3)
    ]
    big = [statement("select big", calls=n * 100, mean=50.0) for n in (1, 2, 3)]
    windows = [window((small[n], big[n]), (small[n + 1], big[n + 1])) for n in (0, 1)]
    assert changes(windows, {}, ((), ()), arrivals=True) == ((), ())


def test_plans_blocks_and_rows_say_why() -> None:
    slow = [statement(calls=1000, mean=1.0), statement(calls=2000, mean=20.5, shared_blks_hit=4000 + 900_000)]
    plans = (
        [StatementPlan(key=KEY, cost=8.4, outline="Index Scan using a on orders")],
        [StatementPlan(key=KEY, cost=1600, outline="Seq Scan on orders")],
    )
    windows = [window((), (slow[0],)), window((slow[0],), (slow[1],))]
    (found,) = changes(windows, {}, plans, arrivals=True)[0]
    assert found.plan_before == "Index Scan using a on orders" and found.plan_after == "Seq Scan on orders"
    assert found.why == "blocks per call 4 → 900; another plan"


def test_a_statement_nobody_knew() -> None:
    known, new = statement(calls=100, mean=10.0), statement("select new", calls=100, mean=30.0)
    windows = [window((), (known,)), window((known,), (statement(calls=200, mean=10.0), new))]
    cumulative = totals_by_key((known,))
    (found,) = changes(windows, cumulative, ((), ()), arrivals=True)[0]
    assert found.query == "select new" and found.why == "new: not seen before this window"
    assert changes(windows, cumulative, ((), ()), arrivals=False) == ((), ())


def test_another_query_id_is_the_same_statement() -> None:
    before = (statement(calls=100, mean=1.0, queryid=1),)
    now = (statement(READ + " /* page=3 */", calls=100, mean=1.0, queryid=2),)
    assert set(window((), before)) == set(window(before, now)) == {KEY}


def test_an_entry_that_was_evicted_counts_whole() -> None:
    (row,) = window((statement(calls=900),), (statement(calls=40),)).values()
    assert row.tally.calls == 40


def test_a_slow_machine_is_no_change_of_a_statement() -> None:
    texts = [READ, "select a", "select b", "select c"]

    def at(day: int, factor: float, own: float = 1.0) -> tuple[object, ...]:
        means = {text: 10.0 * (1 + (factor * (own if text == READ else 1) - 1) / day) for text in texts}
        return tuple(statement(text, calls=100 * day, mean=means[text], stddev_exec_time=0.5) for text in texts)

    windows = [window((), at(1, 1.0)), window(at(1, 1.0), at(2, 4.0))]
    assert changes(windows, {}, ((), ()), arrivals=True) == ((), ())
    windows = [window((), at(1, 1.0)), window(at(1, 1.0), at(2, 4.0, own=5.0))]
    (found,) = changes(windows, {}, ((), ()), arrivals=True)[0]
    assert found.query == READ and "same work" in found.why


def test_a_bad_time_that_varies_has_an_end() -> None:
    """While the index is away the machine's load moves the mean by more than it was before: its end is told."""
    slower, faster = told(history(0.02, 0.02, 6.0, 9.0, 0.02))
    assert slower == () and len(faster) == 1
    assert told(history(1, 2, 1, 2, 1)) == ((), ()), "a habit is none"


def test_other_work_is_told_on_a_machine_that_is_busy_with_others() -> None:
    """Times scatter by more than they differ; a hundred times the blocks are beyond doubt."""

    def counted(blocks: list[int], times: list[float]) -> list[object]:
        # Each day a hundred calls; of all times one call takes most.
        found, calls, total, touched = [], 0, 0.0, 0
        for block, mean_ in zip(blocks, times, strict=True):
            calls, total, touched = calls + 100, total + 100 * mean_, touched + 100 * block
            found.append(
                statement(
                    READ, calls=calls, mean=total / calls, stddev_exec_time=40 * total / calls, shared_blks_hit=touched
                )
            )
        return found

    slower, faster = told(counted([4, 4, 4, 4, 400], [0.2, 1.5, 0.3, 0.9, 4.0]))
    assert len(slower) == 1 and "blocks per call 4 → 400" in slower[0].why and faster == ()
    slower, faster = told(counted([400, 400, 400, 400, 4], [3.0, 9.0, 5.0, 7.0, 1.0]))
    assert len(faster) == 1 and slower == ()
    assert told(counted([4, 4, 4, 4, 4], [0.2, 1.5, 0.3, 0.9, 4.0])) == ((), ()), "the same work"
    assert told(counted([4, 400, 4, 400, 4], [0.2, 4.0, 0.3, 4.0, 0.2])) == ((), ()), "a habit"
