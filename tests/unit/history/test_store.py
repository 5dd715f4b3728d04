"""The store loses nothing: killed at every write, on a full disk, with many runs at once, with a damaged file."""

from __future__ import annotations

import multiprocessing
import os
import random
import resource
import sqlite3
import stat
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from advisor.errors import HistoryFailed
from advisor.history.engine import is_dsn
from advisor.history.model import Identity, IndexUse
from advisor.history.store import open_history
from advisor.model.history import StatementPlan
from tests.unit.history.build import day, reading, run, saved, statement

SHOP = Identity(database="shop", system_identifier="7000", address="db:5432")
_fork = multiprocessing.get_context("fork")


def in_child(work: Callable[[], None]) -> int:
    """Run `work` in a process of its own; return its exit code."""
    child = _fork.Process(target=work)
    child.start()
    child.join(60)
    assert child.exitcode is not None, "the child hangs"
    return child.exitcode


def intact(path: Path) -> list[int]:
    """Return the days whose runs can be read whole, after the file was found sound."""
    with sqlite3.connect(path) as connection:
        assert connection.execute("pragma integrity_check").fetchone() == ("ok",)
    connection.close()
    with open_history(str(path)) as history:
        found = []
        for head in history.runs():
            kept = history.run(head.id)
            assert kept is not None and kept.findings == (saved(),)
            number = round((kept.at - day(0)) / timedelta(days=1))
            assert kept.snapshot == reading(number)
            found.append(number)
    return found


def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    plans = (StatementPlan(key="k", cost=12.5, outline="Seq Scan on orders"),)
    uses = (IndexUse(index="public.i", definition="d", first_seen=day(0), observed_since=day(-9), last_used=None),)
    first = run(0, plans=plans, index_use=uses, counts={"new": 1}, events=("restart",), totals={"calls": 7.0})
    with open_history(str(tmp_path / "deep" / "h.sqlite")) as history:
        target = history.target(SHOP)
        assert history.last_run(target.id) is None
        number = history.save(target.id, first)
        back = history.last_run(target.id)
        assert back is not None and back.id == number
        for name in ("at", "snapshot", "findings", "plans", "index_use", "measures", "totals", "counts", "events"):
            assert getattr(back, name) == getattr(first, name), name
        (head,) = history.runs(target.id)
        assert (head.findings, head.counts, head.events) == ({"high": 1}, {"new": 1}, ("restart",))
        assert history.last_run(target.id, before=day(0)) is None
    mode = stat.S_IMODE((tmp_path / "deep" / "h.sqlite").stat().st_mode)
    assert mode == 0o600, "statement texts are for the owner only"


def test_one_database_is_one_target_however_it_is_reached(tmp_path: Path) -> None:
    with open_history(str(tmp_path / "h")) as history:
        shop = history.target(SHOP)
        moved = history.target(Identity(database="shop", system_identifier="7000", address="new:5432"))
        upgraded = history.target(Identity(database="shop", system_identifier="8000", address="new:5432"))
        named = history.target(Identity(database="shop", name="eu", system_identifier="8000", address="new:5432"))
        assert {shop.id, moved.id, upgraded.id, named.id} == {shop.id}
        assert named.title == "eu"
        other = history.target(Identity(database="shop", name="us", system_identifier="8000", address="x:5432"))
        assert other.id != shop.id
        assert history.target(Identity(database="crm", system_identifier="8000")).id not in (shop.id, other.id)
        assert history.find_target(Identity(database="nothing")) is None


def test_pruning_keeps_the_newest_and_what_it_needs(tmp_path: Path) -> None:
    path = tmp_path / "h"
    with open_history(str(path)) as history:
        target = history.target(SHOP)
        for number in range(30):
            texts = tuple(statement(f"select {number}, {i}" + "x" * 400, calls=5) for i in range(60))
            history.save(target.id, run(number, snapshot=reading(number, statements=texts)))
        before = path.stat().st_size
        assert history.prune(day(29) + timedelta(hours=1)) == 29
        last = history.last_run(target.id)
        assert last is not None and last.at == day(29)
        assert all(row.query for row in last.snapshot.statements)
        assert path.stat().st_size < before / 3, "the space is given back"


