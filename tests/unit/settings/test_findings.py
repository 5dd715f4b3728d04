"""Dangerous switches, missing limits and waiting changes are found; a sound configuration is silent."""

from __future__ import annotations

import pytest

from advisor.model.finding import Finding
from advisor.model.server import RoleSetting
from advisor.settings import SettingsOptions, advise_settings
from tests.unit.settings.samples import GB, host, snapshot

QUIET = {"idle_in_transaction_session_timeout": "5min", "statement_timeout": "30s"}


def findings(changes: dict[str, str], major: int = 17, **parts: object) -> list[Finding]:
    shot = snapshot(major, QUIET | changes, **parts)
    return list(advise_settings(shot, SettingsOptions()).findings)


def test_a_sound_server_is_silent() -> None:
    for major in range(13, 19):
        assert findings({}, major, host=host(8 * GB, 4)) == []


@pytest.mark.parametrize(
    ("name", "value", "severity"),
    [
        ("fsync", "off", "critical"),
        ("full_page_writes", "off", "critical"),
        ("zero_damaged_pages", "on", "critical"),
        ("ignore_checksum_failure", "on", "critical"),
        ("autovacuum", "off", "high"),
        ("track_counts", "off", "high"),
        ("synchronous_commit", "off", "medium"),
    ],
)
def test_danger(name: str, value: str, severity: str) -> None:
    (found,) = findings({name: value})
    assert (found.rule, found.object, found.severity) == ("settings/dangerous", f"setting:{name}", severity)
    assert found.key == f"settings/dangerous:setting:{name}"
    good = "on" if value == "off" else "off"
    assert found.remedy.sql[0] == f"ALTER SYSTEM SET {name} = '{good}'"
    assert found.remedy.undo_sql[0] == f"ALTER SYSTEM SET {name} = '{value}'"
    (managed,) = findings({name: value}, provider="rds")
    assert not managed.remedy.sql and "Amazon RDS" in str(managed.remedy.note)


def test_planner_switches() -> None:
    (found,) = findings({"enable_nestloop": "off", "enable_seqscan": "off"})
    assert found.rule == "settings/planner_method_off"
    assert found.evidence == {"settings": ["enable_nestloop", "enable_seqscan"]}
    # Off by default: nothing to say.
    assert findings({"enable_partitionwise_join": "off"}) == []


def test_time_limits() -> None:
    rules = {f.rule for f in findings({"idle_in_transaction_session_timeout": "0", "statement_timeout": "0"})}
    assert rules == {"settings/no_idle_transaction_timeout", "settings/no_statement_timeout"}
    # 17 on: a limit for the whole transaction covers the idle part too.
    assert findings({"idle_in_transaction_session_timeout": "0", "transaction_timeout": "10min"}) == []
    roles = (RoleSetting(database=None, role="app", name="statement_timeout", value="30s"),)
    assert findings({"statement_timeout": "0"}, role_settings=roles) == []
    ours = {"statement_timeout": {"setting": "15000", "reset_val": "0", "source": "session"}}
    assert {f.rule for f in findings({}, overrides=ours)} == {"settings/no_statement_timeout"}


def test_pending_restart() -> None:
    (found,) = findings({}, overrides={"shared_buffers": {"pending_restart": True}})
    assert found.rule == "settings/pending_restart" and found.evidence == {"settings": ["shared_buffers"]}


def test_memory() -> None:
    changes = {"shared_buffers": "6GB", "effective_cache_size": "12GB", "autovacuum_work_mem": "64MB"}
    rules = {f.rule: f for f in findings(changes, host=host(8 * GB, 4))}
    assert rules["settings/shared_buffers_too_large"].severity == "high"
    assert rules["settings/effective_cache_size_over_ram"].severity == "high"
    assert rules["settings/shared_buffers_too_large"].remedy.sql[0] == "ALTER SYSTEM SET shared_buffers = '2GB'"
    # Between 90 and 100 % is tight, above is critical.
    tight = {"shared_buffers": "2GB", "work_mem": "50MB", "autovacuum_work_mem": "64MB"}
    (found,) = [f for f in findings(tight, host=host(8 * GB, 4)) if f.rule == "settings/memory_overcommit"]
    assert found.severity == "medium"


def test_huge_pages_that_were_not_there() -> None:
    status = {"huge_pages_status": {"setting": "off"}, "shared_memory_size_in_huge_pages": {"setting": "8400"}}
    changes = {"shared_buffers": "16GB", "autovacuum_work_mem": "512MB", "effective_cache_size": "40GB"}
    (found,) = findings(changes, 17, host=host(64 * GB, 8), overrides=status)
    assert found.rule == "settings/huge_pages_unused" and "Reserve 8400 huge pages" in str(found.remedy.note)
    assert findings({}, 17, overrides=status) == []  # small shared_buffers gain nothing
