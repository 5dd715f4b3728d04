"""Days in the life of a database: each run's output is exactly what changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from advisor.cluster import start_cluster
from advisor.errors import HistoryFailed
from advisor.history.store import open_history
from tests.conftest import binaries_for, missing, selected_majors
from tests.server.history_days import SCHEMA, Days, keys

SETTINGS = {
    "shared_preload_libraries": "pg_stat_statements",
    "max_connections": "20",
    "autovacuum": "on",
    "autovacuum_naptime": "1h",
    "wal_buffers": "16MB",
}
NO_TWIN = ("--what-if", "none")
ON_CUSTOMER = "index/create:public.orders:orders_customer_id_idx"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The oldest and the newest server; `--majors 13,15,17,18` names others."""
    if "days" in metafunc.fixturenames:
        majors = selected_majors(metafunc.config)
        chosen = majors if metafunc.config.getoption("--majors") else [majors[0], majors[-1]]
        metafunc.parametrize("days", chosen, indirect=True, scope="module")


@pytest.fixture(scope="module")
def days(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Days]:
    """A shop on its second day: what one day alone shows is known."""
    binaries = binaries_for(request.param)
    if binaries is None:
        missing(f"PostgreSQL {request.param}")
        raise AssertionError("not reached")
    with pytest.MonkeyPatch.context() as patch, start_cluster(binaries, SETTINGS) as cluster:
        with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
            connection.execute("create database shop")
        shop = Days(cluster, "shop", tmp_path_factory.mktemp("history"), patch)
        shop.sql(*(statement for statement in SCHEMA.split(";") if statement.strip()))
        shop.sql("vacuum analyze")  # in a session of its own: the counters of the one before have arrived
        shop.work()
        yield shop


def changed(document: dict[str, Any]) -> dict[str, int]:
    counts: dict[str, int] = document["changes"]["counts"]
    return counts


def ledger(document: dict[str, Any]) -> dict[str, str]:
    """Return the state of every proposal that was followed."""
    return {entry["key"]: entry["state"] for entry in document["changes"]["ledger"] if entry["state"] != "open"}


@pytest.mark.server
@pytest.mark.slow
@pytest.mark.timeout(900)  # sixteen reports: a minute on an idle machine, many on a busy one
def test_days_of_a_shop(days: Days) -> None:
    first = days.report()
    assert first["changes"]["previous"] is None and first["changed"] is True
    assert "This is the first run" in (days.folder / "day1.txt").read_text()

    # A day like the one before changes nothing.
    days.work()
    quiet = days.report()
    assert changed(quiet) == {} and quiet["changed"] is False
    assert "Nothing changed since the last run" in (days.folder / "day2.txt").read_text()

    # Somebody drops an index: the statement is slower, with both plans, and the index is proposed.
    days.sql("drop index orders_customer")
    days.work()
    worse = days.report()
    assert changed(worse) == {"new": 1, "slower": 1}
    assert keys(worse["changes"]["new"]) == [ON_CUSTOMER]
    (slower,) = worse["changes"]["slower"]
    assert "where customer_id = $1" in slower["query"] and slower["ratio_low"] > 5
    assert "orders_customer" in slower["plan_before"] and "Seq Scan on orders" in slower["plan_after"]
    assert "blocks per call" in slower["why"]

    # The day after it is still so: no news.
    days.work()
    assert changed(days.report()) == {}

    # The index is built under a name of the administrator's own.
    days.sql("create index i_of_the_dba on orders using btree (customer_id asc nulls last)")
    days.work()
    built = days.report()
    assert changed(built) == {"resolved": 1, "faster": 1, "ledger": 1}
    assert keys(built["changes"]["resolved"]) == [ON_CUSTOMER]
    assert ledger(built) == {"index:public.orders btree (customer_id)": "applied"}

    # One day later its effect is measured.
    days.work()
    verified = days.report()
    assert changed(verified) == {"ledger": 1}
    (entry,) = [e for e in verified["changes"]["ledger"] if e["kind"] == "index"]
    assert entry["state"] == "verified" and entry["object"] == "public.i_of_the_dba"
    assert entry["ratio_high"] < 0.5 and entry["promised_ratio"] < 0.5 and entry["scans"] >= 150
    assert entry["undo"] == ["DROP INDEX CONCURRENTLY public.i_of_the_dba;"]
    assert "1 did what it promised" in (days.folder / "day6.txt").read_text()

    # A table jumps. (These days are about no index, and go without the planner.)
    days.sql("insert into events select g, repeat('e', 1000) from generate_series(100000, 140000) g")
    days.sql("analyze events")
    days.work()
    grown = days.report(*NO_TWIN)
    assert changed(grown) == {"grown": 1}
    assert grown["changes"]["growth"][0]["object"] == "public.events" and grown["changes"]["growth"][0]["sudden"]

    # Counters are reset: said, and nothing else is made of it.
    days.sql("select pg_stat_statements_reset()")
    days.work()
    reset = days.report(*NO_TWIN)
    assert changed(reset) == {"events": 1}
    # 13 does not say when: the counters tell.
    how = "was reset at" if days.cluster.major >= 14 else "lost its counters"
    assert f"pg_stat_statements {how}" in reset["changes"]["events"][0]

    # The server is restarted.
    days.work()
    days.cluster.stop()
    days.cluster.start(SETTINGS)
    days.work()
    restarted = days.report(*NO_TWIN)
    assert changed(restarted) == {"events": 1}
    assert "The server was restarted" in restarted["changes"]["events"][0]

    # A setting is changed.
    days.sql("alter system set random_page_cost = 1.1", "select pg_reload_conf()")
    days.work()
    setting = days.report(*NO_TWIN)
    (change,) = setting["changes"]["settings"]
    assert change | {"source": "", "when": ""} == {
        "name": "random_page_cost", "before": "4", "after": "1.1", "source": "", "pending_restart": False,
        "by": ["postgres"], "when": "",
    }  # fmt: skip
    assert "ALTER SYSTEM" in change["source"]
    # From 17 on the entry of the statement says when; before that the reload does.
    day = f"{days.now - timedelta(days=1):%Y-%m-%d}", f"{days.now:%Y-%m-%d}"
    assert change["when"].startswith(("at ", "in effect since")) and any(part in change["when"] for part in day)
    assert changed(setting) == {"settings": 1, "resolved": 1, "ledger": 1}
    assert ledger(setting)["setting:random_page_cost"] == "applied"
    days.work()
    judged = days.report(*NO_TWIN)
    assert changed(judged) == {"ledger": 1}
    # On a machine with all in memory the plans stay, and so do the times.
    assert ledger(judged)["setting:random_page_cost"] in ("no_effect", "verified")

    # A finding is muted for two days, then it is back and says so.
    days.sql("create table audit (at timestamptz, what text)", "insert into audit select now(), 'x'")
    last_day = (days.now + timedelta(days=2)).date()
    days.config.write_text(
        f'[[ignore]]\nfinding = "tables/no_primary_key:public.audit"\nreason = "append only"\nuntil = {last_day}\n'
    )
    days.work()
    muted = days.report(*NO_TWIN)
    assert changed(muted) == {} and "tables/no_primary_key:public.audit" not in keys(muted["findings"])
    days.work()
    assert changed(days.report(*NO_TWIN)) == {}
    days.work()
    back = days.report(*NO_TWIN)
    assert changed(back) == {"mutes": 1}
    (mute,) = back["changes"]["mutes"]
    assert mute == {
        "finding": "tables/no_primary_key:public.audit", "reason": "append only", "state": "expired",
        "until": str(last_day),
    }  # fmt: skip
    assert "tables/no_primary_key:public.audit" in keys(back["findings"])

    # The index is dropped again: the ledger knows, and the statement is slow once more.
    days.sql("drop index i_of_the_dba")
    days.work()
    again = days.report()
    assert ledger(again)["index:public.orders btree (customer_id)"] == "reverted"
    assert changed(again)["slower"] == 1 and ON_CUSTOMER in keys(again["changes"]["new"])


