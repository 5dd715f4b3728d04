"""Proposals are carried out on real servers: they start, show the values, ask for nothing more, and can be undone."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
import pytest

from advisor.cluster import Cluster, start_cluster
from advisor.collect.reader import Reader
from advisor.collect.server import collect_role_settings, collect_server, collect_settings
from advisor.model.report import SettingProposal
from advisor.model.snapshot import Snapshot
from advisor.settings import SettingsOptions, advise_for_host, advise_settings
from tests.conftest import binaries_for, missing

pytestmark = pytest.mark.server

GB = 1 << 30


def read(cluster: Cluster) -> Snapshot:
    with psycopg.connect(cluster.dsn()) as connection:
        reader = Reader(connection)
        return Snapshot(
            tool_version="test",
            server=collect_server(reader),
            settings=collect_settings(reader),
            role_settings=collect_role_settings(reader),
        )


def run(cluster: Cluster, statements: Sequence[str]) -> None:
    with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def restart(cluster: Cluster) -> None:
    cluster.stop()
    cluster.start()


def shown(cluster: Cluster, names: Sequence[str]) -> dict[str, str]:
    with psycopg.connect(cluster.dsn()) as connection:
        return {name: connection.execute("select current_setting(%s)", (name,)).fetchone()[0] for name in names}  # type: ignore[index]


def apply(cluster: Cluster, proposals: Sequence[SettingProposal]) -> None:
    for proposal in proposals:
        run(cluster, proposal.apply_sql)
    restart(cluster)
    with psycopg.connect(cluster.dsn()) as connection:
        for proposal in proposals:
            found = connection.execute(
                "select setting = reset_val and not pending_restart from pg_settings where name = %s", (proposal.name,)
            ).fetchone()
            assert found == (True,), proposal.name
    expected = {p.name: p.proposed for p in proposals}
    if cluster.major >= 15 and expected.get("wal_compression") == "on":
        expected["wal_compression"] = "pglz"  # what "on" means there
    assert shown(cluster, list(expected)) == expected


@pytest.mark.parametrize("profile", ["web", "dw"])
def test_advice_is_applied_kept_and_undone(major: int, profile: str) -> None:
    binaries = binaries_for(major)
    if binaries is None:
        missing(f"PostgreSQL {major}")
        raise AssertionError("not reached")
    # Different enough from every default that each kind of value takes part.
    options = SettingsOptions(ram_bytes=2 * GB, cores=16, storage="ssd", profile=profile, connections=60)
    with start_cluster(binaries) as cluster:
        before = read(cluster)
        advice = advise_settings(before, options)
        names = [p.name for p in advice.proposals]
        assert {"shared_buffers", "max_connections", "random_page_cost", "max_worker_processes"} <= set(names)
        assert advice.worst_case_bytes_proposed is not None and advice.worst_case_bytes_proposed <= 0.9 * 2 * GB
        old = shown(cluster, names)
        apply(cluster, advice.proposals)
        again = advise_settings(read(cluster), options)
        assert [(p.name, p.current, p.proposed) for p in again.proposals] == []
        for proposal in advice.proposals:
            run(cluster, proposal.undo_sql)
        restart(cluster)
        assert shown(cluster, names) == old


def test_a_new_servers_settings_start(major: int) -> None:
    """What is printed for a host without a server is accepted by a server of that version."""
    binaries = binaries_for(major)
    if binaries is None:
        missing(f"PostgreSQL {major}")
        raise AssertionError("not reached")
    advice = advise_for_host(major, 150, SettingsOptions(ram_bytes=3 * GB, cores=8, storage="nvme", profile="oltp"))
    with start_cluster(binaries) as cluster:
        apply(cluster, advice.proposals)
