"""Memory over a matrix of hosts: ours against the published formulas of other tuners, as Markdown tables.

72 hosts: RAM 1, 4, 8, 16, 64, 256 GB x 2, 8, 32 cores x web, oltp, dw, mixed. For each tuner the values it gives are
put into the same sum: shared_buffers + connections x work_mem + autovacuum workers x their memory. Ours is held to a
stricter one, with 4 MB for each connection and maintenance_work_mem besides; both are printed.

Below it, what the four applications of the acceptance tests need, by their users.

Run: python -m tests.bench.bench_settings_matrix            prints the tables, with --cells every host
     python -m tests.bench.bench_settings_matrix --write    writes them into README.md and docs/settings.md
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from advisor.model.report import Capacity
from advisor.settings import SettingsOptions, advise_for_host, capacity
from advisor.settings.configuration import fresh_configuration
from advisor.settings.memory import GB, MB, MemoryPlan, plan_of
from advisor.settings.sizing import USEFUL_WORK_MEM
from advisor.settings.values import normalise
from advisor.units import format_size

MAJOR = 17
ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = (ROOT / "README.md", ROOT / "docs/settings.md")
APPLICATIONS = (("shop, today", 200), ("quiz; shop, wanted", 500), ("dating", 1000), ("school", 3500))
RAMS = (1, 4, 8, 16, 64, 256)
CORES = (2, 8, 32)
PROFILES = ("web", "oltp", "dw", "mixed")
# Connections that pgtune assumes for a profile; used for every tuner that does not choose its own.
CONNECTIONS = {"web": 200, "oltp": 300, "dw": 40, "mixed": 100}


@dataclass(frozen=True)
class Host:
    ram: int
    cores: int
    profile: str


def hosts() -> Iterator[Host]:
    for ram in RAMS:
        for cores in CORES:
            for profile in PROFILES:
                yield Host(ram * GB, cores, profile)


def ours(host: Host) -> MemoryPlan:
    options = SettingsOptions(ram_bytes=host.ram, cores=host.cores, storage="ssd", profile=host.profile)
    now = fresh_configuration(MAJOR)
    advice = advise_for_host(MAJOR, CONNECTIONS[host.profile], options)
    changes = {p.name: replace(now[p.name], text=normalise(now[p.name].fact, p.proposed)) for p in advice.proposals}
    return plan_of(now.replaced(changes))


def pgtune(host: Host) -> MemoryPlan:
    """The published formulas of pgtune (2026), for a database larger than half of the RAM."""
    buffers = host.ram // 4
    maintenance = min(host.ram // (8 if host.profile == "dw" else 16), 8 * GB)
    connections = CONNECTIONS[host.profile]
    workers = host.cores if host.cores >= 4 else 8
    work = (host.ram - buffers) / ((connections + workers) * 3) / (2 if host.profile in ("dw", "mixed") else 1)
    return MemoryPlan(
        shared_buffers=buffers,
        connections=connections,
        work_mem=max(4 * MB, int(work)),
        autovacuum_workers=5 if host.cores >= 32 else 4 if host.cores >= 16 else 3,
        autovacuum_work_mem=2 * GB if maintenance >= 2 * GB else maintenance,
        maintenance_work_mem=maintenance,
    )


def pgconfig(host: Host) -> MemoryPlan:
    """The published formulas of pgconfig (2025)."""
    mixed = host.profile == "mixed"
    share = {"web": 0.25, "oltp": 0.35, "dw": 0.5, "mixed": 0.1}[host.profile]
    connections, maintenance = CONNECTIONS[host.profile], int(host.ram * 0.05)
    return MemoryPlan(
        shared_buffers=host.ram // (8 if mixed else 4),
        connections=connections,
        work_mem=int(host.ram * share / connections),
        autovacuum_workers=3,
        autovacuum_work_mem=maintenance,
        maintenance_work_mem=maintenance,
    )


def timescale(host: Host) -> MemoryPlan:
    """The published formulas of timescaledb-tune (2026); it knows no profiles and chooses the connections."""
    gigabytes = host.ram / GB
    connections = 25 if gigabytes <= 2 else 50 if gigabytes <= 4 else 75 if gigabytes <= 6 else 100
    maintenance = min(host.ram // 8, 2047 * MB)
    work = gigabytes * 400 * MB / connections / max(1, math.ceil(host.cores / 2))
    return MemoryPlan(
        shared_buffers=host.ram // 4,
        connections=connections,
        work_mem=max(64 * 1024, int(work)),
        autovacuum_workers=10,
        autovacuum_work_mem=maintenance,
        maintenance_work_mem=maintenance,
    )


TUNERS: dict[str, Callable[[Host], MemoryPlan]] = {
    "pgadvise": ours,
    "pgtune": pgtune,
    "pgconfig": pgconfig,
    "timescaledb-tune": timescale,
}


def plain_share(plan: MemoryPlan, ram: int) -> float:
    """One operation of work_mem per connection, and vacuum; nothing for the connections themselves."""
    vacuum = plan.autovacuum_workers * plan.autovacuum_work_mem
    return (plan.shared_buffers + plan.connections * plan.work_mem + vacuum) / ram


def full_share(plan: MemoryPlan, ram: int) -> float:
    """The guard's own sum."""
    return plan.worst_case / ram