@pytest.mark.server
@pytest.mark.slow
def test_commands_read_what_the_days_left(days: Days) -> None:
    place = ["--history", str(days.history)]
    if days.day == 0:
        days.report()
        days.report()
    listed = json.loads(days.run(["history", "list", *place, "--format", "json"]))
    assert [run["id"] for run in listed] == list(range(1, days.day + 1))
    assert all(run["findings"] for run in listed)
    difference = json.loads(days.run(["history", "diff", "1", str(days.day), *place, "--format", "json"]))
    assert difference["previous"] == listed[0]["at"]
    assert "From run" not in days.run(["history", "show", "1", *place])
    assert "There is no history" not in days.run(["history", "diff", "1", "2", *place])
    text = days.run(["verify", "--stored", *place])
    assert "WHAT BECAME OF PROPOSALS" in text
    days.run(["history", "show", "999", *place], code=1)
    with open_history(str(days.history)) as history:
        runs = history.runs()
        size = sum(run.size_bytes for run in runs) / len(runs)
    assert size < 20_000, "a run of a small database takes kilobytes"


def test_the_report_without_history_writes_nothing(days: Days, tmp_path: Path) -> None:
    before = sorted(path.name for path in days.folder.iterdir())
    days.run(["report", "--dsn", days.dsn, "--what-if", "none", "-q", "-o", str(tmp_path / "plain.json")])
    assert json.loads((tmp_path / "plain.json").read_text())["changes"] is None
    assert sorted(path.name for path in days.folder.iterdir()) == before


def test_a_history_that_is_away_costs_only_its_part(days: Days, tmp_path: Path) -> None:
    out = tmp_path / "plain.json"
    away = "postgresql://ann:geheim@127.0.0.1:1/none"
    flags = ["report", "--dsn", days.dsn, *NO_TWIN, "--ram", "8GB", "-q", "--history", away, "-o", str(out)]
    with pytest.raises(AssertionError) as failed:
        days.run(flags)
    assert isinstance(failed.value.__cause__, HistoryFailed) and failed.value.__cause__.exit_code == 3
    assert "geheim" not in str(failed.value.__cause__)
    assert json.loads(out.read_text())["findings"], "the report went out"
