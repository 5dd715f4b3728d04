"""From users to connections: the table of the four applications, its assumptions, and what does not fit."""

from __future__ import annotations

from itertools import pairwise

import pytest

from advisor.errors import UsageError
from advisor.settings import (
    Assumptions,
    SettingsOptions,
    advise_for_host,
    advise_settings,
    capacity,
    capacity_for_host,
    parse_peaks,
)
from tests.unit.settings.samples import GB, host, snapshot, statement


@pytest.mark.parametrize(
    ("users", "busy", "pool", "cores", "clients"),
    [(200, 1.2, 5, 2, 240), (500, 3, 5, 2, 600), (1000, 6, 9, 4, 1200), (3500, 21, 31, 16, 4200)],
)
def test_the_applications(users: int, busy: float, pool: int, cores: int, clients: int) -> None:
    found = capacity(users)
    assert (found.busy, found.pool, found.cores, found.max_client_connections) == (
        pytest.approx(busy),
        pool,
        cores,
        clients,
    )
    assert found.max_connections >= 1.2 * (pool + 10 + 4 + 3)
    assert found.busy < 0.7 * found.pool
    assert f"default_pool_size = {pool}\n" in found.pgbouncer_ini
    assert f"max_db_connections = {pool}\n" in found.pgbouncer_ini
    assert f"max_client_conn = {clients}\n" in found.pgbouncer_ini
    assert f"nofile >= {clients + pool + 100}" in found.pgbouncer_ini
    assert any("20 ms of database time per request (assumed)" in a for a in found.assumptions)


def test_more_users_never_need_less() -> None:
    found = [capacity(users) for users in range(1, 20000, 37)]
    for before, after in pairwise(found):
        assert before.pool <= after.pool and before.cores <= after.cores
        assert before.max_connections <= after.max_connections


def test_every_assumption_can_be_replaced() -> None:
    slow = capacity(500, Assumptions(database_seconds=0.2, seconds_between_requests=5, peak_factor=2))
    assert slow.busy == pytest.approx(40) and slow.pool == 58
    assert "200 ms" in " ".join(slow.assumptions)


def test_too_few_cores_are_told_not_papered_over() -> None:
    found = capacity(3500, cores=4)
    assert found.pool == 9  # 2 x 4 + 1
    assert "31 busy connections want 16 cores" in found.warnings[0]


def test_the_applications_own_pools_must_fit() -> None:
    # The shop: pools of 50, four processes on three servers.
    found = capacity(500, Assumptions(application_pool=50, processes=4, servers=3), max_connections=100)
    assert found.application_connections == 600
    (warning,) = [w for w in found.warnings if "50 x 4 processes x 3 servers = 600" in w]
    assert "at most 7" in warning  # (100 - 7) / 12
    fitting = capacity(500, Assumptions(application_pool=5, processes=2), max_connections=100)
    assert not fitting.warnings and "fits" in fitting.notes[0]


def test_memory_holds_for_each_application() -> None:
    # The dating application has 1 GB for everything.
    for users, ram in ((1000, 1), (200, 1), (500, 2), (3500, 8)):
        found = capacity_for_host(users, SettingsOptions(ram_bytes=ram * GB))
        assert found.worst_case_bytes is not None and found.worst_case_bytes <= 0.9 * ram * GB
        assert found.work_mem_bytes is not None and found.work_mem_bytes >= 1 << 20


def test_neon_suspends_before_the_idle_timeout() -> None:
    found = capacity(3500, provider="neon")
    assert any("600 s outlives Neon's suspension" in w for w in found.warnings)
    assert "server_idle_timeout = 240" in found.pgbouncer_ini
    assert any("not a knob" in n for n in found.notes)
    assert not any("outlives" in w for w in capacity(3500, Assumptions(idle_timeout=120), provider="neon").warnings)


def test_measured_time_replaces_the_assumption() -> None:
    busy = tuple(statement(f"select {i}", calls=1000, total_exec_time=50_000.0) for i in range(4))
    advice = advise_settings(snapshot(17, statements=busy, host=host()), SettingsOptions(users=1000))
    assert advice.capacity is not None
    assert advice.capacity.busy == pytest.approx(15)  # 300 requests a second, 50 ms each
    assert any("average of 4,000 statements in pg_stat_statements" in a for a in advice.capacity.assumptions)
    few = advise_settings(snapshot(17, statements=(statement(),)), SettingsOptions(users=1000)).capacity
    assert few is not None and few.busy == pytest.approx(6)
    assert advise_settings(snapshot(17), SettingsOptions()).capacity is None


@pytest.mark.parametrize(
    "call",
    [
        lambda: capacity(0),
        lambda: capacity(-5),
        lambda: Assumptions(database_seconds=0),
        lambda: Assumptions(peak_factor=float("inf")),
        lambda: Assumptions(servers=0),
        lambda: Assumptions(direct=-1),
        lambda: Assumptions(application_pool=0),
        lambda: capacity_for_host(0, SettingsOptions()),
    ],
)
def test_impossible_numbers(call: object) -> None:
    with pytest.raises(UsageError):
        call()  # type: ignore[operator]


def test_peaks_by_the_hour() -> None:
    found = capacity(3500, Assumptions(peaks=parse_peaks("7-9:3, 18-22:1.5")))
    assert found.pool == 31 and found.busy == pytest.approx(21)
    assert found.notes[:2] == (
        "07:00 to 09:00: 21 connections busy, pool 31.",
        "18:00 to 22:00: 10.5 connections busy, pool 16.",
    )
    for text in ("", "7-9:", "9-7:2", "7-25:2", "7-9:0", "morning:3"):
        with pytest.raises(UsageError, match="is not a peak"):
            parse_peaks(text)


def test_users_size_a_new_server() -> None:
    options = SettingsOptions(ram_bytes=8 << 30, cores=16, users=3500)
    advice = advise_for_host(17, None, options)
    proposed = {p.name: p.proposed for p in advice.proposals}
    assert advice.capacity is not None and proposed["max_connections"] == str(advice.capacity.max_connections) == "60"
    assert "3,500 users: 21 connections busy at the peak, a pool of 31 on 16 cores" in advice.notes[0]
    asked = advise_for_host(17, 150, options)
    assert {p.name: p.proposed for p in asked.proposals}["max_connections"] == "150"
