"""Memory: shared_buffers, the cache size, work_mem, maintenance memory and max_connections, under the guard.

The guard (see memory.py) holds for every set of values this returns, as long as the provider lets max_connections
and shared_buffers be changed; where it does not, `held` says so.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from advisor.settings.configuration import Configuration
from advisor.settings.evidence import Evidence
from advisor.settings.facts import Fact
from advisor.settings.memory import (
    BACKEND_BYTES,
    GB,
    GUARD_SHARE,
    MB,
    MemoryPlan,
    connections_limit,
    plan_of,
    work_mem_limit,
)
from advisor.settings.targets import Target
from advisor.settings.values import round_down, unit_bytes
from advisor.units import format_size

WORK_MEM_FLOOR = 1 * MB
# Below this much work_mem a server with many connections is better off with fewer of them (judgement).
USEFUL_WORK_MEM = 8 * MB
_WORK_MEM_CAP = {"web": 32 * MB, "oltp": 32 * MB, "mixed": 64 * MB, "dw": 512 * MB}
_OPERATIONS = {"web": 2, "oltp": 2, "mixed": 3, "dw": 4}
# Autovacuum used at most 1 GB before version 17; a little less keeps it out of a huge allocation.
_VACUUM_CAP = GB - MB


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What the memory has to serve."""

    profile: str
    ram: int
    cores: int | None
    connections: int | None  # max_connections as wished (--connections); None: as configured
    workers: int  # autovacuum_max_workers as it will be
    parallel: int  # max_parallel_workers as it will be
    per_gather: int
    pool: int | None = None
    exact: bool = False  # no running server: take the formulas' own values
    own_cache: bool = False  # the provider caches in three quarters of the RAM, whatever the connections take (Neon)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizing:
    """The targets, and the plan that results when those that matter are applied."""

    targets: tuple[Target, ...]
    plan: MemoryPlan
    held: bool
    alternative: str | None = None  # another way out, for people


def size_memory(now: Configuration, demand: Demand, evidence: Evidence, settable: Callable[[Fact], bool]) -> Sizing:
    """Return the memory settings for `demand.ram` bytes."""
    sizing = _size(now, demand, evidence, settable)
    if not demand.exact and not _comfortable(sizing, demand):
        # Values that could stay by themselves leave too little for work_mem: take the formulas' own.
        strict = _size(now, replace(demand, exact=True), evidence, settable)
        if strict.plan.work_mem > sizing.plan.work_mem or (strict.held and not sizing.held):
            return replace(strict, targets=tuple(replace(target, exact=True) for target in strict.targets))
    return sizing


def _comfortable(sizing: Sizing, demand: Demand) -> bool:
    return sizing.held and sizing.plan.work_mem >= min(4 * MB, _WORK_MEM_CAP[demand.profile])


def _to_unit(now: Configuration, name: str, size: float, bits: int) -> int:
    """Return bytes as a round number of the setting's unit inside its legal range, never more than `size`."""
    fact = now[name].fact
    value = round_down(size / unit_bytes(fact), bits)
    return int(min(max(value, fact.minimum or 0), fact.maximum or value))


