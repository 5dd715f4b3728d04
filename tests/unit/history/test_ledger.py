"""The ledger: recognised by what it is, judged by counters before and after, taken back where it harms."""

from __future__ import annotations

from dataclasses import replace

import pytest

from advisor.history.definitions import canonical
from advisor.history.ledger import Reading, advance
from advisor.history.model import LedgerState
from advisor.history.statements import totals_by_key, window
from advisor.history.verdict import hit_rate
from advisor.model.names import RelationName
from advisor.model.report import (
    IndexAdvice,
    IndexDrop,
    IndexProposal,
    Report,
    SettingProposal,
    SettingsAdvice,
    StatementEffect,
)
from advisor.model.snapshot import Snapshot
from advisor.settings.facts import settings_of
from advisor.settings.values import ValueRefused, normalise
from tests.unit.history.build import READ, day, index, reading, report, setting, statement

ORDERS = RelationName("public", "orders")
WRITE = "insert into orders values ($1, $2)"


def proposal(query: str = READ) -> IndexProposal:
    return IndexProposal(
        ddl="CREATE INDEX CONCURRENTLY orders_customer_id_idx ON public.orders (customer_id)",
        undo_ddl="DROP INDEX CONCURRENTLY public.orders_customer_id_idx",
        table=ORDERS, name="orders_customer_id_idx", method="btree", columns=("customer_id",), size_bytes=1,
        cost_before=1000, cost_after=10, write_cost=1, reason="", hurt=(),
        statements=(StatementEffect(fingerprint="f", query=query, calls=100, cost_before=1000, cost_after=10),),
    )  # fmt: skip


class Story:
    """Readings one after the other, with the ledger they leave."""

    def __init__(self) -> None:
        self.states: tuple[LedgerState, ...] = ()
        self.last: Snapshot | None = None

    def day(
        self,
        number: float,
        snapshot: Snapshot,
        made: Report,
        rates: dict[str, float] | None = None,
        looks: tuple[str, ...] = (),
    ) -> None:
        rows = window(self.last.statements, snapshot.statements) if self.last is not None else None
        hours = {name: (amount, 1.0 if name in looks else 24.0) for name, amount in (rates or {}).items()}
        self.states = advance(
            self.states,
            Reading(at=day(number), snapshot=snapshot, report=made, window=rows, rates=hours,
                    cumulative=totals_by_key(snapshot.statements), before=self.last),
        )  # fmt: skip
        self.last = snapshot

    def __getitem__(self, kind: str) -> LedgerState:
        (state,) = [state for state in self.states if state.entry.kind == kind]
        return state


def counted(number: float, calls: int, ms: float, *indexes: object, writes: float = 0.05, blocks: int = 4) -> Snapshot:
    """Cumulative counters: `calls` reads that took `ms` in all, as many writes of `writes` ms each."""
    read = statement(calls=calls, mean=ms / calls, shared_blks_hit=blocks)
    return reading(
        number,
        indexes=tuple(indexes),
        statements=(read, statement(WRITE, calls=calls, mean=writes)),
    )


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("(a, b)", "USING btree (a ASC NULLS LAST, b)", True),
        ("(a) INCLUDE (c, d)", "(a) INCLUDE (d, c)", True),
        ("(a) WHERE status = 'open'", "(a) WHERE ((status)::text = 'open'::text)", True),
        ("(a) WHERE s IN ('x', 'y')", "(a) WHERE s = ANY (ARRAY['x'::text, 'y'::text])", True),
        ("(lower(email))", "(lower((email)::text))", True),
        ("(a) WITH (fillfactor=70)", "(a)", True),
        ("(a, b)", "(b, a)", False),
        ("(a)", "(a DESC)", False),
        ("(a)", "USING hash (a)", False),
        ("(a)", "(a) WHERE a > 1", False),
        ("(a) WHERE s = 'Open'", "(a) WHERE s = 'open'", False),
        ("(a text_pattern_ops)", "(a)", False),
        ("(a)", "((a::date))", False),
    ],
)
def test_definitions(one: str, other: str, same: bool) -> None:
    first, second = canonical(f"create index x on t {one}"), canonical(f"CREATE INDEX y ON public.t {other}")
    assert first is not None and (first == second) is same
    assert canonical("drop table x") is None and canonical("no sql") is None


