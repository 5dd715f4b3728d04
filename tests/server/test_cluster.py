"""Private clusters start on every major, as root too, and leave nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from advisor import seed
from advisor.cluster import Binaries, Cluster, start_cluster
from tests.conftest import REPOSITORY, binaries_for, missing

pytestmark = pytest.mark.server


@pytest.fixture
def binaries() -> Binaries:
    found = binaries_for(15)
    if found is None:
        missing("PostgreSQL 15")
        raise AssertionError("not reached")
    return found


@pytest.fixture
def seeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of the test's own; seeds are in it once a seeded cluster has been started."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache/pgadvise/clusters"


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Path]]:
    """The data directories initdb was run for."""
    made: list[Path] = []
    original = Cluster.initialise

    def initialise(self: Cluster, initdb_options: tuple[str, ...] = ()) -> None:
        made.append(self.data_directory)
        original(self, initdb_options)

    monkeypatch.setattr(Cluster, "initialise", initialise)
    yield made


def ask(cluster: Cluster, query: str) -> str:
    with psycopg.connect(cluster.dsn()) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return str(row[0])


def test_database_is_fresh(database: str, major: int) -> None:
    with psycopg.connect(database) as connection:
        assert connection.info.server_version // 10000 == major
        assert connection.execute(
            "select count(*) from pg_class where relnamespace = 'public'::regnamespace"
        ).fetchone() == (0,)


def test_cluster_is_gone_after_an_error(binaries: Binaries) -> None:
    with pytest.raises(KeyboardInterrupt), start_cluster(binaries) as cluster:
        directory = cluster.directory
        raise KeyboardInterrupt
    assert not directory.exists()


def test_a_seeded_cluster_is_a_fresh_one(binaries: Binaries, seeds: Path, counted: list[Path]) -> None:
    options = ("--wal-segsize=1",)
    with start_cluster(binaries, {"work_mem": "7MB"}, options, seeded=True) as first:
        with psycopg.connect(first.dsn(), autocommit=True) as connection:
            connection.execute("create table left_behind ()")
            connection.execute("create role somebody")
        with start_cluster(binaries, {"work_mem": "9MB"}, options, seeded=True) as second:
            assert (ask(first, "show work_mem"), ask(second, "show work_mem")) == ("7MB", "9MB")
            assert ask(second, "select count(*) from pg_class where relname = 'left_behind'") == "0"
            assert ask(second, "select count(*) from pg_roles where rolname = 'somebody'") == "0"
            assert ask(second, "show wal_segment_size") == "1MB"
    assert len(counted) == 1, "the second is a copy"
    (kept,) = seeds.iterdir()
    assert not list(kept.glob("postmaster.*")), "kept before the first start"
    with start_cluster(binaries, {}, ("--wal-segsize=2",), seeded=True) as other:
        assert ask(other, "show wal_segment_size") == "2MB"
    assert len(list(seeds.iterdir())) == 2, "other options are another seed"


def test_a_damaged_seed_costs_only_time(binaries: Binaries, seeds: Path, counted: list[Path]) -> None:
    with start_cluster(binaries, {}, seeded=True):
        pass
    (kept,) = seeds.iterdir()
    (kept / "global/pg_control").write_bytes(b"")
    with start_cluster(binaries, {"work_mem": "9MB"}, seeded=True) as cluster:
        assert ask(cluster, "show work_mem") == "9MB"
    assert len(counted) == 2
    assert (kept / "global/pg_control").stat().st_size > 0, "made anew"


def test_without_a_folder_of_its_own_there_is_no_seed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bindir = Path(sys.executable).parent
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert seed.seed_for(bindir, "15.1", (), "") is None
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = tmp_path / "pgadvise/clusters"
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    assert seed.seed_for(bindir, "15.1", (), "") is None, "others could put a cluster there"


def test_old_seeds_are_removed(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    folder = tmp_path / "clusters"
    (folder / "15.1-old").mkdir(parents=True)
    limit = time.time() + 8 * 86400
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(seed.time, "time", lambda: limit)
        seed.keep(data, folder / "15.2-new")
    assert [path.name for path in folder.iterdir()] == ["15.2-new"]


_PROGRAM = """
import sys
from advisor.cluster import start_cluster
from tests.conftest import binaries_for
with start_cluster(binaries_for(15), {"fsync": "off"}) as cluster:
    print(cluster.directory, cluster._process.pid, flush=True)
    sys.stdin.read()
"""


def test_a_killed_program_leaves_no_server_behind(binaries: Binaries) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM], cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        directory, server = process.stdout.readline().split()
        assert Path(directory).is_dir() and _runs(int(server))
        process.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 60
    while (Path(directory).exists() or _runs(int(server))) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(directory).exists() and not _runs(int(server))


def _runs(pid: int) -> bool:
    """Whether the process is there and no zombie that nobody in this container collects."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
