"""What is usual at this hour or on this weekday is no change; what is not is, whatever the hour before was like."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from advisor.history.record import conclude, keep, prepare
from advisor.history.season import season, usual_load
from advisor.history.statements import changes, totals_by_key, window
from advisor.history.store import open_history
from advisor.history.take import identity_of
from advisor.model.activity import StatementCounters
from advisor.model.history import Changes
from advisor.render.changes import change_blocks
from tests.unit.history.build import day, reading, report, statement

HOUR = timedelta(hours=1)


def times(count: int, step: timedelta) -> list[datetime]:
    return [day(0) + step * n for n in range(count)]


@pytest.mark.parametrize(
    ("count", "step", "words", "begins"),
    [
        (24 * 4, HOUR, "at 01h UTC", (23, 47, 71)),
        (24 * 22, HOUR, "on Tuesdays at 01h UTC", (23, 191, 359)),
        (23, timedelta(days=1), "on Tuesdays", (1, 8, 15)),
        (24 * 2, HOUR, None, ()),  # two nights are no habit
        (8, timedelta(days=1), None, ()),
        (40, timedelta(days=7), None, ()),
    ],
)
def test_windows_of_the_same_time(count: int, step: timedelta, words: str | None, begins: tuple[int, ...]) -> None:
    runs = times(count, step)
    found = season(runs, runs[-1], runs[-1] + step)
    if words is None:
        assert found is None
    else:
        assert found is not None and (found.words, found.begins[: len(begins)]) == (words, begins)


def test_runs_that_come_late_now_and_then_are_of_their_hour() -> None:
    runs = [moment + timedelta(minutes=(7 * n) % 11) for n, moment in enumerate(times(24 * 4, HOUR))]
    found = season(runs, runs[-1], runs[-1] + HOUR)
    assert found is not None and len(found.begins) == 3


class Job:
    """Cumulative counters of a statement that is slow for three hours of every night, and of a job that runs then."""

    READ = "select * from orders where customer_id = $1"
    NIGHTLY = "delete from sessions where expires < $1"

    def __init__(self) -> None:
        self.reads: list[tuple[int, float]] = []
        self.jobs: list[tuple[int, float]] = []

    def hours(self, mean: float, job: float | None = None) -> tuple[StatementCounters, ...]:
        self.reads.append((1000, mean))
        if job is not None:
            self.jobs.append((1, job))
        rows = [_row(self.READ, self.reads)]
        return (*rows, _row(self.NIGHTLY, self.jobs)) if self.jobs else tuple(rows)


def _row(query: str, windows: list[tuple[int, float]]) -> StatementCounters:
    calls = sum(count for count, _ in windows)
    total = sum(count * mean for count, mean in windows)
    squares = sum(count * mean**2 * 1.01 for count, mean in windows)
    mean = total / calls
    return statement(query, calls=calls, mean=mean, stddev_exec_time=max(squares / calls - mean**2, 0.0) ** 0.5)


def test_through_the_nights_of_a_week(tmp_path: Path) -> None:
    """Eight runs a day. Backups make reads slow from 2 to 5 each night: no news once three nights have shown it."""
    job = Job()
    told: dict[tuple[int, int], Changes] = {}
    with open_history(str(tmp_path / "h")) as history:

        def look(at: float, rows: tuple[StatementCounters, ...]) -> Changes:
            snapshot = reading(at, statements=rows)
            prepared = prepare(history, snapshot, identity_of(snapshot))
            made, run = conclude(prepared, report(prepared.snapshot))
            keep(history, prepared, run)
            assert made.changes is not None
            return made.changes

        look(0, job.hours(1.0))
        for night in range(6):
            for part in range(8):
                read = 30.0 if part == 0 else 1.0
                read = 30.0 if (night, part) == (4, 4) else read  # a slow noon is news on any day
                nightly = (20_000.0 if night == 5 else 2_000.0) if part == 0 else None
                told[night, part] = look(night + (part + 1) / 8, job.hours(read, nightly))
    reads = {when: (len(c.slower), len(c.faster)) for when, c in told.items()}
    assert [reads[night, 0][0] for night in range(6)] == [2, 1, 1, 1, 0, 1], "the first has no window before it"
    assert [reads[night, 1][1] for night in range(6)] == [1, 1, 1, 0, 0, 0]
    assert (reads[4, 4], reads[4, 5]) == ((1, 0), (0, 1)), "and so is its end"
    (slow_job,) = told[5, 0].slower
    assert slow_job.query == Job.NIGHTLY and slow_job.usual == pytest.approx(2_000)
    lines = {block.title: block.lines for block in change_blocks(told[5, 0])}
    assert "usually 2" in " ".join(lines["Slower statements"][0].details)
    load = told[5, 0].usual
    assert load is not None and load.when == "at 03h UTC" and not load.unusual
    assert "calls/s; usually" in lines["Load since the last run"][0].text
    assert told[5, 0].counts == {"slower": 1}, "a load as usual is no news"


def test_a_load_that_is_not_usual() -> None:
    runs = times(24 * 4, HOUR)
    found = season(runs, runs[-1], runs[-1] + HOUR)
    counted = [(at, {"calls": 3600.0 * n}) for n, at in enumerate(runs)]
    usual = usual_load(found, counted, (runs[-1] + HOUR, {"calls": counted[-1][1]["calls"] + 5 * 3600}))
    assert usual is not None and usual.unusual
    assert (usual.per_second, usual.usual, usual.windows) == (5.0, 1.0, 3)
    assert usual_load(found, counted, (runs[-1] + HOUR, {"calls": 3.0})) is None, "the counters began anew"
    assert usual_load(None, counted, counted[-1]) is None


def test_without_enough_of_the_same_time_the_window_before_counts() -> None:
    def rows(*means: float) -> tuple[StatementCounters, ...]:
        return (_row(Job.READ, [(1000, mean) for mean in means]),)

    windows = [window(rows(1.0), rows(1.0, 1.0)), window(rows(1.0, 1.0), rows(1.0, 1.0, 30.0))]
    night = (window((), rows(1.0)), window(rows(1.0), rows(1.0, 30.0)))

    def slower(nights: int) -> int:
        found = changes(windows, totals_by_key(rows(1.0, 1.0)), ((), ()), arrivals=True, season=[night] * nights)
        return len(found[0])

    assert (slower(0), slower(2), slower(3)) == (1, 1, 0)