@pytest.mark.parametrize(("ms", "blocks", "verdict"), [(1000.0, 4, "verified"), (5000.0, 40, "harmful")])
def test_a_shorter_index_promises_no_time_and_may_only_not_harm(ms: float, blocks: int, verdict: str) -> None:
    """Neither the lack of a gain nor that the wider one is still used speaks against it."""
    story = Story()
    shorter = replace(proposal(), frees_bytes=1 << 30, replaces=("public.wide",))
    now = counted(0, 100, 1000.0)
    story.day(0, now, report(now, indexes=IndexAdvice(create=(shorter,), planner="twin")))
    built = index("orders_customer_id_idx", ("customer_id",), scans=0)
    after = counted(1, 200, 2000.0, built)
    story.day(1, after, report(after))
    after = counted(9, 600, 2000.0 + 4 * ms, built, blocks=blocks)
    story.day(9, after, report(after))
    entry = story["index"].entry
    assert (entry.state, entry.promised_ratio) == (verdict, 1.0), entry.why


def test_an_index_that_keeps_its_promise() -> None:
    story = Story()
    offered = {"indexes": IndexAdvice(create=(proposal(),), planner="twin")}
    for number in (0, 1, 2):
        now = counted(number, 100 * (number + 1), 1000.0 * (number + 1))
        story.day(number, now, report(now, **offered))
    entry = story["index"].entry
    assert (entry.state, entry.proposed, entry.last_proposed) == ("open", day(0), day(2))
    built = index("their_name", ("customer_id",), scans=40)
    mixed = counted(3, 400, 3500, built)
    story.day(3, mixed, report(mixed))
    assert story["index"].entry.state == "applied" and story["index"].entry.is_news
    after = counted(4, 500, 3520, replace(built, idx_scan=140))
    story.day(4, after, report(after))
    entry = story["index"].entry
    assert (entry.state, entry.object, entry.scans) == ("verified", "public.their_name", 100)
    assert entry.promised_ratio == pytest.approx(0.01) and entry.ratio == pytest.approx(0.02, rel=0.1)
    assert entry.ratio_low < entry.ratio < entry.ratio_high
    (seen,) = entry.statements
    assert (seen.mean_before, seen.mean_after) == (pytest.approx(10), pytest.approx(0.2)), "the mixed day is left out"
    gone = counted(5, 600, 3540)
    story.day(5, gone, report(gone))
    assert story["index"].entry.state == "reverted"
    assert hit_rate([state.entry for state in story.states]) == (1, 1), "it did what it promised while it was there"


def test_an_index_nobody_uses_gets_its_revert() -> None:
    story, built = Story(), index("their_name", ("customer_id",), scans=0)
    offered = {"indexes": IndexAdvice(create=(proposal(),), planner="twin")}
    for number in range(6):
        now = counted(number, 100 * (number + 1), 1000.0 * (number + 1), *((built,) if number > 1 else ()))
        story.day(number, now, report(now, **(offered if number < 2 else {})))
    entry = story["index"].entry
    assert entry.state == "unused" and "not one scan" in entry.why
    assert entry.undo == ("DROP INDEX CONCURRENTLY public.their_name;",)


