"""The example applications: fixtures/schemas/<name>.sql and fixtures/workloads/<name>.toml."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from advisor.errors import UsageError
from advisor.resources import resource_dir


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One statement of an application: `sql` with %(name)s parameters, each drawn from the rows of `values[name]`."""

    name: str
    calls: int
    sql: str
    values: dict[str, str] = field(default_factory=dict)
    transaction: str = "commit"  # commit, rollback (the data stays as it is)


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """The machine the application's owners run it on, for the settings advice."""

    ram: str
    cores: int
    storage: str = "ssd"


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """An example application."""

    name: str
    schema: Path
    statements: tuple[Shape, ...]
    settings: dict[str, str] = field(default_factory=dict)  # what its owners put into postgresql.conf
    host: Host | None = None


class _WorkloadFile(msgspec.Struct, forbid_unknown_fields=True):
    statement: tuple[Shape, ...]
    settings: dict[str, str] = {}
    host: Host | None = None


def list_applications() -> tuple[str, ...]:
    """Return the names of the applications that come with pgadvise."""
    return tuple(sorted(path.stem for path in resource_dir("fixtures/workloads").glob("*.toml")))


def find_application(name: str) -> Application:
    """Return the application `name`. Raises UsageError for an unknown one."""
    if name not in list_applications():
        known = ", ".join(list_applications())
        raise UsageError(f"There is no example application '{name}'.", f"Choose one of: {known}.")
    return read_application(
        resource_dir("fixtures/schemas") / f"{name}.sql", resource_dir("fixtures/workloads") / f"{name}.toml"
    )


def read_application(schema: Path, workload: Path) -> Application:
    """Return the application of a schema file and a workload file, named after the latter."""
    file = msgspec.convert(tomllib.loads(workload.read_text(encoding="utf-8")), _WorkloadFile)
    return Application(
        name=workload.stem,
        schema=schema,
        statements=file.statement,
        settings=file.settings,
        host=file.host,
    )
