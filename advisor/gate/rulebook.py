"""Reads rules/migrations/: one folder per hazard, its name is the rule's name."""

from __future__ import annotations

import importlib.util
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from advisor.errors import UsageError
from advisor.model.finding import Severity
from advisor.model.migration import Action, Hazard, MigrationView
from advisor.resources import resource_dir

Check = Callable[[Action, MigrationView], Iterator[Hazard]]


class _Metadata(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    title: str
    severity: Severity
    enabled: bool = True  # style rules are off until they are asked for
    min_major: int | None = None
    max_major: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationRule:
    """One hazard."""

    name: str
    folder: Path
    title: str
    severity: Severity
    enabled: bool
    min_major: int | None
    max_major: int | None
    check: Check

    @property
    def id(self) -> str:
        """The folder's path below rules/; findings carry `name` alone."""
        return f"migrations/{self.name}"

    def describe(self) -> dict[str, Any]:
        """Return the rule as JSON-able data, in the shape of the health rules."""
        majors = {"min_major": self.min_major, "max_major": self.max_major}
        return {
            "id": self.id,
            "title": self.title,
            "severity": str(self.severity),
            "confidence": "high",
            "subject": "migrations",
            "needs": {name: value for name, value in majors.items() if value is not None},
            "params": {},
            "aliases": [self.name],
            "docs": [],
        }

    @property
    def readme(self) -> str:
        """Return the rule's documentation (Markdown)."""
        return (self.folder / "README.md").read_text(encoding="utf-8")

    def applies(self, major: int) -> bool:
        """Return whether the hazard exists on this major."""
        return (self.min_major or 0) <= major <= (self.max_major or 999)


@cache
def load_migration_rules() -> tuple[MigrationRule, ...]:
    """Return the migration rules, ordered by name. Raises UsageError naming a folder that is broken."""
    root = resource_dir("rules") / "migrations"
    return tuple(_load(path.parent) for path in sorted(root.glob("*/rule.toml")))


def chosen_rules(style: bool = False) -> tuple[MigrationRule, ...]:
    """Return the rules to judge by; with `style` those of style too."""
    return tuple(replace(rule, enabled=True) if style else rule for rule in load_migration_rules())


def _load(folder: Path) -> MigrationRule:
    try:
        metadata = msgspec.convert(tomllib.loads((folder / "rule.toml").read_text(encoding="utf-8")), _Metadata)
    except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise UsageError(f"{folder / 'rule.toml'} is not a valid rule: {error}.") from error
    path = folder / "check.py"
    spec = importlib.util.spec_from_file_location(f"advisor_migration_rule_{folder.name}", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise UsageError(f"{folder} has no check.py.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return MigrationRule(
        name=folder.name,
        folder=folder,
        title=metadata.title,
        severity=metadata.severity,
        enabled=metadata.enabled,
        min_major=metadata.min_major,
        max_major=metadata.max_major,
        check=module.check,
    )
