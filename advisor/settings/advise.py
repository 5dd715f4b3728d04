"""The whole of the settings advice on one screen: host, evidence, targets, proposals, findings."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field

from advisor.errors import UsageError
from advisor.model.finding import Finding
from advisor.model.report import Capacity, SettingsAdvice
from advisor.model.server import HostFacts, RoleSetting
from advisor.model.snapshot import Snapshot
from advisor.settings.capacity import capacity_of
from advisor.settings.configuration import Configuration, fresh_configuration, server_configuration
from advisor.settings.evidence import Evidence, read_evidence
from advisor.settings.evidence_findings import evidence_findings
from advisor.settings.facts import Fact
from advisor.settings.findings import configuration_findings, connection_findings, memory_findings
from advisor.settings.host import Host, resolve_host
from advisor.settings.memory import plan_of
from advisor.settings.options import SettingsOptions
from advisor.settings.proposals import Outcome, Place, propose
from advisor.settings.providers import LABELS, refusal, together
from advisor.settings.sizing import Demand, Sizing, size_memory
from advisor.settings.storage import storage_targets, wal_targets
from advisor.settings.switches import switch_targets
from advisor.settings.targets import Target
from advisor.settings.workers import autovacuum_workers, parallel_limits, worker_targets
from advisor.units import format_count, format_duration

MEMORY_SETTINGS = (
    "shared_buffers",
    "effective_cache_size",
    "work_mem",
    "maintenance_work_mem",
    "autovacuum_work_mem",
)
_CORE_SETTINGS = ("max_worker_processes", "max_parallel_workers", "max_parallel_workers_per_gather")
# Every PostgreSQL from 13 on has these and shows them to every role; without them nothing adds up.
_NEEDED = (
    *MEMORY_SETTINGS,
    *_CORE_SETTINGS,
    "max_connections",
    "autovacuum_max_workers",
    "autovacuum_vacuum_cost_limit",
    "vacuum_cost_limit",
    "random_page_cost",
    "max_wal_size",
    "checkpoint_timeout",
    "wal_buffers",
    "wal_compression",
    "default_statistics_target",
    "log_temp_files",
    "bgwriter_lru_maxpages",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is judged, in one shape for a live server, a fresh installation and a reviewed file."""

    now: Configuration
    host: Host
    provider: str
    profile: str
    options: SettingsOptions
    evidence: Evidence = field(default_factory=Evidence)
    database: str = "postgres"
    database_bytes: int | None = None
    role_settings: tuple[RoleSetting, ...] = ()
    standby: bool = False
    exact: bool = False
    only: frozenset[str] | None = None  # the settings a review is about
    file: str | None = None  # the reviewed file


def advise_settings(snapshot: Snapshot, options: SettingsOptions) -> SettingsAdvice:
    """Return what to change in the configuration of the server in `snapshot`.

    The memory guard holds for the values that result. Without known RAM there is no memory advice; `refused` says
    which flag would bring it. Findings have subject 'settings' and rule ids 'settings/…'. Pure: no I/O.
    """
    now = server_configuration(snapshot)
    missing = [name for name in _NEEDED if name not in now]
    if missing:
        return SettingsAdvice(
            profile=options.profile or "mixed",
            notes=(
                f"The settings could not be read (missing: {', '.join(missing[:5])}), so nothing is said about them.",
            ),
        )
    provider = options.provider or snapshot.server.provider
    workers = int(now.number("autovacuum_max_workers"))
    host = resolve_host(snapshot.host, options, now, provider)
    capacity = capacity_of(snapshot, host, options) if options.users is not None else None
    if capacity is not None and options.pool is None:
        options = dataclasses.replace(options, pool=capacity.pool)
    subject = Subject(
        now=now,
        host=host,
        provider=provider,
        profile=options.profile or "mixed",
        options=options,
        evidence=read_evidence(snapshot, options.previous, workers, _series(snapshot, options)),
        database=snapshot.server.database,
        database_bytes=snapshot.server.database_size_bytes,
        role_settings=snapshot.role_settings,
        standby=snapshot.server.in_recovery,
    )
    advice = assess(subject)
    findings = (
        *advice.findings,
        *configuration_findings(now, provider, snapshot.role_settings, subject.evidence),
        *connection_findings(now, subject.evidence, subject.host.whole_cores, provider),
        *evidence_findings(now, subject.evidence, snapshot),
    )
    return _with_capacity(dataclasses.replace(advice, findings=_ordered(findings)), capacity)


