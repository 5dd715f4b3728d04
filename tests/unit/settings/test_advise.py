"""Advice on a server: values, reasons, what is left alone, and what is said when something is unknown."""

from __future__ import annotations

import pytest

from advisor.model.report import SettingProposal, SettingsAdvice
from advisor.model.server import HostFacts
from advisor.settings import SettingsOptions, advise_for_host, advise_settings
from tests.unit.settings.samples import CONF, GB, SCHOOL_VALUES, host, snapshot


def by_name(advice: SettingsAdvice) -> dict[str, SettingProposal]:
    return {p.name: p for p in advice.proposals}


def test_the_school_server() -> None:
    advice = advise_settings(snapshot(15, SCHOOL_VALUES, host=host(8 * GB, 2)), SettingsOptions())
    found = by_name(advice)
    work_mem = found["work_mem"]
    assert (work_mem.current, work_mem.proposed, work_mem.restart) == ("64MB", "14MB", False)
    assert work_mem.current_source == f"{CONF} line 10"
    assert work_mem.apply_sql == ("ALTER SYSTEM SET work_mem = '14MB'", "SELECT pg_reload_conf()")
    # The file's value shows again once ours is gone.
    assert work_mem.undo_sql == ("ALTER SYSTEM RESET work_mem", "SELECT pg_reload_conf()")
    assert "210 % of 8 GB RAM" in work_mem.reason
    assert not {"shared_buffers", "effective_cache_size", "maintenance_work_mem", "max_connections"} & set(found)
    assert advice.proposals[0].name == "work_mem"  # the worst first
    assert "settings/memory_overcommit" in {f.rule for f in advice.findings}
    assert all(f.subject == "settings" for f in advice.findings)


def test_unknown_ram_brings_no_memory_advice() -> None:
    advice = advise_settings(snapshot(15, SCHOOL_VALUES, host=host(None, 2)), SettingsOptions())
    memory = {
        "shared_buffers",
        "effective_cache_size",
        "work_mem",
        "maintenance_work_mem",
        "autovacuum_work_mem",
        "max_connections",
    }
    assert not memory & set(by_name(advice))
    assert dict(advice.refused)["shared_buffers"] == "the RAM is unknown; give it with --ram 8GB"
    assert advice.ram_bytes is None and advice.worst_case_bytes_proposed is None
    assert advice.worst_case_bytes_now is not None  # that is arithmetic on the settings alone
    assert not {f.rule for f in advice.findings} & {"settings/memory_overcommit", "settings/shared_buffers_too_large"}


def test_unknown_cores_and_storage_name_their_flags() -> None:
    advice = advise_settings(snapshot(17, host=HostFacts()), SettingsOptions())
    refused = dict(advice.refused)
    assert "--cores" in refused["max_parallel_workers"]
    assert "--storage" in refused["random_page_cost"]
    assert not {"max_worker_processes", "random_page_cost"} & set(by_name(advice))


def test_flags_win_over_what_was_found() -> None:
    options = SettingsOptions(ram_bytes=16 * GB, cores=8, storage="hdd")
    advice = advise_settings(snapshot(15, host=host(8 * GB, 2, "ssd")), options)
    assert (advice.ram_bytes, advice.ram_source, advice.cores) == (16 * GB, "--ram", 8)
    assert by_name(advice)["shared_buffers"].proposed == "4GB"
    assert "random_page_cost" not in by_name(advice)  # 4 is right for rotating disks
    half = advise_settings(snapshot(15), SettingsOptions(ram_bytes=16 * GB, ram_share=0.5))
    assert half.ram_bytes == 8 * GB


@pytest.mark.parametrize("major", range(13, 19))
def test_versions(major: int) -> None:
    found = by_name(advise_for_host(major, 100, SettingsOptions(ram_bytes=64 * GB, cores=32, storage="nvme")))
    assert ("checkpoint_completion_target" in found) == (major == 13)
    assert ("vacuum_buffer_usage_limit" in found) == (major == 16)
    assert ("io_workers" in found) == (major == 18)
    assert found["effective_io_concurrency"].proposed == ("128" if major == 18 else "200")
    assert found["autovacuum_max_workers"].restart == (major < 18)
    assert found["shared_buffers"].restart and not found["work_mem"].restart
    assert found["random_page_cost"].proposed == "1.1"


def test_lz4_only_where_the_server_has_it() -> None:
    with_lz4 = advise_settings(snapshot(16), SettingsOptions())
    without = advise_settings(
        snapshot(16, overrides={"wal_compression": {"enumvals": ("pglz", "on", "off")}}), SettingsOptions()
    )
    assert by_name(with_lz4)["wal_compression"].proposed == "lz4"
    assert by_name(without)["wal_compression"].proposed == "on"
    assert by_name(advise_settings(snapshot(14), SettingsOptions()))["wal_compression"].proposed == "on"