def _size(now: Configuration, demand: Demand, evidence: Evidence, settable: Callable[[Fact], bool]) -> Sizing:
    ram, before = demand.ram, plan_of(now)
    targets = []

    def settle(target: Target, size_now: int, ideal: float) -> int:
        """Take a target up and return the bytes it leads to: the ideal ones before rounding, or the present ones."""
        present = now[target.name]
        if not settable(present.fact):
            targets.append(target)  # refused later, with the reason
            return size_now
        targets.append(target)
        if target.is_material(present, demand.exact):
            # Rounding comes after the arithmetic, so that more RAM can never mean less work_mem.
            return max(int(ideal), int(float(target.text(present.fact)) * unit_bytes(present.fact)))
        return size_now

    buffers = settle(_buffers(now, demand, evidence), before.shared_buffers, ram / 4)
    maintenance_ideal = min(ram / 16, 2 * GB if demand.profile == "dw" else GB)
    maintenance = settle(
        Target(
            name="maintenance_work_mem",
            value=_to_unit(now, "maintenance_work_mem", maintenance_ideal, 5),
            reason=f"A sixteenth of {format_size(ram)} RAM, at most {'2 GB' if demand.profile == 'dw' else '1 GB'}: "
            "index builds and manual vacuums sort and remember dead rows in it.",
            severity="low",
        ),
        before.maintenance_work_mem,
        maintenance_ideal,
    )
    vacuum = settle(_vacuum(now, demand, maintenance), _vacuum_now(now, maintenance), _vacuum_ideal(demand))
    plan = MemoryPlan(
        shared_buffers=buffers,
        connections=_connections_wanted(now, demand, settable),
        work_mem=before.work_mem,
        autovacuum_workers=demand.workers,
        autovacuum_work_mem=vacuum,
        maintenance_work_mem=maintenance,
    )
    plan, connections = _limit_connections(now, demand, evidence, settable, plan, before)
    if connections is not None:
        targets.append(connections)
    plan, work = _work_mem(now, demand, evidence, settable, plan)
    targets += [work, _cache(now, demand, plan, _connections_wanted(now, demand, settable))]
    alternative = None
    if settable(now["max_connections"].fact):
        alternative = _alternative(now, demand, evidence, plan)
    elif not plan.holds(ram) or plan.work_mem < USEFUL_WORK_MEM:
        alternative = _for_a_role(demand, evidence, now, plan)
    return Sizing(targets=tuple(targets), plan=plan, held=plan.holds(ram), alternative=alternative)


def _connections_wanted(now: Configuration, demand: Demand, settable: Callable[[Fact], bool]) -> int:
    """Return max_connections as wished, or as configured."""
    present = now["max_connections"]
    if demand.connections is None or not settable(present.fact):
        return int(present.number)
    return demand.connections


def _buffers(now: Configuration, demand: Demand, evidence: Evidence) -> Target:
    value = _to_unit(now, "shared_buffers", demand.ram / 4, 5)
    present, reason = now["shared_buffers"], f"A quarter of {format_size(demand.ram)} RAM."
    share = now.size("shared_buffers") / demand.ram
    if share > 0.4:
        reason += (
            f" The present {present.shown} is {share:.0%}; the operating system's cache holds the same pages again."
        )
    if (
        evidence.hit_ratio is not None
        and evidence.read_share is not None
        and evidence.hit_ratio < 0.99
        and evidence.read_share > 0.1
        and share < 0.25
    ):
        return Target(
            name="shared_buffers",
            value=value,
            low=0.95,
            high=1.6,
            severity="high",
            confidence="low" if evidence.is_young else "high",
            reason=f"{reason} Reads wait for the disk: {evidence.read_share:.0%} of the execution time goes into "
            "reading, "
            f"and {1 - evidence.hit_ratio:.1%} of the page requests miss the cache.",
            evidence={"hit_ratio": round(evidence.hit_ratio, 4), "read_share": round(evidence.read_share, 3)},
        )
    return Target(name="shared_buffers", value=value, low=0.6, high=1.6, reason=reason)


def _vacuum_ideal(demand: Demand) -> float:
    return min(demand.ram / (8 * demand.workers), _VACUUM_CAP)


def _vacuum_now(now: Configuration, maintenance: int) -> int:
    size = now.size("autovacuum_work_mem")
    return maintenance if size < 0 else size


def _vacuum(now: Configuration, demand: Demand, maintenance: int) -> Target:
    fact = now["autovacuum_work_mem"].fact
    return Target(
        name="autovacuum_work_mem",
        value=_to_unit(now, "autovacuum_work_mem", _vacuum_ideal(demand), 5),
        low=0.5,
        high=1.25,
        effective=_vacuum_now(now, maintenance) / unit_bytes(fact),
        severity="low",
        reason=f"An eighth of {format_size(demand.ram)} RAM over {demand.workers} workers, below 1 GB: each worker may "
        "use this much at once, and without a value of its own it takes maintenance_work_mem.",
    )


