"""What a person can tell the advisor about the host and the load; nothing here is ever guessed."""

from __future__ import annotations

import math
from dataclasses import dataclass

from advisor.errors import UsageError
from advisor.model.snapshot import Snapshot
from advisor.settings.providers import PROVIDERS
from advisor.units import parse_size

PROFILES = ("web", "oltp", "mixed", "dw")
STORAGES = ("ssd", "nvme", "hdd", "san")


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsOptions:
    """Facts given by hand; None means "find out, or say that it is unknown". Raises UsageError for impossible ones."""

    ram_bytes: int | None = None
    ram_share: float = 1.0  # share of the host's RAM that PostgreSQL may have, 0..1
    cores: float | None = None
    storage: str | None = None  # ssd nvme hdd san
    profile: str | None = None  # web oltp mixed dw; None: mixed
    users: int | None = None  # people using the application at the same time
    provider: str | None = None
    connections: int | None = None  # max_connections to plan for
    pool: int | None = None  # server connections of the pooler
    wal_disk_free_bytes: int | None = None
    previous: Snapshot | None = None  # an earlier snapshot of the same server: evidence is then the difference
    series: tuple[Snapshot, ...] = ()  # several of them, in any order: rates over time

    def __post_init__(self) -> None:
        if self.ram_bytes is not None and self.ram_bytes < 64 << 20:
            raise UsageError(
                f"RAM of {self.ram_bytes} bytes is too little for a server.", "Give at least 64MB: --ram 8GB"
            )
        if self.ram_bytes is not None and self.ram_bytes > 1 << 50:
            raise UsageError("RAM of more than 1024 TB is not believable.", "Write it like this: --ram 8GB")
        if not 0 < self.ram_share <= 1:
            raise UsageError(f"A share of {self.ram_share} of the RAM makes no sense.", "Give a number from 0.1 to 1.")
        if self.cores is not None and not (0 < self.cores <= 4096 and math.isfinite(self.cores)):
            raise UsageError(f"{self.cores:g} cores make no sense.", "Give a number from 0.5 up: --cores 4")
        if self.storage is not None and self.storage not in STORAGES:
            raise UsageError(f"'{self.storage}' is not a kind of storage.", f"Choose one of {', '.join(STORAGES)}.")
        if self.profile is not None and self.profile not in PROFILES:
            raise UsageError(f"'{self.profile}' is not a profile.", f"Choose one of {', '.join(PROFILES)}.")
        if self.provider is not None and self.provider not in PROVIDERS:
            raise UsageError(f"'{self.provider}' is not a known provider.", f"Choose one of {', '.join(PROVIDERS)}.")
        if self.users is not None and not 1 <= self.users <= 10**9:
            raise UsageError(f"{self.users} users make no sense.", "Give a number from 1 up: --users 500")
        if self.connections is not None and not 1 <= self.connections <= 262143:
            raise UsageError(
                f"{self.connections} connections make no sense.", "Give a number from 1 to 262143: --connections 100"
            )
        if self.wal_disk_free_bytes is not None and not 1 << 20 <= self.wal_disk_free_bytes <= 1 << 60:
            raise UsageError(
                f"{self.wal_disk_free_bytes} bytes for WAL make no sense.", "Give at least 1MB: --wal-disk-free 20GB"
            )
        if self.pool is not None and self.pool < 1:
            raise UsageError(f"A pool of {self.pool} makes no sense.", "Give a number from 1 up.")


def parse_ram(text: str) -> int:
    """Return bytes for `--ram`; a bare number is refused, because 8 could mean 8 GB or 8 bytes. Raises UsageError."""
    if text.strip().isdigit():
        raise UsageError(f"'{text}' has no unit.", "Write it like this: --ram 8GB")
    return parse_size(text)


def parse_share(text: str) -> float:
    """Return a share 0..1 for `--ram-share`, written '50%' or '0.5'. Raises UsageError."""
    number, percent = text.strip().removesuffix("%"), text.strip().endswith("%")
    try:
        share = float(number) / (100 if percent else 1)
    except ValueError as error:
        raise UsageError(f"'{text}' is not a share of the RAM.", "Write it like this: --ram-share 50%") from error
    if not 0 < share <= 1:
        raise UsageError(f"A share of {text} of the RAM makes no sense.", "Write it like this: --ram-share 50%")
    return share


def parse_cores(text: str) -> float:
    """Return cores for `--cores`; 0.5 is half a core of a container. Raises UsageError."""
    try:
        cores = float(text)
    except ValueError as error:
        raise UsageError(f"'{text}' is not a number of cores.", "Write it like this: --cores 4") from error
    return SettingsOptions(cores=cores).cores or cores


def parse_users(text: str) -> int:
    """Return users for `--users`. Raises UsageError."""
    try:
        users = int(text.replace(",", "").replace("_", ""))
    except ValueError as error:
        raise UsageError(f"'{text}' is not a number of users.", "Write it like this: --users 500") from error
    return SettingsOptions(users=users).users or users