def test_an_index_whose_writes_cost_more_than_reads_win() -> None:
    story, built = Story(), index("their_name", ("customer_id",), scans=5)
    offered = {"indexes": IndexAdvice(create=(proposal(),), planner="twin")}
    reads, writes, blocks = 0.0, 0.0, 0
    for number in range(6):
        reads += 1000 if number < 3 else 900
        writes += 500 if number < 3 else 5000
        blocks += 400 if number < 3 else 9000
        calls = 100 * (number + 1)
        read = statement(calls=calls, mean=reads / calls)
        write = statement(WRITE, calls=calls, mean=writes / calls, shared_blks_hit=blocks)
        there = (replace(built, idx_scan=5 + calls),) if number > 1 else ()
        now = reading(number, statements=(read, write), indexes=there)
        story.day(number, now, report(now, **(offered if number < 2 else {})))
    entry = story["index"].entry
    assert entry.state == "harmful" and "writes take" in entry.why


def test_a_busy_machine_is_no_harm() -> None:
    """Everything takes three times as long, and touches no block more: that is not the index."""
    story, built = Story(), index("their_name", ("customer_id",), scans=5)
    offered = {"indexes": IndexAdvice(create=(proposal(),), planner="twin")}
    total = 0.0
    for number in range(6):
        total += 1000 if number < 3 else 3000
        calls = 100 * (number + 1)
        there = (replace(built, idx_scan=5 + calls),) if number > 1 else ()
        now = counted(number, calls, total, *there, blocks=4 * calls)
        story.day(number, now, report(now, **(offered if number < 2 else {})))
    assert story["index"].entry.state != "harmful"


def test_a_drop_that_hurts_and_comes_back() -> None:
    story, old = Story(), index("orders_customer", ("customer_id",), scans=0)
    drop = IndexDrop(
        ddl="DROP INDEX CONCURRENTLY public.orders_customer", undo_ddl=old.definition, index=old.relation,
        table=ORDERS, reason="", kind="unused", size_bytes=1,
    )  # fmt: skip
    first = counted(0, 100, 100, old)
    story.day(0, first, report(first, indexes=IndexAdvice(drop=(drop,), planner="twin")))
    for number, total in ((1, 200.0), (2, 9000.0)):
        now = counted(number, 100 * (number + 1), total, blocks=4 if number < 2 else 90_000)
        story.day(number, now, report(now))
    assert story["drop"].entry.state == "harmful" and story["drop"].entry.undo == (old.definition,)
    back = counted(3, 400, 9100, index("another_name", ("customer_id",)))
    story.day(3, back, report(back))
    assert story["drop"].entry.state == "reverted"


def test_a_setting_is_judged_by_what_it_is_for() -> None:
    story = Story()
    asked = SettingProposal(
        name="work_mem", current="4MB", current_source="default", proposed="64MB", reason="", restart=False,
        apply_sql=("ALTER SYSTEM SET work_mem = '64MB';",), undo_sql=("ALTER SYSTEM RESET work_mem;",),
    )  # fmt: skip
    advice = SettingsAdvice(proposals=(asked,))
    for number in (0, 1):
        now = reading(number)
        story.day(number, now, report(now, settings=advice), {"temp_bytes": 9e9})
    changed = (setting("work_mem", "65536", unit="kB"),)
    for number in (2, 3):
        now = reading(number, settings=changed)
        story.day(number, now, report(now), {"temp_bytes": 1e8})
    entry = story["setting"].entry
    assert entry.state == "verified" and "temporary bytes per hour" in entry.why