def _limit_connections(
    now: Configuration,
    demand: Demand,
    evidence: Evidence,
    settable: Callable[[Fact], bool],
    plan: MemoryPlan,
    before: MemoryPlan,
) -> tuple[MemoryPlan, Target | None]:
    """Return the plan with fewer connections, where the guard leaves no useful work_mem for all of them."""
    present, ram = now["max_connections"], demand.ram
    if not settable(present.fact):
        return plan, None
    limit, wanted = work_mem_limit(plan, ram), plan.connections
    enough = max(100, 10 * (demand.cores or 0), math.ceil(1.25 * (evidence.peak_connections or 0)))
    allowed = wanted
    if limit < WORK_MEM_FLOOR:
        allowed = max(1, connections_limit(plan, ram, WORK_MEM_FLOOR))
        if demand.connections is None:
            allowed = min(allowed, enough)
    elif demand.connections is None and limit < USEFUL_WORK_MEM and not before.holds(ram):
        allowed = min(wanted, enough)
    plan = replace(plan, connections=min(allowed, wanted))
    if plan.connections == int(present.number):
        return plan, None
    if plan.connections == wanted:
        reason = f"{wanted} connections were asked for (--connections, or for the users)."
    else:
        reason = (
            f"{wanted} connections on {format_size(ram)} leave {format_size(max(limit, 0))} of work_mem each under the "
            f"memory guard; {plan.connections} leave {format_size(work_mem_limit(plan, ram))}. "
            "Put a pooler (PgBouncer, transaction mode) in front for more clients."
        )
    return plan, Target(
        name="max_connections", value=plan.connections, low=1.0, high=1.0, reason=reason, severity="high"
    )


def _work_mem(
    now: Configuration, demand: Demand, evidence: Evidence, settable: Callable[[Fact], bool], plan: MemoryPlan
) -> tuple[MemoryPlan, Target]:
    present, ram = now["work_mem"], demand.ram
    formula, reasons = _formula(demand, evidence, plan, _hash_factor(now))
    cap, guard = _WORK_MEM_CAP[demand.profile], work_mem_limit(plan, ram)
    spill = evidence.temp_p95_per_call
    wide_spill = spill is not None and is_wide_spill(evidence)
    wanted = max(min(formula, cap), 1.2 * spill) if wide_spill and spill else min(formula, cap)
    size = max(min(wanted, guard), min(WORK_MEM_FLOOR, now.size("work_mem")))
    value = _to_unit(now, "work_mem", size, 4)
    if value >= 2048:  # in kB: whole megabytes read better
        value = value // 1024 * 1024
    if cap < formula < math.inf:
        reasons.append(f"More than {format_size(cap)} seldom helps with this profile ({demand.profile}).")
    if guard < min(formula, cap):
        reasons.append(
            f"The memory guard allows {format_size(max(guard, 0))} for each of {plan.connections} connections."
        )
    seen = {}
    if wide_spill and spill:
        reasons.append(
            f"Statements spill to disk: 95 % of them write at most {format_size(spill)} per call; 1.2 times that, "
            "within the guard."
        )
        seen = {"temp_p95_per_call": int(spill), "temp_bytes_per_day": int(evidence.temp_bytes_per_day or 0)}
    kept = now.size("work_mem")
    over = kept > guard
    if over:
        reasons.append(
            f"The present {present.shown} overcommits the memory: {replace(plan, work_mem=kept).sentence(ram)}."
        )
    target = Target(
        name="work_mem",
        value=value,
        low=0.4,
        # Everything the guard allows may stay; the smallest step above it may not.
        high=1.0 if over else math.inf,
        reason=" ".join(reasons),
        severity="high" if over else "medium",
        confidence="low" if wide_spill and evidence.is_young else "high",
        evidence={"guard_bytes": int(guard), "connections": plan.connections}
        | ({"formula_bytes": int(formula)} if math.isfinite(formula) else {})
        | seen,
    )
    chosen = kept
    if settable(present.fact) and target.is_material(present, demand.exact):
        chosen = int(float(target.text(present.fact))) * unit_bytes(present.fact)
    return replace(plan, work_mem=chosen), target


def is_wide_spill(evidence: Evidence) -> bool:
    """Return whether many statements spill a lot: more than 50 GB a day, and not two of them alone (judgement)."""
    if (evidence.temp_bytes_per_day or 0) <= 50 * GB or not evidence.temp_statements:
        return False
    return sum(s.share for s in evidence.temp_statements[:2]) <= 0.8


def _hash_factor(now: Configuration) -> float:
    return now.number("hash_mem_multiplier") if "hash_mem_multiplier" in now else 1.0


