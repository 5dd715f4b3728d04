"""Findings and settings of two runs, mutes, and the whole of it through a store."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

from advisor.history.authors import with_authors
from advisor.history.findings import difference, mute_notes, muted_names, names_of, overdue, setting_changes
from advisor.history.record import compare, conclude, keep, prepare
from advisor.history.store import History, open_history
from advisor.history.take import identity_of, saved_findings, slim
from advisor.model.activity import StatementCounters
from advisor.model.finding import Finding
from advisor.model.history import Changes
from advisor.model.names import RelationName
from advisor.model.report import IndexAdvice, IndexProposal, Skipped
from advisor.model.snapshot import Snapshot
from advisor.render.changes import change_blocks
from tests.unit.history.build import day, finding, reading, report, run, saved, setting, statement

ORDERS = "tables/x:public.orders"


def test_new_worse_better_resolved() -> None:
    before = (saved("a:1", "medium"), saved("a:2", "low"), saved("a:3", "high"), saved("a:4"))
    now = (saved("a:1", "critical"), saved("a:2", "low"), saved("a:3", "low"), saved("a:5"))
    found = difference(before, now)
    assert [c.key for c in found.new] == ["a:5"]
    assert [(c.key, c.before) for c in found.worse] == [("a:1", "medium")]
    assert [(c.key, c.before) for c in found.better] == [("a:3", "high")]
    assert [c.key for c in found.resolved] == ["a:4"]


def test_more_expired_rows_are_worse() -> None:
    old = saved("ret.overdue:public.s", subject="retention", size_bytes=100 << 20)
    found = difference((old,), (replace(old, size_bytes=400 << 20),))
    assert [c.why for c in found.worse] == ["400 MB past the window, were 100 MB"]
    assert difference((old,), (replace(old, size_bytes=120 << 20),)).worse == ()


def test_a_share_of_the_workload_moves_a_step_every_day() -> None:
    old = saved("index/create:public.t:i", "medium", subject="index")
    assert difference((old,), (replace(old, severity="high"),)).worse == ()
    assert len(difference((old,), (replace(old, severity="critical"),)).worse) == 1


def test_what_was_not_judged_is_neither_resolved_nor_new() -> None:
    old = saved()
    now = reading(1)
    blind = report(now, skipped=(Skipped(rule="tables/x", why="no privilege"),))
    carried = saved_findings(blind, {old.key: old}, day(1))
    assert carried == (replace(old, judged=False),)
    assert difference((old,), carried).resolved == ()
    again = saved_findings(report(now, (finding(),)), {f.key: f for f in carried}, day(2))
    assert difference(carried, again).new == () and again[0].since == day(0)
    proposal = saved("index/create:public.t:i", subject="index")
    without = report(now, indexes=IndexAdvice(planner="none"))
    assert not saved_findings(without, {proposal.key: proposal}, day(1))[0].judged


def test_overdue_is_told_on_the_day_it_becomes_so() -> None:
    findings = (saved("a:1", "high"), saved("a:2", "low"), saved("a:3", "critical", since=19))
    told = {n: [c.key for c in overdue(findings, day(n), day(n - 1))[0]] for n in (13, 14, 15, 20)}
    assert told == {13: [], 14: ["a:1"], 15: [], 20: ["a:3"]}
    assert overdue(findings, day(20), day(19))[1] == 2


def test_mutes() -> None:
    ignore = [
        {"finding": ORDERS, "reason": "old", "until": date(2026, 1, 31)},
        {"finding": "setting:work_mem", "reason": "ours"},
        {"finding": "gone:public.t", "reason": "was there", "expires": "2026-12-31"},
    ]
    findings = [saved(ORDERS), saved("settings/change:setting:work_mem", subject="settings")]
    assert muted_names(ignore, date(2026, 1, 31)) == {ORDERS, "setting:work_mem", "gone:public.t"}
    states = {n.finding: n.state for n in mute_notes(ignore, findings, date(2026, 1, 31))}
    assert states == {"gone:public.t": "unused"}
    states = {n.finding: n.state for n in mute_notes(ignore, findings, date(2026, 2, 1))}
    assert states == {ORDERS: "expired", "gone:public.t": "unused"}
    assert "index:public.i" in names_of(saved("index/create:public.t:i", subject="index"))
    assert "retention:public.s" in names_of(saved("ret.overdue:public.s", subject="retention"))
    assert "index:public.i" in names_of(saved("index/drop_unused:public.i", subject="index"))


def test_settings_say_where_they_come_from() -> None:
    before = reading(0, settings=(setting("work_mem", "4096", unit="kB"), setting("jit", "on"), setting("a", "1")))
    by_system = {"sourcefile": "/data/postgresql.auto.conf", "sourceline": 3}
    now = reading(1, settings=(
        setting("work_mem", "65536", unit="kB", **by_system),
        setting("jit", "off", sourcefile="/etc/postgresql.conf", sourceline=12),
        setting("a", "2", source="session"),
    ))  # fmt: skip
    assert [(c.name, c.before, c.after, c.source) for c in setting_changes(before, now)] == [
        ("work_mem", "4 MB", "64 MB", "ALTER SYSTEM (postgresql.auto.conf, line 3)"),
        ("jit", "on", "off", "/etc/postgresql.conf, line 12"),
    ]


def test_settings_say_who_and_when_where_it_is_known() -> None:
    old = statement("alter system set jit = off", calls=1, role="eve", queryid=1)
    before = reading(0, settings=(setting("jit", "on"), setting("work_mem", "4MB")), statements=(old,))
    after = (setting("jit", "off"), setting("work_mem", "64MB"))
    changes = setting_changes(before, reading(1, settings=after))

    def told(*rows: StatementCounters, **more: object) -> dict[str, tuple[tuple[str, ...], str]]:
        now = reading(1, settings=after, statements=(old, *rows), **more)
        return {c.name: (c.by, c.when) for c in with_authors(changes, before, now)}

    window = "between 2026-01-05 02:00 and 2026-01-06 02:00 UTC"
    assert told() == {"jit": ((), window), "work_mem": ((), window)}, "what eve did was before"
    mine = statement("ALTER SYSTEM SET work_mem = '64MB'", calls=1, role="ann", queryid=2)
    assert told(mine)["work_mem"] == (("ann",), window)
    assert told(replace(mine, stats_since=day(0.5)))["work_mem"] == (("ann",), "at 2026-01-05 14:00 UTC")
    assert told(replace(mine, stats_since=day(-3)))["work_mem"] == ((), window), "an old entry that was not kept"
    loaded = told(mine, config_loaded_at=day(0.75))
    assert loaded["jit"] == ((), "in effect since the reload of 2026-01-05 20:00 UTC at the latest")
    for text, names in (
        ("alter role app in database shop set work_mem = $1", {"work_mem"}),
        ('alter database "my shop" reset jit', {"jit"}),
        ("alter system set jit_above_cost = 1", set()),
        ("alter table t set (jit = off)", set()),
    ):
        found = told(statement(text, calls=1, role="bob", queryid=3))
        assert {name for name, (by, _) in found.items() if by} == names, text
    assert [c.by for c in with_authors(changes, before, replace(before, statements=(replace(old, calls=2),)))] == [
        ("eve",), (),
    ]  # fmt: skip


SEARCHED = IndexAdvice(planner="twin")


class Nights:
    """One report after the other through a store."""

    def __init__(self, history: History) -> None:
        self.history = history

    def __call__(
        self, snapshot: Snapshot, *findings: Finding, kept: bool = True, search: IndexAdvice = SEARCHED, **more: object
    ) -> Changes:
        prepared = prepare(self.history, snapshot, identity_of(snapshot))
        whole = report(prepared.snapshot, findings, indexes=search)
        made, found = conclude(prepared, whole, **more)  # type: ignore[arg-type]
        if kept:
            keep(self.history, prepared, found)
        assert made.changes is not None
        return made.changes


def test_nights_through_a_store(tmp_path: Path) -> None:
    with open_history(str(tmp_path / "h")) as history:
        night = Nights(history)
        assert night(reading(0), finding()).previous is None
        assert night(reading(1), finding()).counts == {}
        undelivered = night(reading(2), finding(), finding("b"), kept=False)
        assert undelivered.counts == {"new": 1}
        assert night(reading(3), finding(), finding("b")).counts == {"new": 1}, "a run that died tells its news again"
        ignore = [{"finding": "b:public.orders", "reason": "x", "until": day(5).date()}]
        assert night(reading(4), finding(), ignore=ignore, today=day(4).date()).counts == {}, "muted, so not resolved"
        again = night(reading(5), finding(), finding("b"), ignore=ignore, today=day(5).date())
        assert again.counts == {}
        ended = night(reading(6), finding(), finding("b"), ignore=ignore, today=day(6).date())
        assert ended.counts == {"mutes": 1}
        assert night(reading(7), finding(), finding("b"), ignore=ignore, today=day(7).date()).counts == {}
        upgraded = reading(8, version_num=170001, version="17.1")
        assert night(upgraded, finding(), finding("b")).counts == {"events": 1}
        assert len(history.targets()) == 1 and len(history.runs()) == 8
        older = prepare(history, reading(3.5), identity_of(reading(3.5)))
        assert not older.keeps and older.last is not None and older.last.at == day(3)


def test_what_the_time_did_not_reach_is_not_resolved(tmp_path: Path) -> None:
    """A search that was cut short proposes less: nothing of what it lacks has gone."""
    proposal = IndexProposal(
        ddl="CREATE INDEX CONCURRENTLY i ON public.orders USING btree (status)", undo_ddl="", name="i", method="btree",
        table=RelationName("public", "orders"), columns=("status",), size_bytes=1, cost_before=9.0, cost_after=1.0,
        statements=(), hurt=(), write_cost=0.0, reason="",
    )  # fmt: skip
    key = "index/create:public.orders:i"
    with open_history(str(tmp_path / "h")) as history:
        night = Nights(history)
        night(reading(0), search=replace(SEARCHED, create=(proposal,)))
        for number, search in ((1, replace(SEARCHED, complete=False)), (2, IndexAdvice(planner="none"))):
            cut = night(reading(number), search=search)
            assert not cut.changed and cut.resolved == () and [change.key for change in cut.unexamined] == [key]
            assert "Not examined this time" in [block.title for block in change_blocks(cut)]
            assert [entry.state for entry in cut.ledger] == ["open"]
        whole = night(reading(3))
        assert [change.key for change in whole.resolved] == [key] and whole.unexamined == ()


def test_the_window_begins_a_week_ago_or_at_the_last_reset(tmp_path: Path) -> None:
    with open_history(str(tmp_path / "h")) as history:
        night = Nights(history)
        for number in range(12):
            night(reading(number))
        prepared = prepare(history, reading(12), identity_of(reading(12)))
        assert prepared.previous is not None and prepared.previous.server.collected_at == day(5)
        assert len(prepared.earlier) == 5
        view = replace(reading(12).statements_view, stats_reset=day(11.5))
        reset = reading(12, statements_view=view, statements=(statement(calls=3),))
        assert prepare(history, reset, identity_of(reset)).previous is None
        night(reset)
        for number in (13, 14):
            night(reading(number, statements_view=view, statements=(statement(calls=3 * number),)))
        now = reading(15, statements_view=view, statements=(statement(calls=99),))
        found = prepare(history, now, identity_of(now)).previous
        assert found is not None and found.server.collected_at == day(12)


def test_any_two_runs_compare() -> None:
    first = run(0, findings=(saved("a:1"),))
    second = run(5, findings=(saved("a:2"),), snapshot=reading(5, settings=(setting("work_mem", "8192", unit="kB"),)))
    found = compare(first, second)
    assert found.counts == {"new": 1, "resolved": 1, "settings": 1}


def test_what_is_kept_has_no_literals() -> None:
    snapshot = reading(
        0,
        statements=(
            statement("select * from t where a = $1 /* user bob */"),
            statement("create role x password 'geheim'"),
            statement("select /* pgadvise */ 1"),
        ),
    )
    kept = repr(slim(snapshot))
    assert "where a = $1" in kept
    assert "bob" not in kept and "geheim" not in kept and "pgadvise */" not in kept
