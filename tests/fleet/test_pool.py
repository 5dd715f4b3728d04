"""Workers that die, hang or run out of time; and everything added up."""

from __future__ import annotations

import json
import os
import signal
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from advisor.deadline import Deadline
from advisor.deliver.outcome import Outcome, Step
from advisor.fleet.html import render_fleet_html
from advisor.fleet.page import fleet_outcome, render_fleet_json, render_fleet_text
from advisor.fleet.pool import Lost, Pool, default_workers
from advisor.fleet.tally import Fleet, Look, Tally

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)


def _work(job: Any) -> Any:
    """What a worker does, by the job's word."""
    word, value = job
    if word == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if word == "leave":
        os._exit(7)
    if word == "hang":
        try:
            time.sleep(60)
        except KeyboardInterrupt:
            Path(value).write_text("ended in order")
            raise
    if word == "split":
        return ["parts", *range(value)]
    return [value * 2, os.getpid()]


def test_one_that_dies_costs_its_own_job() -> None:
    jobs = [("work", number) for number in range(30)]
    jobs[5], jobs[11] = ("die", 0), ("leave", 0)
    with Pool(_work, 2, "tests.fleet.test_pool") as pool:
        found = {job: result for job, result, _ in pool.run(jobs)}
    assert len(found) == 30
    assert found["die", 0] == Lost("The worker that looked at it was ended by SIGKILL (out of memory?).")
    assert found["leave", 0] == Lost("The worker that looked at it ended without a word (exit code 7).")
    good = {job: result for job, result in found.items() if job[0] == "work"}
    assert all(result[0] == 2 * job[1] for job, result in good.items())
    assert len({result[1] for result in good.values()}) >= 3, "those that died were replaced"


def test_jobs_that_come_from_jobs() -> None:
    with Pool(_work, 2, "tests.fleet.test_pool") as pool:
        seen = []
        for job, result, add in pool.run([("split", 3)]):
            if result[0] == "parts":
                for part in result[1:]:
                    add(("work", part))
            seen.append(job)
    assert sorted(seen[1:]) == [("work", 0), ("work", 1), ("work", 2)]


def test_time_that_is_over_ends_workers_in_order(tmp_path: Path) -> None:
    limit = Deadline(1.5)
    mark = tmp_path / "mark"
    jobs = [("work", 1), ("hang", str(mark)), ("hang", str(tmp_path / "other")), ("work", 2), ("work", 3)]
    with Pool(_work, 2, "tests.fleet.test_pool") as pool:
        found = {job: result for job, result, _ in pool.run(jobs, lambda: limit.left)}
        assert mark.read_text() == "ended in order", "a worker stops its servers before it goes"
    assert found["work", 1][0] == 2
    assert "while it was being looked at" in found["hang", str(mark)].why
    assert "before it was looked at" in found["work", 3].why
    assert not [p for p in psutil.Process().children(recursive=True) if p.status() == psutil.STATUS_RUNNING]


def test_jobs_are_taken_as_they_are_needed() -> None:
    taken = []

    def jobs() -> Any:
        for number in range(20):
            taken.append(number)
            yield ("work", number)

    with Pool(_work, 2, "tests.fleet.test_pool") as pool:
        for done, _ in enumerate(pool.run(jobs()), 1):
            assert len(taken) <= done + 2, "no more are in memory than workers can take"
    assert default_workers() >= 1


def _look(name: str, server: str, counts: dict[str, int], steps: list[tuple[str, str, str]], **more: Any) -> Look:
    return Look(
        outcome=Outcome(
            target=name, at=NOW, exit_code=more.pop("exit_code", 0), seconds=1.0, database=name, version="17.1",
            counts=tuple(counts.items()), worst=next(iter(counts), None),
            steps=tuple(Step(key=k, severity=s, title=t) for k, s, t in steps), steps_total=len(steps),
            error=more.pop("error", None), changes=more.pop("changes", None),
        ),
        server=server, size_bytes=1 << 20, peak_memory_bytes=5, **more,
    )  # fmt: skip


def _fleet() -> Fleet:
    tally = Tally()
    same = ("settings/x:server", "high", "The settings can use 200% of the RAM")
    tally.add(_look("calm", "s1", {"low": 0}, []))
    tally.add(_look("bad/<script>", "s1", {"high": 2}, [same, ("a:b", "high", "Only <here>")], exit_code=1))
    tally.add(
        _look("worse", "s2", {"critical": 1, "high": 1}, [same], outputs=("out/worse.html",), changes=(("new", 1),))
    )
    tally.add(_look("gone", "", {}, [], exit_code=3, error="Nothing accepts connections at x."))
    return Fleet(
        at=NOW, tool_version="1", seconds=9.0, workers=2, shard="0/2", peak_memory_bytes=7, tally=tally,
    )  # fmt: skip


def test_the_page_ranks_and_shows_what_is_shared() -> None:
    fleet = _fleet()
    assert [row.name for row in fleet.tally.ranked] == ["gone", "worse", "bad/<script>", "calm"]
    (shared,) = fleet.tally.across()
    assert (shared.key, shared.count, shared.servers) == ("settings/x:server", 2, {"s1", "s2"})
    text = render_fleet_text(fleet)
    assert text.index("gone: Nothing accepts") < text.index("worse: 1 critical") < text.index("calm: nothing to do")
    assert "2 databases on 2 servers: bad/<script>, worse" in text
    document = json.loads(render_fleet_json(fleet))
    assert document["exit_code"] == 3
    assert document["totals"]["counts"] == {"low": 0, "high": 3, "critical": 1}
    assert document["shared"][0]["targets"] == ["bad/<script>", "worse"]
    assert "1 target not looked at" in fleet_outcome(fleet, "fleet").target


def test_the_page_in_html_is_escaped_and_links_reports() -> None:
    page = render_fleet_html(_fleet())
    assert "<script>" not in page
    assert "bad/&lt;script&gt;" in page
    assert '<a href="worse.html">worse</a>' in page
    assert page.count("<tr>") == page.count("</tr>")


def test_exit_codes_over_all() -> None:
    def code(*looks: Look) -> int:
        tally = Tally()
        for look in looks:
            tally.add(look)
        return tally.exit_code

    calm, bad = _look("a", "s", {}, []), _look("b", "s", {}, [], exit_code=1)
    assert code(calm) == 0
    assert code(calm, bad) == 1
    assert code(calm, bad, _look("c", "s", {}, [], exit_code=3, error="gone")) == 3
    assert code(calm, _look("c", "s", {}, [], problems=("x.html cannot be written",))) == 3


def test_memory_does_not_grow_with_what_targets_share() -> None:
    tally = Tally()
    for number in range(1000):
        tally.add(_look(f"db{number}", f"s{number % 3}", {"high": 1}, [("rule:x", "high", "The same")]))
    (shared,) = tally.across()
    assert (shared.count, len(shared.targets), len(shared.servers)) == (1000, 20, 3)
