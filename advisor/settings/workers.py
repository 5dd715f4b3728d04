"""Settings that follow from the number of cores: worker processes, parallel queries, autovacuum, I/O workers."""

from __future__ import annotations

from advisor.settings.configuration import Configuration
from advisor.settings.evidence import Evidence
from advisor.settings.targets import Target

_PER_GATHER = {"web": 2, "oltp": 2, "mixed": 4, "dw": 8}


def autovacuum_workers(cores: int | None, now: Configuration) -> int:
    """Return how many autovacuum workers to run: 3, 4 from 16 cores, 5 from 32; never fewer than there are."""
    present = int(now.number("autovacuum_max_workers"))
    if cores is None:
        return present
    wanted = 5 if cores >= 32 else 4 if cores >= 16 else 3
    if "autovacuum_worker_slots" in now:
        # 18 on: workers change with a reload, but only up to the slots reserved at start.
        wanted = min(wanted, int(now.number("autovacuum_worker_slots")))
    return max(present, wanted)


def parallel_limits(cores: int | None, profile: str, now: Configuration) -> tuple[int, int]:
    """Return max_parallel_workers and the workers per gather; the present ones where the cores are unknown."""
    if cores is None:
        return int(now.number("max_parallel_workers")), int(now.number("max_parallel_workers_per_gather"))
    return cores, min(_PER_GATHER[profile], cores // 2)


def worker_targets(now: Configuration, cores: int, profile: str, evidence: Evidence) -> tuple[Target, ...]:
    """Return the targets that depend on cores."""
    noun = "core" if cores == 1 else "cores"
    parallel, per_gather = parallel_limits(cores, profile, now)
    targets = [
        Target(
            name="max_worker_processes",
            value=max(8, cores + 4),
            only_raise=True,
            low=0.75,
            severity="low",
            reason=f"{cores} {noun} for parallel queries and four for extensions and replication; never lowered.",
        ),
        Target(
            name="max_parallel_workers",
            value=parallel,
            high=2.5,
            severity="low",
            reason=f"One for each of the {cores} {noun}: more would take turns.",
        ),
        Target(
            name="max_parallel_workers_per_gather",
            value=per_gather,
            severity="low",
            reason=f"{_PER_GATHER[profile]} for this profile ({profile}), at most half of the {cores} {noun}: a query "
            "that takes all of them makes every other one wait.",
        ),
        Target(
            name="max_parallel_maintenance_workers",
            value=min(4, cores // 2),
            severity="low",
            reason=f"Half of the {cores} {noun}, at most 4, for CREATE INDEX.",
        ),
        *_autovacuum(now, cores, evidence),
        *_max_threshold(now),
    ]
    if "io_workers" in now and now["io_method"].text == "worker":
        targets.append(
            Target(
                name="io_workers",
                value=min(32, max(3, cores // 4)),
                only_raise=True,
                low=0.75,
                severity="low",
                reason=f"A quarter of the {cores} {noun}, at least 3, read ahead for all sessions.",
            )
        )
    return tuple(targets)


def _max_threshold(now: Configuration) -> list[Target]:
    """18 on: a low limit for every table makes autovacuum go over the middling ones all the time."""
    name = "autovacuum_vacuum_max_threshold"
    if name not in now or not 0 <= now.number(name) < 1_000_000:
        return []
    return [
        Target(
            name=name,
            value=100_000_000,
            reason=f"{now[name].shown} dead rows start a vacuum of any table, however large. Keep the default for the "
            "server and give very large tables a value of their own (1 to 10 million).",
        )
    ]


def _autovacuum(now: Configuration, cores: int, evidence: Evidence) -> list[Target]:
    workers = autovacuum_workers(cores, now)
    busy = evidence.autovacuum_busy_share
    if busy is not None and busy > 0.5:
        # First let the workers there are do more; the limit is shared among them, so more workers alone do not.
        present = now.number("autovacuum_vacuum_cost_limit")
        base = now.number("vacuum_cost_limit") if present < 0 else present
        return [
            Target(
                name="autovacuum_vacuum_cost_limit",
                value=min(10000, 2 * base),
                effective=base,
                low=0.99,
                reason=f"All autovacuum workers were busy in {busy:.0%} of {evidence.samples} samples. Twice the cost "
                f"limit ({base:.0f}) lets them finish sooner; more workers would only share the same limit.",
                evidence={"busy_share": round(busy, 2), "samples": evidence.samples},
            )
        ]
    return [
        Target(
            name="autovacuum_max_workers",
            value=workers,
            only_raise=True,
            low=0.99,
            severity="low",
            reason=f"{workers} workers on {cores} cores.",
        )
    ]