def test_killed_at_every_statement_nothing_stored_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "h"
    with open_history(str(path)) as history:
        target = history.target(SHOP).id
        history.save(target, run(0))

    plans = (StatementPlan(key="k", cost=12.5, outline="Seq Scan on orders"),)
    uses = (IndexUse(index="public.i", definition="d", first_seen=day(0), observed_since=day(-9), last_used=None),)

    def killed(place: int, after: bool) -> Callable[[], None]:
        def work() -> None:
            seen = 0
            history = open_history(str(path))

            def count(*_args: Any) -> None:
                nonlocal seen
                seen += 1
                if seen == place:
                    os._exit(9)

            sa.event.listen(history._engine, "after_cursor_execute" if after else "before_cursor_execute", count)
            history.save(target, run(1, plans=plans, index_use=uses))
            os._exit(0)

        return work

    codes = []
    for place in range(1, 40):
        for after in (False, True):
            codes.append(in_child(killed(place, after)))
            days = intact(path)
            assert days[0] == 0
        if codes[-2:] == [0, 0]:
            break
    assert codes.count(9) >= 12 and codes[-1] == 0
    assert intact(path).count(1) == codes.count(0), "only whole runs are there, and all of them"


def test_killed_at_any_moment_what_was_acknowledged_is_there(tmp_path: Path) -> None:
    path, chance = tmp_path / "h", random.Random(7)
    acknowledged: list[int] = []
    for _ in range(8):
        reader, writer = _fork.Pipe(duplex=False)
        begin = len(acknowledged)

        def work(begin: int = begin, pipe: Any = writer) -> None:
            with open_history(str(path)) as history:
                target = history.target(SHOP).id
                for number in range(begin, begin + 500):
                    history.save(target, run(number))
                    pipe.send(number)

        child = _fork.Process(target=work)
        child.start()
        writer.close()
        assert reader.poll(60), "the first run of a child is kept"
        time.sleep(chance.random() * 0.1)
        child.kill()
        child.join()
        try:
            while True:
                acknowledged.append(reader.recv())
        except EOFError:
            reader.close()
        stored = set(intact(path)) if path.exists() else set()
        assert set(acknowledged) <= stored
    assert len(acknowledged) >= 8


def test_first_runs_at_once(tmp_path: Path) -> None:
    path = tmp_path / "h"

    def work(first: int) -> None:
        for number in range(first, first + 8):
            with open_history(str(path)) as history:
                history.save(history.target(SHOP).id, run(number))

    children = [_fork.Process(target=work, args=(100 * n,)) for n in range(4)]
    for child in children:
        child.start()
    for child in children:
        child.join(120)
    assert [child.exitcode for child in children] == [0, 0, 0, 0]
    assert sorted(intact(path)) == sorted(100 * n + k for n in range(4) for k in range(8))
    with open_history(str(path)) as history:
        assert len(history.targets()) == 1


def test_a_full_disk_is_said_and_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "h"
    with open_history(str(path)) as history:
        target = history.target(SHOP).id
        history.save(target, run(0))

        @sa.event.listens_for(history._engine, "connect")
        def no_room(connection: sqlite3.Connection, _record: Any) -> None:
            pages = connection.execute("pragma page_count").fetchone()[0]
            connection.execute(f"pragma max_page_count = {pages}")

        texts = tuple(statement(f"select {i}" + os.urandom(200).hex(), calls=5) for i in range(200))
        with pytest.raises(HistoryFailed, match="is full: this run is not kept, earlier ones are") as failed:
            history.save(target, run(1, snapshot=reading(1, statements=texts)))
        assert failed.value.exit_code == 3
    assert intact(path) == [0]
    with open_history(str(path)) as history:
        history.save(target, run(1))
    assert intact(path) == [0, 1]