@pytest.mark.parametrize(
    ("name", "before", "after", "days", "verdict", "why"),
    [
        ("wal_buffers", {"wal_buffers_full": 900.0}, {"wal_buffers_full": 9.0}, 2, "verified", "full WAL buffers"),
        ("bgwriter_lru_maxpages", {"maxwritten_clean": 480}, {"maxwritten_clean": 0}, 2, "verified", "20 → 0"),
        # Twice the load writes more, and a fifth less for each transaction.
        ("wal_compression", {"wal_bytes": 1e9, "xacts": 1e5}, {"wal_bytes": 1.6e9, "xacts": 2e5}, 2, "verified",
         "per transaction 10,000 → 8,000"),
        ("wal_compression", {"wal_bytes": 1e9, "xacts": 1e5}, {"wal_bytes": 9.8e8, "xacts": 1e5}, 2, "", "safety"),
        ("track_io_timing", {"io_ms": 0.0}, {"io_ms": 70.0}, 2, "verified", "are timed"),
        ("max_wal_size", {"checkpoints_req": 0.0}, {"checkpoints_req": 0.0}, 2, "", "safety"),
        ("max_wal_size", {"checkpoints_req": 48.0}, {"checkpoints_req": 96.0}, 2, "no_effect", "2 → 4"),
        ("autovacuum_max_workers", {"dead_share": 0.30}, {"dead_share": 0.02}, 2, "", "safety"),
        ("autovacuum_max_workers", {"dead_share": 0.30}, {"dead_share": 0.02}, 5, "verified", "dead rows of 1,000"),
    ],
)  # fmt: skip
def test_what_each_setting_is_for(
    name: str, before: dict[str, float], after: dict[str, float], days: int, verdict: str, why: str
) -> None:
    story = Story()
    asked = SettingProposal(
        name=name, current="1", current_source="default", proposed="9", reason="", restart=False,
        apply_sql=(), undo_sql=(),
    )  # fmt: skip
    for number in range(2 + days):
        done = number >= 2
        value = _held(name)
        now = reading(number, settings=(setting(name, value if done else "1"),))
        made = report(now, settings=None if done else SettingsAdvice(proposals=(asked,)))
        story.day(number, now, made, after if done else before, looks=("dead_share",))
    entry = story["setting"].entry
    assert (entry.verdict, why in entry.why) == (verdict, True), entry.why


def _held(name: str) -> str:
    """Return 9 as the server holds it; what is no value of the setting stays as it is written."""
    try:
        return normalise(settings_of(16)[name], "9")
    except ValueRefused:
        return "9"


def test_a_setting_is_not_blamed_for_what_comes_later() -> None:
    story = Story()
    asked = SettingProposal(
        name="random_page_cost", current="4", current_source="default", proposed="1.1", reason="", restart=False,
        apply_sql=(), undo_sql=(),
    )  # fmt: skip
    kept = index("orders_customer", ("customer_id",))
    plain, cheap = (setting("random_page_cost", "4"),), (setting("random_page_cost", "1.1"),)
    for number in range(5):
        slow = 0 if number < 4 else 50_000
        now = counted(number, 100 * (number + 1), 100.0 * (number + 1) + slow, *((kept,) if number < 4 else ()),
                      blocks=400 * (number + 1) + 10 * slow)  # fmt: skip
        now = replace(now, settings=plain if number < 2 else cheap)
        made = report(now, settings=SettingsAdvice(proposals=(asked,))) if number < 2 else report(now)
        story.day(number, now, made)
    state = story["setting"]
    assert state.entry.verdict == "no_effect" and state.closed


def test_what_is_no_longer_proposed_lapses_and_what_was_not_judged_does_not() -> None:
    story = Story()
    first = counted(0, 100, 1000)
    story.day(0, first, report(first, indexes=IndexAdvice(create=(proposal(),), planner="twin")))
    blind = counted(1, 200, 2000)
    story.day(1, blind, report(blind, indexes=IndexAdvice(planner="none")))
    assert story["index"].entry.state == "open"
    seen = counted(2, 300, 3000)
    story.day(2, seen, report(seen))
    assert story["index"].entry.state == "lapsed"
    built = counted(3, 400, 4000, index("late", ("customer_id",)))
    story.day(3, built, report(built))
    assert story["index"].entry.state == "applied", "somebody may build it later all the same"


def test_no_literal_of_a_statement_is_kept() -> None:
    story = Story()
    now = counted(0, 100, 1000)
    secret = proposal("select * from orders where note = 'Bob''s secret'")
    story.day(0, now, report(now, indexes=IndexAdvice(create=(secret,), planner="twin")))
    assert "secret" not in repr(story.states)