def _formula(demand: Demand, evidence: Evidence, plan: MemoryPlan, hash_factor: float) -> tuple[float, list[str]]:
    """Return the bytes that the formula gives, infinite where nothing is known of the activity, and the reason."""
    found = _active(demand, evidence, plan)
    if found is None:
        return math.inf, ["The number of cores is unknown, so only the memory guard decides (--cores 4 says more)."]
    active, text = found
    parallel = min(demand.parallel, active * demand.per_gather)
    operations = _OPERATIONS[demand.profile]
    rest = demand.ram - plan.shared_buffers
    formula = 0.5 * rest / (max(1.0, active + parallel) * operations * (1 + hash_factor) / 2)
    hashes = f" and hashes {hash_factor:g} times as large" if hash_factor != 1 else ""
    return formula, [
        f"Half of the {format_size(rest)} beside shared_buffers, for {text}, {parallel:.0f} parallel workers, "
        f"{operations} operations each{hashes}: {format_size(formula)}."
    ]


def _active(demand: Demand, evidence: Evidence, plan: MemoryPlan) -> tuple[float, str] | None:
    """Return how many sessions work at the same time: seen, pooled, or by the cores."""
    if evidence.active_p95 is not None:
        seen = max(1.0, evidence.active_p95)
        return seen, f"{seen:.0f} active sessions (95 % of {evidence.samples} samples)"
    if demand.pool is not None:
        count = min(demand.pool, plan.connections)
        return count, f"a pool of {count}"
    if demand.cores is not None:
        count = min(demand.cores * (1 if demand.profile == "dw" else 4), plan.connections)
        return count, f"{count} active sessions ({demand.cores} {'core' if demand.cores == 1 else 'cores'})"
    return None


def _cache(now: Configuration, demand: Demand, plan: MemoryPlan, wanted: int) -> Target:
    ram = demand.ram
    # A limit set by the guard counts with its fraction, so that more RAM can never mean a smaller cache size.
    limit = (GUARD_SHARE * ram - plan.fixed) / (WORK_MEM_FLOOR + BACKEND_BYTES)
    clients = plan.connections if plan.connections < int(limit) else min(wanted, max(1.0, limit))
    size = min(max(plan.shared_buffers + ram / 10, 0.75 * ram - 4 * MB * clients), ram)
    if demand.own_cache:
        size = 0.75 * ram
    present = now.size("effective_cache_size")
    reason = (
        f"What is left for caching on {format_size(ram)}: the larger of shared_buffers + 10 % and 75 % less 4 MB for "
        f"each of {plan.connections} connections."
        if not demand.own_cache
        else f"Three quarters of {format_size(ram)}: the provider keeps a file cache of its own of that size."
    )
    if present > ram:
        reason += (
            f" The present {now['effective_cache_size'].shown} is more than the machine has: the planner is misled."
        )
    return Target(
        name="effective_cache_size",
        value=_to_unit(now, "effective_cache_size", size, 6),
        low=0.5,
        high=1.25,
        reason=reason,
        severity="medium",
    )


def _alternative(now: Configuration, demand: Demand, evidence: Evidence, plan: MemoryPlan) -> str | None:
    """Return what fewer connections would allow, where that is a real choice."""
    formula, _ = _formula(demand, evidence, plan, _hash_factor(now))
    cap = min(_WORK_MEM_CAP[demand.profile], formula)
    fewer = max(100, 10 * (demand.cores or 0))
    if plan.connections <= fewer or plan.work_mem >= cap:
        return None
    limit = min(work_mem_limit(replace(plan, connections=fewer), demand.ram), cap)
    if limit < 1.5 * plan.work_mem:
        return None
    rounded = round_down(limit / MB, 4)
    return f"With max_connections = {fewer} and a pooler, work_mem could be {rounded}MB instead."


def _for_a_role(demand: Demand, evidence: Evidence, now: Configuration, plan: MemoryPlan) -> str | None:
    """Return what a role may have that keeps to fewer connections than the provider allows."""
    formula, _ = _formula(demand, evidence, plan, _hash_factor(now))
    fewer = max(100, 10 * (demand.cores or 0))
    limit = min(work_mem_limit(replace(plan, connections=fewer), demand.ram), _WORK_MEM_CAP[demand.profile], formula)
    if plan.connections <= fewer or limit < 1.5 * plan.work_mem:
        return None
    return (
        f"The {plan.connections} connections are the provider's number. A role that keeps to {fewer} of them "
        f"(CONNECTION LIMIT, or a pool) can have more: ALTER ROLE … SET work_mem = '{round_down(limit / MB, 4)}MB'."
    )
