"""The ledger of a fleet: hit rate over all databases, and what should be taken back where."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from advisor.deliver.outcome import Outcome
from advisor.fleet.followed import FleetLedger, followed, words
from advisor.fleet.html import render_fleet_html
from advisor.fleet.page import render_fleet_json, render_fleet_text
from advisor.fleet.tally import Fleet, Look, Tally
from advisor.model.history import Changes, LedgerEntry

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)


def entry(kind: str, state: str, number: int = 0, **more: Any) -> LedgerEntry:
    verdict = state if state in ("verified", "harmful", "unused", "no_effect") else ""
    known: dict[str, Any] = {"verdict": verdict, "ddl": (), "undo": (f"DROP INDEX CONCURRENTLY public.i{number};",)}
    return LedgerEntry(
        key=f"{kind}:{number}", kind=kind, object=f"i{number}", title=f"{kind} <{number}>", state=state,
        proposed=NOW, last_proposed=NOW, **{**known, **more},
    )  # fmt: skip


def changes(*entries: LedgerEntry) -> Changes:
    return Changes(previous=NOW, ledger=entries)


def fleet(*found: tuple[str, Changes | None]) -> Fleet:
    tally = Tally()
    for name, known in found:
        outcome = Outcome(target=name, at=NOW, exit_code=0, seconds=1.0, database=name)
        tally.add(Look(outcome=outcome, followed=followed(known, name)))
    return Fleet(at=NOW, tool_version="1", seconds=1.0, workers=1, shard=None, peak_memory_bytes=1, tally=tally)


def test_hits_are_added_up_and_what_harms_is_named() -> None:
    page = fleet(
        ("shop", changes(entry("index", "verified", 1), entry("index", "unused", 2), entry("drop", "applied", 3))),
        ("blog", changes(entry("setting", "verified", 4), entry("index", "open", 5))),
        ("wiki", changes(entry("index", "reverted", 6, verdict="harmful"))),
        ("new", None),
    )
    said = "5 were followed in 3 databases; of 4 that could be measured, 2 did what they promised (50%)"
    assert words(page.tally.ledger) == said
    document = json.loads(render_fleet_json(page))["proposals"]
    assert document["kinds"] == {
        "drop": {"followed": 1, "judged": 0, "verified": 0},
        "index": {"followed": 3, "judged": 3, "verified": 1},
        "setting": {"followed": 1, "judged": 1, "verified": 1},
    }
    (back,) = document["take_back"]
    assert (back["target"], back["state"]) == ("shop", "unused"), "what is taken back already is not named"
    assert back["undo_sql"] == ["DROP INDEX CONCURRENTLY public.i2;"]
    text = " ".join(render_fleet_text(page).split())
    assert said in text and "shop: index <2> is not used" in text
    html = render_fleet_html(page)
    assert "index &lt;2&gt; is not used" in html and "DROP INDEX CONCURRENTLY public.i2;" in html


def test_without_a_history_nothing_is_said() -> None:
    page = fleet(("new", None), ("first", changes(entry("index", "open"))))
    assert words(page.tally.ledger) == "" and "proposals" not in render_fleet_text(page)
    assert json.loads(render_fleet_json(page))["proposals"] == {"databases": 0, "kinds": {}, "take_back": []}


def test_memory_does_not_grow_with_the_fleet() -> None:
    ledger = FleetLedger()
    for number in range(1000):
        ledger.add(followed(changes(*(entry("index", "harmful", place) for place in range(50))), f"db{number}"))
    assert ledger.totals == (50_000, 50_000, 0) and len(ledger.regretted) == 500
