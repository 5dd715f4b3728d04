"""What holds for every host, profile, version and number of connections: checked on generated ones."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.model.report import SettingsAdvice
from advisor.settings import SettingsOptions, advise_for_host, advise_settings
from advisor.settings.configuration import Configuration, fresh_configuration, server_configuration
from advisor.settings.facts import MAJORS
from advisor.settings.memory import plan_of
from advisor.settings.options import PROFILES, STORAGES
from advisor.settings.values import normalise, parse_number, unit_bytes
from tests.unit.settings.samples import GB, MB, host, snapshot

rams = st.integers(min_value=512 * MB, max_value=2048 * GB)
cores = st.integers(min_value=1, max_value=256)
majors = st.sampled_from(list(MAJORS))
profiles = st.sampled_from(PROFILES)
storages = st.sampled_from([None, *STORAGES])
connections = st.one_of(st.integers(min_value=1, max_value=1000), st.integers(min_value=1, max_value=262143))


def applied(now: Configuration, advice: SettingsAdvice) -> Configuration:
    """Return the configuration after the proposals, read as PostgreSQL reads them: from their printed form."""
    changes = {}
    for proposal in advice.proposals:
        present = now[proposal.name]
        changes[proposal.name] = replace(present, text=normalise(present.fact, proposal.proposed))
    return now.replaced(changes)


def size(configuration: Configuration, name: str) -> int:
    return configuration.size(name)


@settings(max_examples=300, deadline=None)
@given(rams, cores, majors, profiles, storages, connections, st.one_of(st.none(), st.integers(1, 500)))
def test_new_server(
    ram: int, cores: int, major: int, profile: str, storage: str | None, connections: int, pool: int | None
) -> None:
    options = SettingsOptions(ram_bytes=ram, cores=cores, storage=storage, profile=profile, pool=pool)
    advice = advise_for_host(major, connections, options)
    now = fresh_configuration(major)
    after = applied(now, advice)  # raises where a value or a unit is not legal in this version
    plan = plan_of(after)
    assert plan.worst_case <= 0.9 * ram
    assert plan.worst_case == advice.worst_case_bytes_proposed
    assert plan.connections <= connections
    assert plan.work_mem >= 1 * MB or connections == 1
    assert plan.shared_buffers <= 0.4 * ram
    assert plan.shared_buffers < after.size("effective_cache_size") <= ram
    assert after.number("max_parallel_workers_per_gather") <= after.number("max_parallel_workers")
    assert after.number("max_parallel_workers") <= after.number("max_worker_processes")
    assert after.size("min_wal_size") <= after.size("max_wal_size")
    if "autovacuum_worker_slots" in after:
        assert after.number("autovacuum_max_workers") <= after.number("autovacuum_worker_slots")
    for proposal in advice.proposals:
        assert proposal.current != proposal.proposed
        assert proposal.reason and proposal.apply_sql and proposal.undo_sql


@settings(max_examples=200, deadline=None)
@given(
    rams,
    cores,
    majors,
    profiles,
    st.fixed_dictionaries(
        {},
        optional={
            "shared_buffers": st.sampled_from(["16MB", "128MB", "1GB", "8GB", "100GB"]),
            "work_mem": st.sampled_from(["64kB", "4MB", "64MB", "1GB"]),
            "max_connections": st.sampled_from(["20", "100", "200", "1000", "5000"]),
            "maintenance_work_mem": st.sampled_from(["1MB", "512MB", "8GB"]),
            "autovacuum_work_mem": st.sampled_from(["-1", "16MB", "4GB"]),
            "autovacuum_max_workers": st.sampled_from(["1", "3", "10"]),
            "effective_cache_size": st.sampled_from(["8kB", "4GB", "1TB"]),
            "hash_mem_multiplier": st.sampled_from(["1", "2", "8"]),
        },
    ),
)
def test_running_server(ram: int, cores: int, major: int, profile: str, changes: dict[str, str]) -> None:
    """Whatever a server has now, the values that result after the proposals hold the guard."""
    shot = snapshot(major, changes, host=host(ram, cores))
    advice = advise_settings(shot, SettingsOptions(profile=profile))
    after = applied(server_configuration(shot), advice)
    workers = plan_of(after).autovacuum_workers
    assert plan_of(after).worst_case <= 0.9 * ram, workers
    assert after.size("effective_cache_size") <= ram
    assert plan_of(after).shared_buffers <= 0.41 * ram


@settings(max_examples=200, deadline=None)
@given(rams, rams, cores, majors, profiles, connections)
def test_more_memory_never_means_less(
    one: int, other: int, cores: int, major: int, profile: str, connections: int
) -> None:
    small, large = sorted((one, other))
    plans = []
    for ram in (small, large):
        advice = advise_for_host(major, connections, SettingsOptions(ram_bytes=ram, cores=cores, profile=profile))
        plans.append(applied(fresh_configuration(major), advice))
    for name in ("shared_buffers", "work_mem", "maintenance_work_mem", "effective_cache_size", "max_connections"):
        fact = plans[0][name].fact
        per = unit_bytes(fact) if fact.unit else 1
        assert plans[0].number(name) * per <= plans[1].number(name) * per, name


@settings(max_examples=150, deadline=None)
@given(rams, cores, majors, profiles, connections, connections)
def test_more_connections_never_mean_more_work_mem(
    ram: int, cores: int, major: int, profile: str, one: int, other: int
) -> None:
    few, many = sorted((one, other))
    sizes = []
    for count in (few, many):
        # The pool is given: with fewer connections than the hardware could use, fewer sessions share the memory.
        options = SettingsOptions(ram_bytes=ram, cores=cores, profile=profile, pool=1)
        after = applied(fresh_configuration(major), advise_for_host(major, count, options))
        sizes.append(after.size("work_mem"))
    assert sizes[0] >= sizes[1]


@given(majors, st.sampled_from(["work_mem", "shared_buffers", "max_wal_size", "checkpoint_timeout"]), st.data())
def test_values_survive_printing(major: int, name: str, data: st.DataObject) -> None:
    fact = fresh_configuration(major)[name].fact
    value = data.draw(st.integers(int(fact.minimum or 0), int(fact.maximum or 0)))
    from advisor.settings.values import show_number

    assert parse_number(fact, show_number(fact, value)) == value
