"""The memory arithmetic that holds the settings together.

    shared_buffers + max_connections x (work_mem + 4 MB) + autovacuum workers x autovacuum_work_mem
    + maintenance_work_mem  <=  90 % of RAM

One operation of work_mem per connection is neither the worst imaginable nor the usual case; it is what a busy
moment looks like. 4 MB stands for a backend's own memory (1.1 MB fresh, 3.2 MB used, measured on PostgreSQL 15)
with its catalog caches.
"""

from __future__ import annotations

from dataclasses import dataclass

from advisor.settings.configuration import Configuration
from advisor.units import format_size

MB = 1 << 20
GB = 1 << 30
BACKEND_BYTES = 4 * MB
GUARD_SHARE = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryPlan:
    """The values that decide how much memory the server can use; sizes in bytes."""

    shared_buffers: int
    connections: int
    work_mem: int
    autovacuum_workers: int
    autovacuum_work_mem: int
    maintenance_work_mem: int

    @property
    def fixed(self) -> int:
        """What is needed without any connection."""
        return self.shared_buffers + self.autovacuum_workers * self.autovacuum_work_mem + self.maintenance_work_mem

    @property
    def worst_case(self) -> int:
        """Bytes with every connection in one operation of work_mem, all vacuum workers and a CREATE INDEX busy."""
        return self.fixed + self.connections * (self.work_mem + BACKEND_BYTES)

    @property
    def parts(self) -> tuple[tuple[str, int], ...]:
        """What the worst case is made of, in bytes."""
        return (
            ("shared_buffers", self.shared_buffers),
            ("work_mem", self.connections * self.work_mem),
            ("connections", self.connections * BACKEND_BYTES),
            ("autovacuum", self.autovacuum_workers * self.autovacuum_work_mem),
            ("maintenance_work_mem", self.maintenance_work_mem),
        )

    def holds(self, ram: int) -> bool:
        """Whether the plan keeps to 90 % of RAM."""
        return self.worst_case <= GUARD_SHARE * ram

    def sentence(self, ram: int | None = None) -> str:
        """Return the arithmetic with the numbers filled in."""
        text = (
            f"{format_size(self.shared_buffers)} shared_buffers + {self.connections} connections x "
            f"({format_size(self.work_mem)} work_mem + 4 MB) + {self.autovacuum_workers} autovacuum workers x "
            f"{format_size(self.autovacuum_work_mem)} + {format_size(self.maintenance_work_mem)} maintenance_work_mem "
            f"= {format_size(self.worst_case)}"
        )
        return text if ram is None else f"{text}, {100 * self.worst_case / ram:.0f} % of {format_size(ram)} RAM"


def work_mem_limit(plan: MemoryPlan, ram: int) -> int:
    """Return the largest work_mem in bytes that the guard allows beside the rest of `plan`; may be negative."""
    return int((GUARD_SHARE * ram - plan.fixed) / max(1, plan.connections)) - BACKEND_BYTES


def connections_limit(plan: MemoryPlan, ram: int, work_mem: int) -> int:
    """Return how many connections the guard allows with `work_mem` bytes each; may be below 1."""
    return int((GUARD_SHARE * ram - plan.fixed) // (work_mem + BACKEND_BYTES))


def plan_of(configuration: Configuration) -> MemoryPlan:
    """Return the plan that a configuration amounts to."""
    maintenance = configuration.size("maintenance_work_mem")
    vacuum = configuration.size("autovacuum_work_mem")
    return MemoryPlan(
        shared_buffers=configuration.size("shared_buffers"),
        connections=int(configuration.number("max_connections")),
        work_mem=configuration.size("work_mem"),
        autovacuum_workers=int(configuration.number("autovacuum_max_workers")),
        autovacuum_work_mem=maintenance if vacuum < 0 else vacuum,
        maintenance_work_mem=maintenance,
    )