def _with_capacity(advice: SettingsAdvice, capacity: Capacity | None) -> SettingsAdvice:
    """Return the advice with what the users need, in a sentence that every format shows."""
    if capacity is None:
        return advice
    users, clients = format_count(capacity.users), format_count(capacity.max_client_connections)
    told = (
        f"{users} users: {capacity.busy:.3g} connections busy at the peak, a pool of {capacity.pool} on "
        f"{capacity.cores} cores, max_connections {capacity.max_connections}, {clients} clients of the pooler. "
        f"'pgadvise capacity --users {capacity.users}' has the assumptions and a pgbouncer.ini."
    )
    return dataclasses.replace(advice, capacity=capacity, notes=(told, *capacity.warnings, *advice.notes))


def _series(snapshot: Snapshot, options: SettingsOptions) -> tuple[Snapshot, ...]:
    """Return the earlier snapshots. Raises UsageError for one of another server."""
    ours = snapshot.server
    for one in options.series:
        theirs = one.server
        known = ours.system_identifier is not None and theirs.system_identifier is not None
        if theirs.database != ours.database or (known and theirs.system_identifier != ours.system_identifier):
            raise UsageError(
                f"The snapshot of {theirs.collected_at:%Y-%m-%d %H:%M} UTC is of another server or database.",
                "Give snapshots of one database only.",
            )
    return options.series or ((options.previous,) if options.previous is not None else ())


def advise_for_host(major: int, connections: int | None, options: SettingsOptions) -> SettingsAdvice:
    """Return the settings for a new server of `major` on a host described by `options`: no server is needed.

    Every value of the formulas that differs from a fresh installation's is proposed, and the memory guard holds for
    the result. Raises UsageError for a version that is not supported.
    """
    if connections is not None:
        options = dataclasses.replace(options, connections=connections)
    now = fresh_configuration(major)
    provider = options.provider or "self-hosted"
    # Nothing can be inferred from the defaults of a server that does not exist; only the storage is the provider's.
    host = resolve_host(HostFacts(), options, Configuration(major, {}), provider)
    capacity = capacity_of(None, host, options) if options.users is not None else None
    if capacity is not None:
        options = dataclasses.replace(
            options,
            connections=options.connections or capacity.max_connections,
            pool=options.pool or capacity.pool,
        )
    subject = Subject(
        now=now,
        host=host,
        provider=provider,
        profile=options.profile or "mixed",
        options=options,
        exact=True,
    )
    return _with_capacity(assess(subject), capacity)


def assess(subject: Subject) -> SettingsAdvice:
    """Return proposals, refusals and the findings about memory for one configuration on one host."""
    now, host, options = subject.now, subject.host, subject.options
    refused: list[tuple[str, str]] = []
    notes: list[str] = []
    targets: list[Target] = []
    sizing = _memory(subject)
    if sizing is not None:
        targets += sizing.targets
        if sizing.alternative is not None:
            notes.append(sizing.alternative)
    else:
        refused += [(name, "the RAM is unknown; give it with --ram 8GB") for name in MEMORY_SETTINGS if name in now]
    cores = host.whole_cores
    if cores is not None:
        targets += worker_targets(now, cores, subject.profile, subject.evidence)
    else:
        refused += [(name, "the number of cores is unknown; give it with --cores 4") for name in _CORE_SETTINGS]
    if host.storage is not None:
        targets += storage_targets(now, host.storage, subject.profile, host.ram, subject.database_bytes)
    else:
        refused += [
            (name, "the kind of storage is unknown; give it with --storage ssd")
            for name in ("random_page_cost", "effective_io_concurrency")
        ]
    targets += wal_targets(now, subject.profile, subject.evidence, options.wal_disk_free_bytes)
    targets += switch_targets(now, subject.profile, subject.evidence, subject.exact)
    if subject.only is not None:
        targets = [t for t in targets if t.name in subject.only]
    place = Place(
        provider=subject.provider,
        database=subject.database,
        role_settings=subject.role_settings,
        exact=subject.exact,
        standby=subject.standby,
        file=subject.file,
    )
    outcome = propose(now, targets, place)
    return _advice(subject, outcome, sizing, (*refused, *outcome.refused), notes)


