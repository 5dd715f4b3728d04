"""Where a twin's server comes from, and that nothing of it stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from advisor.cluster import Cluster, start_cluster
from advisor.errors import TwinFailed, UsageError
from advisor.progress import Silent
from advisor.whatif import WhatIfOptions, open_whatif
from advisor.whatif.twin.files import LocalFiles, RemoteFiles, segments
from tests.conftest import binaries_for
from tests.whatif.conftest import requests, statement, take_snapshot, twin_of
from tests.whatif.test_twin_fidelity import compare

pytestmark = pytest.mark.server

TERABYTE = 1 << 40


@pytest.fixture(scope="module")
def other_server() -> Iterator[Cluster]:
    """A server that is not ours to restart."""
    binaries = binaries_for(15)
    assert binaries is not None
    with start_cluster(binaries, {"fsync": "off", "autovacuum": "off", "max_locks_per_transaction": "512"}) as cluster:
        yield cluster


def databases(cluster: Cluster) -> list[str]:
    with psycopg.connect(cluster.dsn()) as connection:
        return [row[0] for row in connection.execute("select datname from pg_database where datname ~ '^pgadvise'")]


def test_a_given_server_serves_as_twin_and_is_left_clean(other_server: Cluster, seeded: Callable[[int], str]) -> None:
    """Files are sized by the server's own shell; the database is dropped afterwards, also after an error."""
    dsn = seeded(15)
    with twin_of(take_snapshot(dsn), twin_dsn=other_server.dsn()) as engine:
        costs, shapes, compared = compare(dsn, engine)
        assert len(databases(other_server)) == 1
    assert shapes == []
    assert len(costs) <= 0.12 * compared, costs
    assert databases(other_server) == []
    with pytest.raises(KeyboardInterrupt), twin_of(take_snapshot(dsn), twin_dsn=other_server.dsn()):
        raise KeyboardInterrupt
    assert databases(other_server) == []


def test_a_server_that_cannot_serve_is_refused(other_server: Cluster, seeded: Callable[[int], str]) -> None:
    snapshot = take_snapshot(seeded(15))
    with psycopg.connect(other_server.dsn(), autocommit=True) as connection:
        connection.execute("create role plain login")
    with pytest.raises(TwinFailed, match="not a superuser"), twin_of(snapshot, twin_dsn=other_server.dsn(user="plain")):
        pytest.fail("a plain role cannot write statistics")
    with (
        pytest.raises(TwinFailed, match="cannot be reached"),
        twin_of(snapshot, twin_dsn="host=/nonexistent-socket dbname=x"),
    ):
        pytest.fail("nobody listens there")
    with pytest.raises(UsageError), open_whatif(snapshot, WhatIfOptions(mode="magic"), None, Silent()):
        pytest.fail("there is no such mode")


def test_a_private_twin_is_gone_after_ctrl_c(seeded: Callable[[int], str], use_major: Callable[[int], None]) -> None:
    use_major(15)
    snapshot = take_snapshot(seeded(15))
    with pytest.raises(KeyboardInterrupt), twin_of(snapshot) as engine:
        directory = Path(engine.session.connection.info.host)  # type: ignore[attr-defined]
        assert directory.is_dir()
        raise KeyboardInterrupt
    assert not directory.exists()


def test_mode_none_yields_nothing(seeded: Callable[[int], str]) -> None:
    with open_whatif(take_snapshot(seeded(15)), WhatIfOptions(mode="none"), None, Silent()) as engine:
        assert engine is None


def test_huge_relations_take_no_disk_and_survive_a_restart(tmp_path: Path) -> None:
    """Two terabytes of empty pages: the server sees them, the disk does not, a checkpoint keeps them."""
    binaries = binaries_for(15)
    assert binaries is not None
    with start_cluster(binaries, {"autovacuum": "off", "fsync": "off"}) as cluster:
        with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
            connection.execute("create table big (id int)")
            row = connection.execute("select pg_relation_filepath('big')").fetchone()
        assert row is not None
        used = disk_bytes(cluster.data_directory)
        LocalFiles(cluster.data_directory).resize({row[0]: 2 * TERABYTE})
        for _ in range(2):
            with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
                connection.execute("checkpoint")
                assert connection.execute("select pg_relation_size('big')").fetchone() == (2 * TERABYTE,)
                assert connection.execute("select count(*) from big where ctid = '(5,1)'").fetchone() == (0,)
            cluster.stop()
            cluster.start()
        # Whatever the server wrote on the way, it is not the table.
        assert disk_bytes(cluster.data_directory / Path(row[0]).parent) < used + 20_000_000
        LocalFiles(cluster.data_directory).resize({row[0]: 3 * 8192})
        with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
            assert connection.execute("select pg_relation_size('big')").fetchone() == (3 * 8192,)


def disk_bytes(folder: Path) -> int:
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())


def test_remote_files_write_as_local_ones_do(tmp_path: Path) -> None:
    binaries = binaries_for(15)
    assert binaries is not None
    pages = [("pgadvise_test", 8192, bytes(range(256)) * 32), ("pgadvise_test", 0, b"\\N\n" * 2730 + b"xx")]
    found = []
    with (
        start_cluster(binaries, {"fsync": "off"}) as cluster,
        psycopg.connect(cluster.dsn(), autocommit=True) as connection,
    ):
        for files in (LocalFiles(cluster.data_directory), RemoteFiles(connection)):
            files.resize({"pgadvise_test": 5 * 8192})
            files.write(pages)
            file = cluster.data_directory / "pgadvise_test"
            found.append(file.read_bytes())
            file.unlink()
    assert found[0] == found[1]
    assert found[0][8192:16384] == pages[0][2] and len(found[0]) == 5 * 8192


def test_segments_of_a_large_relation() -> None:
    assert segments("base/1/2", 0) == [("base/1/2", 0)]
    gibibyte = 1 << 30
    assert segments("r", gibibyte) == [("r", gibibyte), ("r.1", 0)]
    assert segments("r", 2 * gibibyte + 5)[-1] == ("r.2", 5)


def test_running_as_another_user_is_not_needed() -> None:
    """Files of the twin belong to its server's account also when this process is root."""
    binaries = binaries_for(15)
    assert binaries is not None
    with start_cluster(binaries, {"fsync": "off"}) as cluster:
        with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
            connection.execute("create table t (id int)")
            row = connection.execute("select pg_relation_filepath('t')").fetchone()
        assert row is not None
        LocalFiles(cluster.data_directory).resize({row[0]: (1 << 30) + 8192})
        first, second = ((cluster.data_directory / name).stat() for name in (row[0], row[0] + ".1"))
        assert first.st_uid == second.st_uid


def test_planning_on_the_twin_touches_nothing_of_production(
    seeded: Callable[[int], str], use_major: Callable[[int], None]
) -> None:
    use_major(15)
    dsn = seeded(15)
    counters = "select xact_commit + xact_rollback from pg_stat_database where datname = current_database()"
    with psycopg.connect(dsn, autocommit=True) as watcher:
        snapshot = take_snapshot(dsn)
        with twin_of(snapshot) as engine:
            one = watcher.execute(counters).fetchone()
            engine.planner.plan_many(requests([statement("select 1")] * 50))
            two = watcher.execute(counters).fetchone()
    assert one is not None and two is not None and two[0] - one[0] <= 3