def table(share: Callable[[MemoryPlan, int], float]) -> list[str]:
    lines = [
        "| tuner | share of RAM: median | largest | hosts above 90 % | hosts above 100 % |",
        "|---|---|---|---|---|",
    ]
    for name, tuner in TUNERS.items():
        shares = sorted(share(tuner(host), host.ram) for host in hosts())
        over90, over100 = sum(s > 0.9 for s in shares), sum(s > 1 for s in shares)
        middle, largest, count = f"{shares[len(shares) // 2]:.0%}", f"{shares[-1]:.0%}", len(shares)
        lines.append(f"| {name} | {middle} | {largest} | {over90} of {count} | {over100} of {count} |")
    return lines


def least_ram(users: int) -> Capacity:
    """Return the capacity on the smallest usual amount of RAM that leaves a useful work_mem for every connection."""
    sizes = (capacity(users, ram_bytes=gigabytes * GB) for gigabytes in (1, 2, 4, 8, 16, 32, 64, 128))
    return next(found for found in sizes if (found.work_mem_bytes or 0) >= USEFUL_WORK_MEM)


def applications() -> list[str]:
    """The four applications' users: pool, cores, connections, pooler and memory, by the usual assumptions."""
    lines = [
        "| application | users | busy | pool | cores | max_connections | clients of the pooler | RAM from | work_mem |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, users in APPLICATIONS:
        found = least_ram(users)
        cells = (
            name,
            users,
            f"{found.busy:.3g}",
            found.pool,
            found.cores,
            found.max_connections,
            found.max_client_connections,
            format_size(found.ram_bytes or 0),
            format_size(found.work_mem_bytes or 0),
        )
        lines.append(f"| {' | '.join(str(cell) for cell in cells)} |")
    return lines


def blocks() -> dict[str, list[str]]:
    """The tables by the name of their place in the documents."""
    return {"matrix": table(full_share), "matrix-plain": table(plain_share), "applications": applications()}


def written(text: str) -> str:
    """Return a document with the tables between its marks made anew."""
    for name, lines in blocks().items():
        begin, end = f"<!-- {name}: python -m tests.bench.bench_settings_matrix --write -->\n", f"<!-- /{name} -->"
        if begin in text:
            before, _, rest = text.partition(begin)
            text = before + begin + "\n" + "\n".join(lines) + "\n\n" + end + rest.partition(end)[2]
    return text


def cells() -> list[str]:
    """Every cell: the share of RAM under the guard's sum."""
    lines = [f"| RAM | cores | profile | {' | '.join(TUNERS)} |", f"|---|---|---|{'---|' * len(TUNERS)}"]
    for host in hosts():
        shares = " | ".join(f"{full_share(tuner(host), host.ram):.0%}" for tuner in TUNERS.values())
        lines.append(f"| {format_size(host.ram)} | {host.cores} | {host.profile} | {shares} |")
    return lines


def main() -> None:
    if "--write" in sys.argv:
        for document in DOCUMENTS:
            document.write_text(written(document.read_text(encoding="utf-8")), encoding="utf-8")
        return
    print("shared_buffers + connections x work_mem + autovacuum, share of RAM:\n")
    print("\n".join(table(plain_share)))
    print("\nThe same with 4 MB for each connection and maintenance_work_mem besides:\n")
    print("\n".join(table(full_share)))
    print("\nThe applications' users:\n")
    print("\n".join(applications()))
    if "--cells" in sys.argv:
        print()
        print("\n".join(cells()))


if __name__ == "__main__":
    main()
