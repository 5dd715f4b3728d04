"""What is wrong with a configuration, said as findings: memory, danger, time limits, connections, evidence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from advisor.model.finding import Confidence, Finding, Remedy, Severity
from advisor.model.report import SettingProposal
from advisor.model.server import RoleSetting
from advisor.settings.configuration import Configuration
from advisor.settings.evidence import Evidence
from advisor.settings.host import Host
from advisor.settings.memory import GB, GUARD_SHARE, plan_of
from advisor.settings.providers import LABELS, RELOAD, refusal
from advisor.settings.setting_finding import setting_finding
from advisor.settings.sizing import Sizing
from advisor.settings.time_limits import time_limit_findings
from advisor.units import format_size

# Switch, value that is wrong, severity, title, why.
_DANGEROUS = (
    ("fsync", "off", Severity.CRITICAL, "fsync is off: a crash can destroy the whole cluster",
     "The server does not wait for anything to reach the disk. After a power cut or a crash of the system the data "
     "files may be damaged beyond repair. What it wins, synchronous_commit = off wins almost as well, and safely."),
    ("full_page_writes", "off", Severity.CRITICAL, "full_page_writes is off: a crash can leave torn pages",
     "A page that was half written when the system stopped cannot be repaired from WAL. Only a file system that never "
     "tears a page (ZFS) makes this safe."),
    ("zero_damaged_pages", "on", Severity.CRITICAL, "zero_damaged_pages is on: damaged pages are emptied silently",
     "Every damaged page that is read is replaced by an empty one, and its rows are gone. It is meant for one session "
     "that saves what it can."),
    ("ignore_checksum_failure", "on", Severity.CRITICAL, "ignore_checksum_failure is on: damage is read as data",
     "Pages with wrong checksums are used instead of refused; the damage spreads into backups and replicas."),
    ("ignore_invalid_pages", "on", Severity.HIGH, "ignore_invalid_pages is on: recovery passes over missing pages",
     "Recovery goes on although WAL mentions pages that are not there; data may be lost."),
    ("ignore_system_indexes", "on", Severity.HIGH, "ignore_system_indexes is on",
     "Catalog look-ups read whole tables; it is meant for repairing a broken catalog index."),
    ("autovacuum", "off", Severity.HIGH, "autovacuum is off for the whole server",
     "Dead rows pile up, statistics go stale, and in the end the server stops writing to prevent wraparound."),
    ("track_counts", "off", Severity.HIGH, "track_counts is off: autovacuum works blind",
     "Autovacuum decides by these counters; without them it does nothing."),
    ("track_activities", "off", Severity.MEDIUM, "track_activities is off: nobody sees what sessions do",
     "pg_stat_activity has no states and no queries, so neither locks nor long transactions can be explained."),
    ("synchronous_commit", "off", Severity.MEDIUM, "synchronous_commit is off for the whole server",
     "A crash loses the transactions of the last fraction of a second although they were reported as committed. "
     "Nothing "
     "is damaged; if that loss is accepted for some work, set it for that role or transaction only."),
)  # fmt: skip
_ALLOWED_BY_DESIGN = {"neon": ("fsync", "full_page_writes"), "aurora": ("fsync", "full_page_writes")}


def memory_findings(
    now: Configuration,
    after: Configuration,
    host: Host,
    sizing: Sizing,
    proposals: Sequence[SettingProposal],
    provider: str,
) -> tuple[Finding, ...]:
    """Return what is wrong with the memory of a host whose RAM is known."""
    ram = host.ram or 0
    plan, planned = plan_of(now), plan_of(after)
    confidence = Confidence.MEDIUM if host.ram_inferred else Confidence.HIGH
    names = ("shared_buffers", "work_mem", "max_connections", "maintenance_work_mem", "autovacuum_work_mem")
    remedy = Remedy(
        sql=_once(line for p in proposals if p.name in names for line in p.apply_sql),
        undo_sql=_once(line for p in proposals if p.name in names for line in p.undo_sql),
        note=sizing.alternative,
    )
    found = []
    share = plan.worst_case / ram
    if share > GUARD_SHARE:
        hashes = plan.connections * plan.work_mem
        factor = now.number("hash_mem_multiplier") if "hash_mem_multiplier" in now else 1.0
        hashing = (
            f" A hash may take {factor:g} times work_mem: with one in every connection it would be "
            f"{format_size(plan.worst_case + (factor - 1) * hashes)}."
            if factor > 1
            else ""
        )
        outcome = (
            f" The values proposed keep to {100 * planned.worst_case / ram:.0f} %."
            if planned.holds(ram)
            else " What can be set here is not enough to keep to 90 %: fewer connections or more RAM are needed."
        )
        over = share > 1
        # Where the provider sets the number of connections, hardly anybody opens all of them.
        given = refusal(provider, now["max_connections"].fact) is not None
        if given:
            outcome += f" {plan.connections} connections are what the provider allows; fewer in use need less."
        found.append(
            Finding(
                rule="settings/memory_overcommit",
                severity=Severity.MEDIUM if not over else Severity.HIGH if given else Severity.CRITICAL,
                confidence=confidence,
                title=f"The settings can use {share:.0%} of the RAM ({format_size(plan.worst_case)} of "
                f"{format_size(ram)})",
                object="setting:work_mem",
                detail=f"With one sort per connection: {plan.sentence(ram)}.{hashing} When memory runs out the system "
                f"kills a server process, and all connections are lost.{outcome}",
                evidence={
                    "worst_case_bytes": plan.worst_case,
                    "ram_bytes": ram,
                    "share": round(share, 3),
                    "ram_source": host.ram_source,
                    "proposed_bytes": planned.worst_case,
                },
                remedy=remedy,
                subject="settings",
            )
        )
    buffers = now.size("shared_buffers")
    if buffers > 0.4 * ram and provider not in ("aurora", "neon"):
        found.append(
            setting_finding(
                "settings/shared_buffers_too_large",
                Severity.CRITICAL if buffers > 0.9 * ram else Severity.HIGH,
                "shared_buffers",
                f"shared_buffers is {buffers / ram:.0%} of the RAM",
                f"{format_size(buffers)} of {format_size(ram)}: above 40 % the operating system's cache, which "
                "PostgreSQL relies on, and the work memory become too small. A quarter is the usual share.",
                {"shared_buffers_bytes": buffers, "ram_bytes": ram},
                _remedy_of(proposals, "shared_buffers"),
                confidence,
            )
        )
    cache = now.size("effective_cache_size")
    if cache > ram and provider != "neon":
        found.append(
            setting_finding(
                "settings/effective_cache_size_over_ram",
                Severity.HIGH,
                "effective_cache_size",
                f"effective_cache_size is {cache / ram:.0%} of the RAM: the planner is misled",
                f"The planner believes that {format_size(cache)} can be cached, and the machine has "
                f"{format_size(ram)}. It "
                "will think repeated index reads free that go to the disk. No memory is allocated by it.",
                {"effective_cache_size_bytes": cache, "ram_bytes": ram},
                _remedy_of(proposals, "effective_cache_size"),
                confidence,
            )
        )
    return tuple(found)


def configuration_findings(
    now: Configuration, provider: str, role_settings: Sequence[RoleSetting], evidence: Evidence
) -> tuple[Finding, ...]:
    """Return dangerous switches, missing time limits, changes that wait for a restart."""
    found = [f for f in (_dangerous(now, provider, *row) for row in _DANGEROUS) if f is not None]
    found += _planner_switches(now)
    found += time_limit_findings(now, provider, role_settings, evidence)
    found += _huge_pages(now, provider)
    waiting = [name for name in now.names() if now[name].pending_restart]
    if waiting:
        found.append(
            setting_finding(
                "settings/pending_restart",
                Severity.MEDIUM,
                "pending_restart",
                f"{len(waiting)} changed settings wait for a restart: {', '.join(waiting[:5])}",
                "The configuration file and the running server disagree. The next restart, planned or not, brings "
                "the new "
                "values: better at a time of your choosing.",
                {"settings": waiting},
                Remedy(note="Restart the server in a quiet hour."),
            )
        )
    return tuple(found)


def _dangerous(
    now: Configuration, provider: str, name: str, bad: str, severity: Severity, title: str, why: str
) -> Finding | None:
    present = now.get(name)
    if present is None or present.text != bad or name in _ALLOWED_BY_DESIGN.get(provider, ()):
        return None
    good = "on" if bad == "off" else "off"
    sql: tuple[str, ...] = (f"ALTER SYSTEM SET {name} = '{good}'", RELOAD)
    undo: tuple[str, ...] = (f"ALTER SYSTEM SET {name} = '{bad}'", RELOAD)
    note = "A restart is needed." if present.fact.needs_restart else None
    if provider not in ("self-hosted", ""):
        sql, undo = (), ()
        note = f"On {LABELS.get(provider, provider)} change it where the other parameters are set."
    elif present.source == "file":  # a file under review: there is no server to tell
        sql, undo = (f"-- {present.where}: {name} = {good}",), (f"-- {present.where}: {name} = {bad}",)
    elif present.source == "command line":
        sql, undo = (f"-- {name} is set on the server's command line: remove -c {name}={bad} there",), ()
    return setting_finding(
        "settings/dangerous",
        severity,
        name,
        title,
        f"{why} It is set by: {present.source_label}.",
        {"setting": present.text, "source": present.source_label},
        Remedy(sql=sql, undo_sql=undo, note=note),
    )


def _planner_switches(now: Configuration) -> list[Finding]:
    off = [
        name
        for name in now.names()
        if name.startswith("enable_") and now[name].text == "off" and now[name].fact.default == "on"
    ]
    if not off:
        return []
    return [
        setting_finding(
            "settings/planner_method_off",
            Severity.MEDIUM,
            off[0] if len(off) == 1 else "enable_*",
            f"The planner may not use every method: {', '.join(off)} off",
            "Switches like these are for finding out why a plan was chosen. For the whole server they make every other "
            "statement pay for one that was helped.",
            {"settings": off},
            Remedy(note="Take the lines out of the file.")
            if all(now[name].source == "file" for name in off)
            else Remedy(
                sql=(*(f"ALTER SYSTEM RESET {name}" for name in off), RELOAD),
                undo_sql=(*(f"ALTER SYSTEM SET {name} = 'off'" for name in off), RELOAD),
            ),
        )
    ]


def _huge_pages(now: Configuration, provider: str) -> list[Finding]:
    """17 on: the server says whether it got them."""
    status = now.get("huge_pages_status")
    if provider not in ("self-hosted", "") or status is None or status.text != "off":
        return []
    if now["huge_pages"].text == "off" or now.size("shared_buffers") < 8 * GB:
        return []
    count = now.get("shared_memory_size_in_huge_pages")
    wanted = f"{count.number:.0f}" if count is not None and count.number > 0 else "enough"
    return [
        setting_finding(
            "settings/huge_pages_unused",
            Severity.LOW,
            "huge_pages",
            f"{now['shared_buffers'].shown} of shared_buffers without huge pages",
            "huge_pages is try, but the system had none to give. With pages of 4 kB every session keeps page tables"
            " for all "
            "of shared_buffers, which is memory and time.",
            {"huge_pages_status": "off", "huge_pages_needed": wanted},
            Remedy(note=f"Reserve {wanted} huge pages (sysctl vm.nr_hugepages), then restart the server."),
        )
    ]


def connection_findings(
    now: Configuration, evidence: Evidence, cores: int | None, provider: str = "self-hosted"
) -> tuple[Finding, ...]:
    """Return whether a pooler is needed: many connections, mostly idle ones, short ones."""
    if "max_connections" not in now:
        return ()
    limit = int(now.number("max_connections"))
    peak, idle = evidence.peak_connections, evidence.idle_share
    found = []
    if peak is not None and peak > 0.8 * limit:
        mostly_idle = idle is not None and idle > 0.5
        found.append(
            setting_finding(
                "settings/connections_near_limit",
                Severity.HIGH,
                "max_connections",
                f"{peak} of {limit} connections are taken"
                + (f", {idle:.0%} of them idle" if idle is not None and mostly_idle else ""),
                "The next clients get errors. "
                + (
                    "Most sessions do nothing: a pooler (PgBouncer, transaction mode) serves them with a few "
                    "connections; more connections would only use more memory."
                    if mostly_idle
                    else "Look for slow statements first: connections are held as long as statements run."
                ),
                {"peak": peak, "max_connections": limit, "idle_share": None if idle is None else round(idle, 2)},
                Remedy(note="pgadvise prints a pgbouncer.ini with --users."),
                Confidence.MEDIUM if evidence.samples < 10 else Confidence.HIGH,
            )
        )
    elif (
        cores is not None
        and limit > max(100, 10 * cores)
        # Where the provider decides the number there is nothing to lower, and a pooler is built in.
        and refusal(provider, now["max_connections"].fact) is None
    ):
        found.append(
            setting_finding(
                "settings/too_many_connections",
                Severity.LOW,
                "max_connections",
                f"max_connections is {limit} on {cores} {'core' if cores == 1 else 'cores'}",
                f"More than ten per core cannot work at the same time; the memory has to be divided by {limit} all the "
                "same. A pooler in front lets many clients share few connections.",
                {"max_connections": limit, "cores": cores, "peak": peak},
                Remedy(note="pgadvise prints a pgbouncer.ini with --users."),
            )
        )
    age = evidence.session_age
    if age is not None and age < 600 and evidence.samples >= 3 and (peak or 0) >= 5:
        found.append(
            setting_finding(
                "settings/short_sessions",
                Severity.MEDIUM if age < 60 else Severity.LOW,
                "sessions",
                f"Sessions are {age:.0f} s old on average: connecting is a large part of the work",
                "Each new connection forks a process and fills its caches anew, some milliseconds before the first "
                "statement. A pooler, or a pool in the application, keeps connections open.",
                {"average_age_seconds": round(age), "samples": evidence.samples},
                Remedy(note="pgadvise prints a pgbouncer.ini with --users."),
                Confidence.MEDIUM,
            )
        )
    return tuple(found)


def _once(lines: Iterable[str]) -> tuple[str, ...]:
    """Return the lines with the reload only once, at the end."""
    listed = list(lines)
    kept = [line for line in listed if line != RELOAD]
    return (*kept, RELOAD) if len(kept) < len(listed) else tuple(kept)


def _remedy_of(proposals: Sequence[SettingProposal], name: str) -> Remedy:
    for proposal in proposals:
        if proposal.name == name:
            return Remedy(sql=proposal.apply_sql, undo_sql=proposal.undo_sql)
    return Remedy()
