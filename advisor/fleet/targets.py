"""The file of targets: TOML, one [[target]] per server or database, passwords nowhere in it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from psycopg.conninfo import conninfo_to_dict

from advisor.dsn import choose_dsn
from advisor.errors import AdvisorError, UsageError

# Keys with the meaning of the flag (or key of pgadvise.toml) of the same name.
OVERRIDES: dict[str, type | tuple[type, ...]] = {
    "provider": str, "ram": str, "cores": (int, float, str), "storage": str, "profile": str, "users": (int, str),
    "disk": str, "policy": str, "what_if": str, "twin_dsn": str, "twin_image": str, "twin_major": int, "budget": str,
    "max_indexes": int, "time_limit": str, "fail_on": str, "max_time": str,
}  # fmt: skip
_SHARED: dict[str, type | tuple[type, ...]] = {
    "labels": dict, "databases": (str, list), "exclude": list, "password_env": str, "password_command": (str, list),
    "replicas": list, **OVERRIDES,
}  # fmt: skip
_OWN: dict[str, type | tuple[type, ...]] = {"name": str, "dsn": str, "service": str}
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")
_HEADER = re.compile(r"^\s*\[\[\s*target\s*\]\]")
_SECRET = re.compile(r"://[^/@\s:]*:[^/@\s]+@|\b(?:ssl)?password\s*=", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One [[target]]: a database, or all or some databases of a server."""

    name: str
    dsn: str
    databases: tuple[str, ...] | None = None  # None: the one of the DSN; ("*",): all that can be connected to
    exclude: tuple[str, ...] = ()  # patterns of databases that '*' leaves out
    labels: tuple[tuple[str, str], ...] = ()
    password_env: str | None = None
    password_command: str | tuple[str, ...] | None = None
    replicas: tuple[str, ...] = ()
    overrides: dict[str, Any] = field(default_factory=dict)


class _File:
    """The text, to say in which line something is wrong."""

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self.lines = text.splitlines()
        self.headers = [number for number, line in enumerate(self.lines, 1) if _HEADER.match(line)]

    def line(self, place: int | None, key: str | None) -> int:
        """Return the line of a key of the target number `place` (None: of [defaults]); else of its header."""
        start = self.headers[place] if place is not None and place < len(self.headers) else 1
        if place is None:
            start = next((n for n, line in enumerate(self.lines, 1) if line.strip().startswith("[defaults")), 1)
        for number in range(start + 1, len(self.lines) + 1):
            line = self.lines[number - 1]
            if line.lstrip().startswith("[") and not line.lstrip().startswith("[target."):
                break
            if key is not None and re.match(rf'\s*["\']?{re.escape(key)}["\']?\s*[=.]', line):
                return number
        return start

    def wrong(self, place: int | None, key: str | None, what: str, hint: str | None = None) -> UsageError:
        return UsageError(f"{self.path}, line {self.line(place, key)}: {what}", hint)


def read_targets(path: Path) -> tuple[Target, ...]:
    """Return the targets of a file, in its order. Raises UsageError with the line of what is wrong."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UsageError(f"{path} cannot be read: {reason}.") from error
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is not valid TOML: {error}.") from error
    file = _File(path, text)
    unknown = sorted(set(data) - {"target", "defaults"})
    if unknown:
        raise UsageError(f"{path}: unknown key '{unknown[0]}'.", "A file of targets has [defaults] and [[target]].")
    defaults, entries = data.get("defaults", {}), data.get("target", [])
    if not isinstance(defaults, dict) or not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
        raise UsageError(f"{path}: write targets as [[target]] and what they share as [defaults].")
    if not entries:
        raise UsageError(f"{path} names no target.", "Each begins with [[target]] and has a name and a dsn.")
    _check(file, None, defaults, _SHARED)
    targets: dict[str, Target] = {}
    for place, entry in enumerate(entries):
        _check(file, place, entry, _OWN | _SHARED)
        target = _target(file, place, entry, defaults)
        if target.name in targets:
            raise file.wrong(place, "name", f"there are two targets named '{target.name}'.")
        targets[target.name] = target
    return tuple(targets.values())


def _check(file: _File, place: int | None, table: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    for key, value in table.items():
        if key in ("password", "passwd", "pgpassword"):
            raise file.wrong(
                place, key, "a password has no place in this file.", "Use password_env, password_command or .pgpass."
            )
        if key not in known:
            raise file.wrong(place, key, f"unknown key '{key}'.", f"Known keys: {', '.join(sorted(known))}.")
        if not isinstance(value, known[key]) or (isinstance(value, bool) and known[key] is not bool):
            raise file.wrong(place, key, f"'{key}' has the wrong type.")
        if isinstance(value, list) and not all(isinstance(item, str) for item in value):
            raise file.wrong(place, key, f"'{key}' must be a list of texts.")
        texts = value if isinstance(value, list) else [value]
        if key in ("dsn", "replicas", "twin_dsn") and any(_SECRET.search(text) for text in texts):
            raise file.wrong(
                place, key, f"'{key}' contains a password.", "Use password_env, password_command or .pgpass."
            )


def _target(file: _File, place: int, entry: Mapping[str, Any], defaults: Mapping[str, Any]) -> Target:
    name = entry.get("name")
    if name is None:
        raise file.wrong(place, None, "this target has no name.")
    if not _NAME.match(name):
        raise file.wrong(
            place, "name", f"the name '{name}' cannot name files.", "Use letters, digits, dots, dashes, underscores."
        )
    if ("dsn" in entry) == ("service" in entry):
        raise file.wrong(place, "dsn", f"the target '{name}' needs either dsn or service.")
    merged = {**defaults, **entry}
    labels = {**defaults.get("labels", {}), **entry.get("labels", {})}
    if not all(isinstance(value, str) for value in labels.values()):
        raise file.wrong(place, "labels", "labels must be texts.")
    if "password_env" in entry or "password_command" in entry:  # its own way counts, not that of the defaults
        merged = {k: v for k, v in merged.items() if not k.startswith("password_") or k in entry}
    if "password_env" in merged and "password_command" in merged:
        raise file.wrong(place, "password_env", "give password_env or password_command, not both.")
    dsn = entry["dsn"] if "dsn" in entry else f"service={entry['service']}"
    try:
        given = conninfo_to_dict(choose_dsn(dsn))
    except AdvisorError as error:
        raise file.wrong(place, "dsn", error.message, error.hint) from None
    if "password" in given:
        raise file.wrong(place, "dsn", "'dsn' contains a password.", "Use password_env, password_command or .pgpass.")
    if "policy" in merged:
        merged["policy"] = str(file.path.parent / merged["policy"])
    databases = merged.get("databases")
    command = merged.get("password_command")
    return Target(
        name=name,
        dsn=dsn,
        databases=None if databases is None else (databases,) if isinstance(databases, str) else tuple(databases),
        exclude=tuple(merged.get("exclude", ())),
        labels=tuple(sorted(labels.items())),
        password_env=merged.get("password_env"),
        password_command=tuple(command) if isinstance(command, list) else command,
        replicas=tuple(merged.get("replicas", ())),
        overrides={key: merged[key] for key in OVERRIDES if key in merged},
    )
