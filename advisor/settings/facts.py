"""What each setting is on each major version: default, unit, context, range.

The data (facts.json) was read from pg_settings of live servers 13 to 18; a server test compares it again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from advisor.errors import UsageError
from advisor.model.server import Setting

MAJORS = range(13, 19)

# Compiled-in defaults that initdb replaces in the configuration file of every new cluster, in the setting's unit.
_INITDB = {"shared_buffers": "16384"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One setting on one major version; `default`, `minimum` and `maximum` are in `unit`, as pg_settings shows them."""

    name: str
    default: str
    unit: str | None  # kB 8kB MB B ms s min; None for plain numbers and texts
    context: str  # internal postmaster sighup superuser-backend backend superuser user
    vartype: str  # bool integer real enum string
    minimum: float | None = None
    maximum: float | None = None
    enumvals: tuple[str, ...] = ()

    @property
    def needs_restart(self) -> bool:
        """Whether a new value waits for a restart of the server."""
        return self.context == "postmaster"

    @property
    def per_session(self) -> bool:
        """Whether ALTER DATABASE and ALTER ROLE can set it without being superuser."""
        return self.context == "user"


@cache
def _data() -> dict[str, list[dict[str, object]]]:
    text = (Path(__file__).parent / "facts.json").read_text(encoding="utf-8")
    data: dict[str, list[dict[str, object]]] = json.loads(text)
    return data


def _number(text: object) -> float | None:
    return None if text in (None, "") else float(str(text))


@cache
def settings_of(major: int) -> dict[str, Fact]:
    """Return every setting of `major` by name. Raises UsageError for a version that is not supported."""
    if major not in MAJORS:
        raise UsageError(
            f"PostgreSQL {major} is not supported.", f"Versions {MAJORS.start} to {MAJORS.stop - 1} are: --major 17"
        )
    found: dict[str, Fact] = {}
    for name, ranges in _data().items():
        for item in ranges:
            if int(str(item["from"])) <= major <= int(str(item["to"])):
                enumvals = item.get("enumvals", ())
                found[name] = Fact(
                    name=name,
                    default=_INITDB.get(name, str(item.get("default", ""))),
                    unit=str(item["unit"]) if "unit" in item else None,
                    context=str(item["context"]),
                    vartype=str(item["vartype"]),
                    minimum=_number(item.get("min")),
                    maximum=_number(item.get("max")),
                    enumvals=tuple(str(v) for v in enumvals) if isinstance(enumvals, list) else (),
                )
    return found


@cache
def majors_with(name: str) -> tuple[int, ...]:
    """Return the supported majors that have the setting `name`."""
    return tuple(m for m in MAJORS if name in settings_of(m))


@cache
def canonical_name(name: str) -> str:
    """Return a setting's own spelling: PostgreSQL ignores case (TimeZone, DateStyle)."""
    lowered = {known.lower(): known for known in _data()}
    return lowered.get(name.lower(), name)


def fact_from_server(setting: Setting) -> Fact:
    """Return the fact as this very server shows it: its build decides ranges and enum values (lz4, io_uring)."""
    return Fact(
        name=setting.name,
        default=setting.boot_val or "",
        unit=setting.unit or None,
        context=setting.context,
        vartype=setting.vartype,
        minimum=_number(setting.min_val),
        maximum=_number(setting.max_val),
        enumvals=setting.enumvals or (),
    )