def test_a_quota_is_said_and_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "h"
    with open_history(str(path)) as history:
        target = history.target(SHOP).id
        history.save(target, run(0))

    def work() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        texts = tuple(statement(f"select {i}" + os.urandom(200).hex(), calls=5) for i in range(300))
        try:
            with open_history(str(path)) as history:
                history.save(target, run(1, snapshot=reading(1, statements=texts)))
        except HistoryFailed as error:
            os._exit(42 if "h " in error.message and error.exit_code == 3 else 1)
        os._exit(0)

    assert in_child(work) == 42
    assert intact(path) == [0]


@pytest.mark.parametrize("damage", ["garbage", "cut", "middle"])
def test_a_damaged_file_is_kept_aside_and_a_new_one_begins(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "h.sqlite"
    with open_history(str(path)) as history:
        target = history.target(SHOP).id
        for number in range(20):
            history.save(target, run(number))
    with sqlite3.connect(path) as connection:
        connection.execute("pragma wal_checkpoint(truncate)")
    connection.close()
    body = path.read_bytes()
    half = len(body) // 2
    spoilt = {"garbage": b"no database" * 999, "cut": body[:half], "middle": body[:8192] + b"\xa5" * half}[damage]
    path.write_bytes(spoilt)
    said: list[str] = []
    with open_history(str(path), said.append) as history:
        assert history.runs() == ()
        history.save(history.target(SHOP).id, run(0))
    (aside,) = tmp_path.glob("h.sqlite.damaged-*Z")
    assert aside.read_bytes() == spoilt
    assert said and aside.name in said[0] and "a new one begins" in said[0]
    assert intact(path) == [0]


def test_files_that_are_no_history_are_left_alone(tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as connection:
        connection.execute("create table mine (a int)")
    connection.close()
    with pytest.raises(HistoryFailed, match="something else"):
        open_history(str(other))
    with pytest.raises(HistoryFailed, match="is a folder"):
        open_history(str(tmp_path))
    newer = tmp_path / "newer"
    open_history(str(newer)).close()
    with sqlite3.connect(newer) as connection:
        connection.execute("update alembic_version set version_num = '9999'")
    connection.close()
    with pytest.raises(HistoryFailed, match="newer pgadvise"):
        open_history(str(newer))
    with sqlite3.connect(newer) as connection:
        assert connection.execute("select version_num from alembic_version").fetchone() == ("9999",)
    connection.close()
    assert not list(tmp_path.glob("*damaged*"))


def test_a_password_is_never_said() -> None:
    with pytest.raises(HistoryFailed) as failed:
        open_history("postgresql://ann:s3cret@127.0.0.1:1/none")
    assert "s3cret" not in str(failed.value) and "127.0.0.1" in str(failed.value)


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("postgresql://a@b/c", True),
        ("host=db dbname=x", True),
        ("service=history", True),
        ("/var/lib/a.sqlite", False),
        ("history.sqlite", False),
        ("./dbname=odd/file", False),
    ],
)
def test_what_names_a_database(place: str, expected: bool) -> None:
    assert is_dsn(place) is expected


def test_a_run_of_a_big_server_takes_little(tmp_path: Path) -> None:
    texts = tuple(
        statement(
            f"select c{i} from orders o join customers c on c.id = o.c{i} where o.id = $1", calls=i + 3, mean=i / 7
        )
        for i in range(2000)
    )
    with open_history(str(tmp_path / "h")) as history:
        target: int = history.target(SHOP).id
        for number in range(3):
            history.save(target, run(number, snapshot=reading(number, statements=texts)))
        sizes = [head.size_bytes for head in history.runs()]
    assert max(sizes) < 120_000, "about 50 bytes for each statement"
