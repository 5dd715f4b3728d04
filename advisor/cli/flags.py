"""From flags and configuration to what the pipeline takes. Raises UsageError for anything that makes no sense."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from advisor.cli.config import Config
from advisor.errors import UsageError
from advisor.index_search import SearchOptions
from advisor.model.snapshot import read_snapshot
from advisor.pipeline import ReportOptions, Source
from advisor.retention import Policy, load_policy
from advisor.settings import SettingsOptions, parse_cores, parse_ram, parse_share, parse_users
from advisor.units import parse_duration, parse_size
from advisor.whatif import WhatIfOptions


def source_from(flags: Mapping[str, Any], config: Config) -> Source:
    """Return the source the flags name."""
    dsn = flags["dsn"] if flags.get("dsn") is not None or flags.get("snapshot") else config.scalars.get("dsn")
    for path in flags.get("workload") or ():
        if not Path(path).is_file():
            raise UsageError(f"There is no workload file {path}.")
    for path in flags.get("log") or ():
        if not Path(path).exists():
            raise UsageError(f"There is no log file {path}.")
    return Source(
        dsn=dsn,
        snapshot=flags.get("snapshot"),
        workload_files=tuple(flags.get("workload") or ()),
        log_files=tuple(flags.get("log") or ()),
        sample_seconds=parse_duration(flags["sample"]) if flags.get("sample") else 0.0,
        provider=config.get("provider", flags.get("provider")),
        replicas=tuple(flags.get("replica") or (() if flags.get("snapshot") else config.scalars.get("replicas", ()))),
    )


def policy_from(flags: Mapping[str, Any], config: Config) -> Policy | None:
    """Return the retention policy: --policy, the configuration's file, or its own [retention] section."""
    path = config.get("policy", flags.get("policy"))
    if path is not None:
        base = config.path.parent if config.path and flags.get("policy") is None else Path.cwd()
        return load_policy(base / path)
    return load_policy(config.path) if config.path is not None and config.has_retention else None


def settings_options(flags: Mapping[str, Any], config: Config) -> SettingsOptions:
    """Return the facts about the host."""
    ram = config.get("ram", flags.get("ram"))
    cores = config.get("cores", flags.get("cores"))
    users = config.get("users", flags.get("users"))
    share, wal_disk = flags.get("ram_share"), flags.get("wal_disk_free")
    return SettingsOptions(
        ram_bytes=parse_ram(ram) if ram is not None else None,
        ram_share=parse_share(share) if share is not None else 1.0,
        cores=parse_cores(str(cores)) if cores is not None else None,
        storage=_value(config.get("storage", flags.get("storage")), "storage", ("ssd", "nvme", "hdd", "san")),
        profile=_value(config.get("profile", flags.get("profile")), "profile", ("web", "oltp", "mixed", "dw")),
        users=parse_users(str(users)) if users is not None else None,
        provider=config.get("provider", flags.get("provider")),
        wal_disk_free_bytes=parse_size(wal_disk) if wal_disk is not None else None,
    )


def _value(choice: Any, name: str, allowed: tuple[str, ...]) -> str | None:
    text: str | None = getattr(choice, "value", choice)
    if text is not None and text not in allowed:
        raise UsageError(f"'{text}' is not a {name}.", f"Choose one of: {', '.join(allowed)}.")
    return text


def report_options(flags: Mapping[str, Any], config: Config, subjects: tuple[str, ...]) -> ReportOptions:
    """Return what to look at, and how hard."""
    budget = config.get("budget", flags.get("budget"))
    time_limit = config.get("time_limit", flags.get("time_limit"))
    search: dict[str, Any] = {
        "budget_bytes": parse_size(budget) if budget is not None else None,
        "max_indexes": config.get("max_indexes", flags.get("max_indexes")),
        "max_width": flags["max_width"],
    }
    if time_limit is not None:
        search["time_limit"] = parse_duration(time_limit)
    return ReportOptions(
        subjects=subjects,
        what_if=WhatIfOptions(
            mode=_value(flags["what_if"], "planner", ("auto", "twin", "hypopg", "none")) or "auto",
            twin_dsn=config.get("twin_dsn", flags.get("twin_dsn")),
            twin_image=config.get("twin_image", flags.get("twin_image")),
            twin_major=config.get("twin_major", flags.get("twin_major")),
            endpoints=flags.get("endpoints", False),
        ),
        search=SearchOptions(**search),
        settings=settings_options(flags, config),
        policy=policy_from(flags, config),
        rule_params=config.rule_params,
        previous=read_snapshot(flags["previous"]) if flags.get("previous") is not None else None,
    )
