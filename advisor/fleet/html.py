"""The fleet's page as one HTML file: no script, no request; every text is escaped by the template engine."""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from advisor.fleet.followed import words
from advisor.fleet.tally import Fleet
from advisor.model.finding import Severity
from advisor.render.clean import one_line
from advisor.render.html import style_hash
from advisor.render.phrases import minute, size
from advisor.units import format_duration

# What a browser bears; the JSON has all.
_ROWS, _SHARED = 5_000, 500
_SEVERITIES = tuple(severity.value for severity in Severity if severity is not Severity.INFO)


def render_fleet_html(fleet: Fleet) -> str:
    """Return the page; reports that were written as HTML beside it are linked."""
    css = _style()
    ranked = fleet.tally.ranked
    across = fleet.tally.across()
    return (
        _environment()
        .get_template("fleet.html.j2")
        .render(
            fleet=fleet,
            css=css,
            style_hash=style_hash(css),
            severities=_SEVERITIES,
            failed=[row for row in ranked if row.status == "failed"],
            looked=[row for row in ranked if row.status != "failed"][:_ROWS],
            across=across[:_SHARED],
            proposals=words(fleet.tally.ledger),
            regretted=fleet.tally.ledger.regretted,
            more_rows=max(len(ranked) - len(fleet.tally.failed) - _ROWS, 0),
            more_shared=max(len(across) - _SHARED, 0),
        )
        + "\n"
    )


@cache
def _style() -> str:
    return "\n" + PackageLoader("advisor.fleet", "templates").get_source(_environment(), "fleet.css")[0]


def _link(outputs: tuple[str, ...]) -> str | None:
    """Return the name of a target's own page, relative to a fleet page in the same folder."""
    page = next((path for path in outputs if path.endswith((".html", ".htm"))), None)
    return page.rpartition("/")[2] if page is not None else None


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("advisor.fleet", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Any] = {
        "line": one_line, "minute": minute, "size": size, "duration": format_duration, "page": _link,
    }  # fmt: skip
    environment.filters.update(filters)
    return environment
