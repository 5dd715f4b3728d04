"""The doctor's answer as text and JSON. The checks come from advisor.collect.doctor; here only their shape is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec
from rich.cells import cell_len
from rich.text import Text

from advisor.errors import UsageError
from advisor.render.clean import one_line
from advisor.render.page import Page
from advisor.render.phrases import plural
from advisor.render.sqltext import is_sql

_MARKS = {"ok": ("✓", "green"), "missing": ("✗", "red"), "note": ("!", "yellow")}
_WIDEST_NAME = 32


class Check(Protocol):
    """One thing that was tried. `status`: ok, missing (the report lacks something), note (worth knowing)."""

    @property
    def name(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def why(self) -> str: ...
    @property
    def costs(self) -> str | None: ...
    @property
    def fix(self) -> str | None: ...


class Examined(Protocol):
    """What `advisor.collect.doctor.examine` returns."""

    @property
    def version(self) -> str: ...
    @property
    def database(self) -> str: ...
    @property
    def role(self) -> str: ...
    @property
    def is_superuser(self) -> bool: ...
    @property
    def memberships(self) -> tuple[str, ...]: ...
    @property
    def checks(self) -> Sequence[Check]: ...


def render_doctor(doctor: Examined, format: str = "text", *, color: bool = False, width: int | None = None) -> str:
    """Return the answer as 'text' or 'json', ending in a line break. Raises UsageError for another format."""
    if format == "json":
        return _json(doctor)
    if format != "text":
        raise UsageError(f"There is no format '{format}' here.", "Choose text or json.")
    return _text(doctor, Page(color=color, width=width))


def _text(doctor: Examined, page: Page) -> str:
    page.prose(f"PostgreSQL {doctor.version}, database {doctor.database}", style="bold")
    member = f", member of {', '.join(doctor.memberships)}" if doctor.memberships else ""
    page.prose(f"role {doctor.role}{' (superuser)' if doctor.is_superuser else ''}{member}")
    missing = [check for check in doctor.checks if check.status == "missing"]
    page.blank()
    if missing:
        page.prose(
            f"{plural(len(missing), 'thing is', 'things are')} missing; the report works without.", style="yellow"
        )
    else:
        page.prose("Everything works: the report will have all it can use.", style="green")
    page.blank()
    name_width = min(max((cell_len(one_line(c.name)) for c in doctor.checks), default=0), _WIDEST_NAME)
    for check in doctor.checks:
        _check(page, check, name_width)
    fixes = tuple(dict.fromkeys(check.fix for check in missing if check.fix and is_sql(check.fix)))
    if fixes:
        page.heading("To close the gaps", "as a superuser or the owner")
        page.sql(fixes, 2)
    return page.text()


def _check(page: Page, check: Check, name_width: int) -> None:
    mark, style = _MARKS.get(check.status, ("?", ""))
    name = one_line(check.name)
    margin = 2 + name_width + 1
    line = Text().append(f"{mark} ", style=style)
    # A long name takes the space it needs; the text after it then starts later.
    line.append(f"{name:<{name_width}} ", style="bold" if check.status == "missing" else "")
    line.append(one_line(check.why), style="dim" if check.status == "ok" else "")
    page.rich(line, 0, margin)
    if check.costs:
        page.prose(f"costs: {check.costs}", margin)
    if check.fix and not is_sql(check.fix):
        page.prose(f"do: {check.fix}", margin)


def _json(doctor: Examined) -> str:
    answer = {
        "schema_version": 1,
        "version": doctor.version,
        "database": doctor.database,
        "role": doctor.role,
        "is_superuser": doctor.is_superuser,
        "memberships": list(doctor.memberships),
        "checks": [
            {"name": c.name, "status": c.status, "why": c.why, "costs": c.costs, "fix": c.fix} for c in doctor.checks
        ],
    }
    return msgspec.json.format(msgspec.json.encode(answer), indent=2).decode() + "\n"
