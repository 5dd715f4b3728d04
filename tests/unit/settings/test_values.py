"""Values are read and written as PostgreSQL does it."""

from __future__ import annotations

import pytest

from advisor.errors import UsageError
from advisor.settings import SettingsOptions, advise_for_host, parse_cores, parse_ram, parse_users
from advisor.settings.facts import majors_with, settings_of
from advisor.settings.values import ValueRefused, normalise, round_down, show


@pytest.mark.parametrize(
    ("name", "text", "setting"),
    [
        ("work_mem", "64MB", "65536"),
        ("work_mem", "0x40MB", "65536"),
        ("work_mem", "1.5MB", "1536"),
        ("shared_buffers", "2GB", "262144"),
        ("shared_buffers", "16384", "16384"),
        ("max_wal_size", "1 TB", "1048576"),
        ("checkpoint_timeout", "15min", "900"),
        ("checkpoint_timeout", "0.5h", "1800"),
        ("autovacuum_work_mem", "-1", "-1"),
        ("random_page_cost", "1.1", "1.1"),
        ("checkpoint_completion_target", ".9", "0.9"),
        ("fsync", "TRUE", "on"),
        ("fsync", "of", "off"),
        ("huge_pages", "TRY", "try"),
        ("wal_compression", "lz4", "lz4"),
    ],
)
def test_reading(name: str, text: str, setting: str) -> None:
    assert normalise(settings_of(15)[name], text) == setting


@pytest.mark.parametrize(
    ("name", "text", "telling"),
    [
        ("work_mem", "64mb", "did you mean 64MB"),
        ("work_mem", "64m", "did you mean 64MB"),
        ("shared_buffers", "2G", "did you mean 2GB"),
        ("work_mem", "5min", "units are B, kB"),
        ("max_connections", "10MB", "plain number"),
        ("max_connections", "ten", "not a number"),
        ("max_connections", "0", "legal range of 1 to 262143"),
        ("work_mem", "8kB", "legal range of 64kB"),
        ("fsync", "o", "neither on nor off"),
        ("wal_level", "hot_standby", "not one of minimal, replica, logical"),
    ],
)
def test_refusals_are_one_sentence(name: str, text: str, telling: str) -> None:
    with pytest.raises(ValueRefused) as refused:
        normalise(settings_of(15)[name], text)
    message = str(refused.value)
    assert telling in message
    assert message.startswith(f"{name}: ") and message.endswith(".") and "\n" not in message


def test_showing() -> None:
    facts = settings_of(15)
    assert show(facts["shared_buffers"], "16384") == "128MB"
    assert show(facts["autovacuum_work_mem"], "-1") == "-1"
    assert show(facts["statement_timeout"], "0") == "0"
    assert show(facts["statement_timeout"], "30000") == "30s"
    assert show(facts["random_page_cost"], "1.1") == "1.1"
    assert show(facts["jit"], "on") == "on"


def test_rounding_never_raises() -> None:
    before = 0
    for value in range(5000):
        rounded = round_down(value, 4)
        assert before <= rounded <= value
        before = rounded


def test_versions_differ() -> None:
    assert majors_with("io_method") == (18,)
    assert majors_with("vacuum_buffer_usage_limit") == (16, 17, 18)
    assert settings_of(14)["hash_mem_multiplier"].default == "1"
    assert settings_of(15)["hash_mem_multiplier"].default == "2"
    assert settings_of(17)["autovacuum_max_workers"].needs_restart
    assert not settings_of(18)["autovacuum_max_workers"].needs_restart


@pytest.mark.parametrize(
    "call",
    [
        lambda: SettingsOptions(ram_bytes=0),
        lambda: SettingsOptions(ram_bytes=2 << 60),
        lambda: SettingsOptions(cores=-1),
        lambda: SettingsOptions(cores=float("nan")),
        lambda: SettingsOptions(storage="tape"),
        lambda: SettingsOptions(profile="fast"),
        lambda: SettingsOptions(users=0),
        lambda: SettingsOptions(connections=0),
        lambda: SettingsOptions(pool=0),
        lambda: SettingsOptions(ram_share=1.5),
        lambda: SettingsOptions(provider="heroku"),
        lambda: parse_ram("8"),
        lambda: parse_ram("lots"),
        lambda: parse_cores("-1"),
        lambda: parse_cores("many"),
        lambda: parse_users("many"),
        lambda: parse_users("-5"),
        lambda: advise_for_host(12, 100, SettingsOptions()),
        lambda: advise_for_host(99, 100, SettingsOptions()),
        lambda: advise_for_host(17, 0, SettingsOptions()),
    ],
)
def test_impossible_facts_are_refused_in_one_sentence(call: object) -> None:
    with pytest.raises(UsageError) as refused:
        call()  # type: ignore[operator]
    assert refused.value.message.endswith(".") and "\n" not in refused.value.message
    assert refused.value.hint
    assert refused.value.exit_code == 2
