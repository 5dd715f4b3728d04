"""pgadvise.toml, or [tool.pgadvise] in pyproject.toml: found upward from the working directory."""

from __future__ import annotations

import os
import re
import stat
import tomllib
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from advisor.errors import UsageError

# Keys with the meaning of the flag of the same name, and their types.
_SCALARS: dict[str, type | tuple[type, ...]] = {
    "dsn": str,
    "provider": str,
    "ram": str,
    "cores": (int, float, str),
    "storage": str,
    "profile": str,
    "users": (int, str),
    "what_if": str,
    "twin_dsn": str,
    "twin_image": str,
    "twin_major": int,
    "budget": str,
    "max_indexes": int,
    "max_width": int,
    "time_limit": str,
    "fail_on": str,
    "redact": bool,
    "policy": str,
    "history": str,
    "keep": str,
    "disk": str,
    "replicas": list,
    "max_time": str,
}
_TABLES = ("rules", "retention", "ignore", "gate", "mail", "webhook")
_PASSWORD = re.compile(r"://[^/@\s:]+:[^/@\s]+@|\bpassword\s*=", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Config:
    """The configuration, checked. `path` is None when there is none."""

    path: Path | None = None
    scalars: dict[str, Any] = field(default_factory=dict)
    rule_params: dict[str, dict[str, Any]] = field(default_factory=dict)
    ignore: tuple[dict[str, Any], ...] = ()
    has_retention: bool = False
    gate: dict[str, Any] = field(default_factory=dict)  # checked by the gate itself
    mail: dict[str, Any] = field(default_factory=dict)  # checked when a mail is to be sent
    webhook: dict[str, Any] = field(default_factory=dict)

    def get(self, name: str, flag: Any) -> Any:
        """Return the flag's value where it was given, else the configuration's."""
        return flag if flag is not None else self.scalars.get(name)


def find_config(start: Path, explicit: Path | None = None) -> Config:
    """Return the configuration for a working directory. Raises UsageError for anything wrong in it."""
    if explicit is not None:
        return _read(explicit, required=True)
    for folder in (start, *start.parents):
        if (folder / "pgadvise.toml").is_file() and _trusted(folder / "pgadvise.toml"):
            return _read(folder / "pgadvise.toml", required=True)
        if (folder / "pyproject.toml").is_file():
            config = _read(folder / "pyproject.toml", required=False)
            if config.path is not None:
                return config
    return Config()


def _trusted(path: Path) -> bool:
    """Whether a configuration found on the way up is the user's own, not one left in a shared folder like /tmp."""
    if not hasattr(os, "getuid"):
        return True
    shared = bool(path.parent.stat().st_mode & stat.S_ISVTX)
    return not shared and path.stat().st_uid in (0, os.getuid())


def _read(path: Path, required: bool) -> Config:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}.") from error
    except tomllib.TOMLDecodeError as error:
        if not required:
            return Config()
        raise UsageError(f"{path} is not valid TOML: {error}.") from error
    if path.name == "pyproject.toml":
        data = data.get("tool", {}).get("pgadvise", {})
        if not data:
            return Config()
    return _check(path, data)


def _check(path: Path, data: dict[str, Any]) -> Config:
    unknown = sorted(set(data) - set(_SCALARS) - set(_TABLES))
    if unknown:
        known = ", ".join(sorted((*_SCALARS, *_TABLES)))
        raise UsageError(f"{path}: unknown key '{unknown[0]}'.", f"Known keys: {known}.")
    for name, kind in _SCALARS.items():
        if name in data and (not isinstance(data[name], kind) or (isinstance(data[name], bool) and kind is not bool)):
            raise UsageError(f"{path}: '{name}' has the wrong type.", "Write it as you would write the flag's value.")
    if not all(isinstance(item, str) for item in data.get("replicas", [])):
        raise UsageError(f"{path}: 'replicas' must be a list of connection strings.")
    for name in ("dsn", "twin_dsn", "replicas", "history"):
        if _PASSWORD.search(str(data.get(name, ""))):
            raise UsageError(
                f"{path}: '{name}' contains a password.",
                "Keep it out of files that are shared: use .pgpass, PGPASSWORD or a service file.",
            )
    for name in ("mail", "webhook"):
        if not isinstance(data.get(name, {}), dict):
            raise UsageError(f"{path}: [{name}] must be a table.")
    rules = data.get("rules", {})
    if not isinstance(rules, dict) or not all(isinstance(params, dict) for params in rules.values()):
        raise UsageError(f'{path}: [rules] must hold one table per rule, e.g. [rules."tables/dead_rows"].')
    if not isinstance(data.get("gate", {}), dict):
        raise UsageError(f"{path}: [gate] must be a table.")
    ignore = data.get("ignore", [])
    if not isinstance(ignore, list) or not all(isinstance(item, dict) and "finding" in item for item in ignore):
        raise UsageError(f"{path}: each [[ignore]] needs 'finding' (a key such as 'indexes/x:public.t') and 'reason'.")
    for item in ignore:
        if not item.get("reason"):
            raise UsageError(f"{path}: the [[ignore]] of '{item['finding']}' has no reason.")
        end = item.get("until", item.get("expires"))
        if end is not None and not _is_date(end):
            raise UsageError(f"{path}: the [[ignore]] of '{item['finding']}' ends on '{end}', which is no date.")
    return Config(
        path=path,
        scalars={name: data[name] for name in _SCALARS if name in data},
        rule_params=rules,
        ignore=tuple(ignore),
        has_retention="retention" in data,
        gate=data.get("gate", {}),
        mail=data.get("mail", {}),
        webhook=data.get("webhook", {}),
    )


def _is_date(given: object) -> bool:
    if isinstance(given, date):
        return True
    try:
        date.fromisoformat(str(given))
    except ValueError:
        return False
    return True