def test_a_platform_without_read_ahead() -> None:
    shot = snapshot(16, overrides={"effective_io_concurrency": {"setting": "0", "max_val": "0"}}, host=host())
    assert "effective_io_concurrency" not in by_name(advise_settings(shot, SettingsOptions()))


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        ("dw", {"default_statistics_target": "500", "checkpoint_timeout": "30min", "max_wal_size": "16GB"}),
        ("oltp", {"jit": "off", "checkpoint_timeout": "15min", "max_wal_size": "8GB"}),
    ],
)
def test_profiles(profile: str, expected: dict[str, str]) -> None:
    options = SettingsOptions(ram_bytes=64 * GB, cores=16, storage="ssd", profile=profile)
    found = by_name(advise_for_host(17, 50, options))
    assert {n: found[n].proposed for n in expected} == expected
    assert ("jit" in found) == (profile != "dw")


def test_what_is_right_already_is_not_proposed() -> None:
    """Applying everything and asking again brings nothing new."""
    options = SettingsOptions(ram_bytes=32 * GB, cores=8, storage="ssd", connections=100)
    first = advise_for_host(17, 100, options)
    shot = snapshot(
        17, {p.name: p.proposed for p in first.proposals} | {"track_io_timing": "on"}, host=host(32 * GB, 8)
    )
    second = advise_settings(shot, SettingsOptions())
    assert {p.name for p in second.proposals} <= {"wal_compression"}
    assert "work_mem" in second.sound


def test_small_differences_are_left_alone() -> None:
    shot = snapshot(17, {"shared_buffers": "2500MB", "effective_cache_size": "6GB", "work_mem": "20MB"}, host=host())
    advice = advise_settings(shot, SettingsOptions())
    assert not {"shared_buffers", "effective_cache_size", "work_mem"} & set(by_name(advice))
    assert {"shared_buffers", "effective_cache_size", "work_mem"} <= set(advice.sound)


def test_connections_asked_for_are_a_change() -> None:
    advice = advise_settings(snapshot(17, host=host(16 * GB)), SettingsOptions(connections=300))
    assert by_name(advice)["max_connections"].proposed == "300"


def test_values_of_the_reading_session_do_not_count() -> None:
    own = {"setting": "off", "reset_val": "on", "source": "session"}
    advice = advise_settings(snapshot(17, overrides={"jit": own}), SettingsOptions(profile="web"))
    assert by_name(advice)["jit"].current == "on"
    hidden = {"setting": "64", "source": "user"}
    advice = advise_settings(snapshot(17, overrides={"work_mem": hidden}, host=host()), SettingsOptions())
    assert "the server's is not visible" in dict(advice.refused)["work_mem"]


def test_roles_with_values_of_their_own_are_named() -> None:
    from advisor.model.server import RoleSetting

    roles = (RoleSetting(database=None, role="reporting", name="work_mem", value="1GB"),)
    advice = advise_settings(snapshot(15, SCHOOL_VALUES, host=host(8 * GB, 2), role_settings=roles), SettingsOptions())
    assert "Role reporting has its own value (1GB)" in by_name(advice)["work_mem"].reason


def test_settings_that_could_not_be_read() -> None:
    from dataclasses import replace

    advice = advise_settings(replace(snapshot(17), settings=()), SettingsOptions(ram_bytes=8 * GB))
    assert not advice.proposals and "could not be read" in advice.notes[0]
    few = tuple(s for s in snapshot(17).settings if s.name in ("work_mem", "jit"))
    assert "shared_buffers" in advise_settings(replace(snapshot(17), settings=few), SettingsOptions()).notes[0]


def test_a_standby_is_not_lowered_below_its_primary() -> None:
    from dataclasses import replace

    shot = snapshot(17, SCHOOL_VALUES, host=host(4 * GB, 2))
    assert by_name(advise_settings(shot, SettingsOptions()))["max_connections"].proposed == "100"
    standby = replace(shot, server=replace(shot.server, in_recovery=True))
    advice = advise_settings(standby, SettingsOptions())
    assert "max_connections" not in by_name(advice)
    assert advice.worst_case_bytes_proposed is not None and advice.worst_case_bytes_proposed <= 0.9 * 4 * GB
    # Raising is allowed, and said to be for standbys first.
    workers = by_name(advise_settings(replace(standby, host=host(4 * GB, 32)), SettingsOptions()))
    assert workers["max_worker_processes"].proposed == "36"
    assert "raise it there first" in workers["max_worker_processes"].reason


def test_a_low_threshold_for_every_table_is_taken_back() -> None:
    shot = snapshot(18, {"autovacuum_vacuum_max_threshold": "100000"}, host=host())
    assert by_name(advise_settings(shot, SettingsOptions()))["autovacuum_vacuum_max_threshold"].proposed == "100000000"
    default = advise_settings(snapshot(18, host=host()), SettingsOptions())
    assert "autovacuum_vacuum_max_threshold" not in by_name(default)
