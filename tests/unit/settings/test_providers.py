"""Providers are recognised by two signals; changes are written in each one's way; RAM is inferred only where sound."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from advisor.collect.providers import detect_provider
from advisor.model.report import SettingsAdvice
from advisor.model.server import Extension, Role, RoleSetting, Setting
from advisor.settings import SettingsOptions, advise_settings
from advisor.settings.configuration import server_configuration
from advisor.settings.host import infer_ram
from advisor.settings.providers import refusal
from tests.unit.settings.samples import CONF, GB, SCHOOL_VALUES, host, snapshot


def setting(name: str, value: str = "", source: str = "configuration file") -> Setting:
    return Setting(
        name=name, setting=value, unit=None, category="", context="postmaster", vartype="string", source=source
    )


def role(name: str) -> Role:
    return Role(name=name, superuser=False, can_login=True, bypass_rls=False)


CASES = {
    "rds": ([setting("rds.extensions")], ["rdsadmin"], ""),
    "aurora": ([setting("rds.extensions"), setting("apg_plan_mgmt.x")], [], "a.cluster-x.eu-west-1.rds.amazonaws.com"),
    "neon": ([setting("neon.tenant_id"), setting("shared_preload_libraries", "neon,x")], ["neon_superuser"], ""),
    "supabase": ([setting("shared_preload_libraries", "pg_cron, supautils")], ["supabase_admin"], ""),
    "cloudsql": ([setting("cloudsql.iam_authentication")], ["cloudsqlsuperuser"], ""),
    "azure": ([setting("azure.extensions")], ["azure_pg_admin"], "x.postgres.database.azure.com"),
    "cloudnativepg": (
        [setting("unix_socket_directories", "/controller/run"), setting("archive_command", "/controller/manager wal")],
        ["streaming_replica"],
        "",
    ),
    "patroni": (
        [
            setting(name, "1", "command line")
            for name in (
                "max_connections",
                "max_locks_per_transaction",
                "max_prepared_transactions",
                "wal_log_hints",
                "cluster_name",
            )
        ],
        [],
        "",
    ),
    "self-hosted": ([setting("max_connections", "100")], ["postgres"], "db.example.org"),
}


@pytest.mark.parametrize("provider", CASES)
def test_detection(provider: str) -> None:
    settings, roles, address = CASES[provider]
    found, signals = detect_provider(None, settings, [role(r) for r in roles], (), address)
    assert found == provider
    assert len(signals) >= 2 or provider == "self-hosted"


def test_one_signal_is_not_enough() -> None:
    # What a dump of a managed server leaves on one's own machine.
    roles = [role("rdsadmin"), role("neon_superuser"), role("azure_pg_admin"), role("cloudsqlsuperuser")]
    extensions = [Extension(name="plpgsql", version="1.0", schema="pg_catalog", default_version="1.0")]
    found, signals = detect_provider(None, [], roles, extensions, None)
    assert found == "self-hosted"
    assert signals == ("only one sign of rds: role rdsadmin",)


def advice_on(provider: str, **parts: object) -> SettingsAdvice:
    shot = snapshot(16, SCHOOL_VALUES, provider=provider, host=host(8 * GB, 2), **parts)
    return advise_settings(shot, SettingsOptions())


@pytest.mark.parametrize(
    ("provider", "telling"),
    [
        ("rds", "ParameterName=work_mem,ParameterValue=14336,ApplyMethod=immediate"),
        ("aurora", "ParameterName=work_mem,ParameterValue=14336"),
        ("supabase", "postgres-config update --config work_mem=12MB"),
        ("cloudsql", "--database-flags=YOUR_PRESENT_FLAGS,work_mem=14336"),
        ("azure", "--name work_mem --value 14336"),
        ("patroni", "patronictl edit-config YOUR_CLUSTER --pg work_mem='14MB'"),
        ("cloudnativepg", '"parameters":{"work_mem":"14MB"}'),
        ("neon", "ALTER DATABASE shop SET work_mem = '12MB'"),
        ("self-hosted", "ALTER SYSTEM SET work_mem = '14MB'"),
    ],
)
def test_changes_in_each_providers_way(provider: str, telling: str) -> None:
    # 12 MB where autovacuum_work_mem cannot be lowered to make room.
    (work_mem,) = [p for p in advice_on(provider).proposals if p.name == "work_mem"]
    assert telling in work_mem.apply_sql[0]
    assert work_mem.undo_sql
    if provider not in ("self-hosted", "neon"):
        # No SQL does it; the lines must not break a script of all changes.
        assert all(line.startswith("--") for line in (*work_mem.apply_sql, *work_mem.undo_sql))
        assert "64MB" in work_mem.undo_sql[0] or "65536" in work_mem.undo_sql[0]


def test_neon_leaves_what_it_sizes_itself() -> None:
    advice = advice_on("neon")
    assert {p.name for p in advice.proposals}.isdisjoint(
        {"shared_buffers", "max_connections", "max_wal_size", "autovacuum_work_mem", "wal_compression"}
    )
    assert all(not p.restart and p.apply_sql[0].startswith("ALTER DATABASE shop") for p in advice.proposals)
    off = advise_settings(snapshot(16, {"fsync": "off"}, provider="neon"), SettingsOptions())
    assert "settings/dangerous" not in {f.rule for f in off.findings}
    stored = (RoleSetting(database="shop", role=None, name="work_mem", value="64MB"),)
    (work_mem,) = [p for p in advice_on("neon", role_settings=stored).proposals if p.name == "work_mem"]
    assert work_mem.undo_sql == ("ALTER DATABASE shop SET work_mem = '64MB'",)


def test_undo_by_source() -> None:
    def undo(**columns: object) -> tuple[str, ...]:
        shot = snapshot(16, {"jit": "on"}, overrides={"jit": columns})
        (jit,) = [p for p in advise_settings(shot, SettingsOptions()).proposals if p.name == "jit"]
        return jit.undo_sql

    reset = ("ALTER SYSTEM RESET jit", "SELECT pg_reload_conf()")
    set_on = ("ALTER SYSTEM SET jit = 'on'", "SELECT pg_reload_conf()")
    assert undo(source="default", sourcefile=None) == reset
    assert undo(sourcefile=CONF) == reset
    assert undo(sourcefile="/data/postgresql.auto.conf") == set_on
    assert undo(sourcefile=None) == set_on  # the role may not see the file: safe either way
    assert undo(source="database", sourcefile=None) == ("ALTER DATABASE shop RESET jit",)


def test_where_alter_system_does_not_reach() -> None:
    shot = snapshot(16, {"jit": "on"}, overrides={"jit": {"source": "command line", "sourcefile": None}})
    (jit,) = [p for p in advise_settings(shot, SettingsOptions()).proposals if p.name == "jit"]
    assert all(line.startswith("--") for line in jit.apply_sql) and "-c jit=off" in jit.apply_sql[1]
    shot = snapshot(17, {"jit": "on", "allow_alter_system": "off"})
    (jit,) = [p for p in advise_settings(shot, SettingsOptions()).proposals if p.name == "jit"]
    assert jit.apply_sql[0].startswith("-- ALTER SYSTEM is switched off")


@pytest.mark.parametrize(
    ("provider", "changes", "ram"),
    [
        # 8 GiB: 8589934592 / 9531392 = 901
        ("rds", {"shared_buffers": "2GB", "max_connections": "901"}, 8),
        ("rds", {"shared_buffers": "2GB", "max_connections": "100"}, None),
        ("rds", {"shared_buffers": "64GB", "max_connections": "5000"}, 256),
        ("azure", {"shared_buffers": "2GB", "max_connections": "859"}, 8),
        ("azure", {"shared_buffers": "2GB", "max_connections": "300"}, None),
        ("cloudsql", {"shared_buffers": "5GB", "max_connections": "500"}, 15),
        ("cloudsql", {"shared_buffers": "5GB", "max_connections": "321"}, None),
        ("neon", {"max_connections": "839"}, 8),
        ("neon", {"max_connections": "4000"}, None),
        ("supabase", {"max_connections": "120"}, 4),
        ("supabase", {"max_connections": "60"}, None),
        ("self-hosted", {"shared_buffers": "2GB", "max_connections": "901"}, None),
    ],
)
def test_inferred_ram(provider: str, changes: dict[str, str], ram: int | None) -> None:
    shot = snapshot(16, changes, provider=provider)
    inferred = infer_ram(provider, server_configuration(shot))
    if ram is None:
        assert inferred is None
        return
    assert inferred is not None and abs(inferred[0] - ram * GB) < 0.01 * ram * GB
    advice = advise_settings(shot, SettingsOptions())
    assert advice.ram_source is not None and advice.ram_source.startswith("inferred: ")
    assert all(p.confidence != "high" for p in advice.proposals if p.name in ("work_mem", "effective_cache_size"))


WAYS = {
    "self-hosted": r"ALTER SYSTEM |SELECT pg_reload_conf",
    "patroni": r"-- patronictl (edit-config|restart) YOUR_CLUSTER ",
    "cloudnativepg": r"-- kubectl patch cluster YOUR_CLUSTER ",
    "rds": r"-- aws rds (modify-db-parameter-group|reboot-db-instance) ",
    "aurora": r"-- aws rds (modify-db-parameter-group|reboot-db-instance) ",
    "neon": r"ALTER DATABASE shop (SET|RESET) ",
    "supabase": r"-- supabase .* postgres-config update |ALTER DATABASE shop (SET|RESET) ",
    "cloudsql": r"-- gcloud sql instances (patch|describe) |-- The patch replaces all |-- It restarts",
    "azure": r"-- az postgres flexible-server (parameter set|restart) ",
}


@pytest.mark.parametrize("provider", CASES)
@pytest.mark.parametrize("major", [13, 16, 18])
def test_a_whole_snapshot_of_each_provider(provider: str, major: int) -> None:
    """Recognised by its own settings and roles; every line in its way, and nothing that it does not let anyone set."""
    extra, roles, address = CASES[provider]
    rows = {s.name: s for s in snapshot(major, SCHOOL_VALUES | {"jit": "on"}).settings}
    rows |= {s.name: replace(rows.get(s.name, s), setting=s.setting, source=s.source) for s in extra}
    found, _ = detect_provider(None, rows.values(), [role(r) for r in roles], (), address)
    assert found == provider
    shot = snapshot(major, SCHOOL_VALUES | {"jit": "on"}, provider=found, host=host(8 * GB, 2))
    advice = advise_settings(shot, SettingsOptions())
    names = {p.name for p in advice.proposals}
    assert {"work_mem", "jit"} <= names or provider == "supabase"
    now = server_configuration(shot)
    for proposal in advice.proposals:
        assert refusal(provider, now[proposal.name].fact) is None
        for line in (*proposal.apply_sql, *proposal.undo_sql):
            assert re.match(WAYS[provider], line), line
    for name, why in advice.refused:
        assert why and name not in names


def test_cloud_sql_makes_all_changes_in_one_command() -> None:
    advice = advice_on("cloudsql")
    (note,) = [n for n in advice.notes if "--database-flags=" in n]
    assert note.count("gcloud sql instances patch") == 1
    assert all(f",{p.name}=" in note for p in advice.proposals)
    work_mem = next(p for p in advice.proposals if p.name == "work_mem")
    assert "describe" in work_mem.apply_sql[2]


def test_parameter_groups_write_switches_as_numbers() -> None:
    shot = snapshot(16, {"jit": "on"}, provider="rds")
    (jit,) = [p for p in advise_settings(shot, SettingsOptions()).proposals if p.name == "jit"]
    assert "ParameterName=jit,ParameterValue=0," in jit.apply_sql[0]
    assert "ParameterName=jit,ParameterValue=1," in jit.undo_sql[0]