def _memory(subject: Subject) -> Sizing | None:
    """Return the memory settings, or None where RAM is unknown."""
    if subject.host.ram is None:
        return None
    cores = subject.host.whole_cores
    parallel, per_gather = parallel_limits(cores, subject.profile, subject.now)
    demand = Demand(
        profile=subject.profile,
        ram=subject.host.ram,
        cores=cores,
        connections=subject.options.connections,
        workers=autovacuum_workers(cores, subject.now),
        parallel=parallel,
        per_gather=per_gather,
        pool=subject.options.pool,
        exact=subject.exact,
        own_cache=subject.provider == "neon",
    )

    def settable(fact: Fact) -> bool:
        if subject.standby and fact.name == "max_connections":
            return False  # only the primary's may be lowered, which is what the memory could ask for
        return refusal(subject.provider, fact) is None

    return size_memory(subject.now, demand, subject.evidence, settable)


def _advice(
    subject: Subject,
    outcome: Outcome,
    sizing: Sizing | None,
    refused: Sequence[tuple[str, str]],
    notes: list[str],
) -> SettingsAdvice:
    now, host = subject.now, subject.host
    proposals = outcome.proposals
    if host.ram_inferred:
        notes.append(f"The RAM is {host.ram_source}; if that is wrong, say so with --ram.")
        proposals = tuple(
            dataclasses.replace(p, confidence="medium") if p.name in MEMORY_SETTINGS and p.confidence == "high" else p
            for p in proposals
        )
    if subject.evidence.is_young:
        age = format_duration(subject.evidence.window_seconds or 0)
        notes.append(
            f"The statistics are {age} old: what is derived from them has low confidence."
            + (" Neon loses statistics when a compute is suspended." if subject.provider == "neon" else "")
        )
    if subject.provider not in ("self-hosted", ""):
        notes.append(f"Changes are written for {LABELS.get(subject.provider, subject.provider)}.")
    one = together(subject.provider, {p.name: outcome.after[p.name].text for p in proposals})
    if one is not None:
        notes.append(one)
    if subject.exact and subject.profile != "dw" and subject.now.major >= 15:
        notes.append("wal_compression = lz4 is cheaper than on where the server was built with it.")
    findings: tuple[Finding, ...] = ()
    if host.ram is not None and sizing is not None and not subject.exact:
        findings = memory_findings(now, outcome.after, host, sizing, proposals, subject.provider)
    return SettingsAdvice(
        proposals=proposals,
        worst_case_bytes_now=plan_of(now).worst_case,
        worst_case_bytes_proposed=plan_of(outcome.after).worst_case if host.ram is not None else None,
        memory_now=plan_of(now).parts,
        memory_proposed=plan_of(outcome.after).parts if host.ram is not None else (),
        ram_bytes=host.ram,
        ram_source=host.ram_source,
        cores=host.cores,
        cores_source=host.cores_source,
        profile=subject.profile,
        findings=_ordered(findings),
        notes=tuple(notes),
        refused=tuple(refused),
        sound=outcome.sound,
    )


def _ordered(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(findings, key=lambda f: (f.severity.rank, f.rule, f.object)))
