"""RAM, cores and storage under the server: given, found, or inferred from a provider's own formulas."""

from __future__ import annotations

from dataclasses import dataclass

from advisor.model.server import HostFacts
from advisor.settings.configuration import Configuration
from advisor.settings.memory import GB
from advisor.settings.options import SettingsOptions
from advisor.units import format_size

# Supabase: direct connections of each compute size -> RAM. 60 (half or one GB) and 500 (192 or 256 GB) name two sizes.
_SUPABASE = {90: 2, 120: 4, 160: 8, 240: 16, 380: 32, 480: 64, 490: 128}
_NEON_CONNECTIONS_PER_UNIT = 419.66  # of 4 GB
_MANAGED_SSD = ("rds", "aurora", "neon", "supabase", "cloudsql", "azure")
_TOLERANCE = 0.15
# RDS: max_connections = LEAST(DBInstanceClassMemory / 9531392, 5000).
_RDS_BYTES_PER_CONNECTION = 9_531_392
_AZURE_BYTES_PER_CONNECTION = 10_000_000
# Cloud SQL's default max_connections, by machine size; another value was set by hand.
_CLOUDSQL_CONNECTIONS = (25, 50, 100, 200, 400, 500, 600, 800, 1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """What the sizing works with; None is unknown, and nothing is ever made up."""

    ram: int | None  # bytes PostgreSQL may use
    ram_source: str | None
    ram_inferred: bool
    cores: float | None
    cores_source: str | None
    storage: str | None
    storage_source: str | None

    @property
    def whole_cores(self) -> int | None:
        """Cores as a whole number, at least 1."""
        return None if self.cores is None else max(1, int(self.cores))


def resolve_host(facts: HostFacts, options: SettingsOptions, configuration: Configuration, provider: str) -> Host:
    """Return the host in the order: flags, what collection found, the provider's formula (marked inferred)."""
    ram, ram_source, inferred = options.ram_bytes, "--ram", False
    if ram is None and facts.ram_bytes is not None:
        ram, ram_source = facts.ram_bytes, facts.ram_source or "collected"
    if ram is None:
        guess = infer_ram(provider, configuration)
        ram, ram_source, inferred = (guess[0], f"inferred: {guess[1]}", True) if guess else (None, "", False)
    if ram is not None and options.ram_share < 1:
        ram, ram_source = int(ram * options.ram_share), f"{ram_source}, {options.ram_share:.0%} of it"
    cores, cores_source = (options.cores, "--cores") if options.cores else (facts.cores, facts.cores_source)
    storage, storage_source = (
        (options.storage, "--storage") if options.storage else (facts.storage, facts.storage_source)
    )
    if storage is None and provider in _MANAGED_SSD:
        storage, storage_source = "ssd", "the provider's storage is solid state"
    return Host(
        ram=ram,
        ram_source=ram_source if ram is not None else None,
        ram_inferred=inferred,
        cores=cores,
        cores_source=cores_source if cores is not None else None,
        storage=storage,
        storage_source=storage_source if storage is not None else None,
    )


def infer_ram(provider: str, configuration: Configuration) -> tuple[int, str] | None:
    """Return bytes and the formula, where the provider's defaults show the instance's size; None where they do not.

    Two values must agree with the provider's formulas (one of them may have been changed by hand); only Neon and
    Supabase, where users cannot change the value read, need one.
    """
    if "max_connections" not in configuration or "shared_buffers" not in configuration:
        return None
    connections = configuration.number("max_connections")
    buffers = configuration.size("shared_buffers")
    if provider == "neon" and 100 < connections < 4000:
        units = connections / _NEON_CONNECTIONS_PER_UNIT
        return int(
            units * 4 * GB
        ), f"Neon gives 419.66 connections per compute unit of 4 GB; {connections:.0f} are {units:.2f}"
    if provider == "supabase" and int(connections) in _SUPABASE:
        ram = _SUPABASE[int(connections)] * GB
        return ram, f"Supabase's compute size with {connections:.0f} direct connections"
    if provider == "rds":
        return _agreeing(buffers * 4, connections * _RDS_BYTES_PER_CONNECTION, connections >= 5000, "RDS")
    if provider == "azure":
        return _agreeing(buffers * 4, connections * _AZURE_BYTES_PER_CONNECTION, connections >= 5000, "Azure")
    if provider == "aurora":
        # Aurora: shared_buffers = SUM(DBInstanceClassMemory / 12038, -50003) blocks of 8 kB.
        memory = (buffers / 8192 + 50003) * 12038
        return _agreeing(memory, connections * _RDS_BYTES_PER_CONNECTION, connections >= 5000, "Aurora")
    if provider == "cloudsql" and int(connections) in _CLOUDSQL_CONNECTIONS:
        return buffers * 3, f"shared_buffers x 3 = {format_size(buffers * 3)}, Cloud SQL's default"
    return None


def neon_connections(ram: int) -> int:
    """Return the max_connections that Neon gives a compute of `ram` bytes."""
    return min(4000, max(100, int(ram / (4 * GB) * _NEON_CONNECTIONS_PER_UNIT)))


def _agreeing(from_buffers: float, from_connections: float, capped: bool, name: str) -> tuple[int, str] | None:
    agree = abs(from_buffers - from_connections) <= _TOLERANCE * from_buffers
    if not agree and not (capped and from_buffers > from_connections):
        return None
    return (
        int(from_buffers),
        f"shared_buffers has {name}'s default for {format_size(from_buffers)}, and max_connections fits it",
    )
