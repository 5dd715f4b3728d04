"""From a Report to text: one function per format. Nothing here reads a server or a clock."""

from __future__ import annotations

import re
from collections.abc import Callable

from advisor.errors import UsageError
from advisor.model.report import Report
from advisor.render.clean import for_encoding
from advisor.render.csv import render_csv
from advisor.render.github import render_github
from advisor.render.gitlab import render_gitlab
from advisor.render.html import render_html
from advisor.render.json_ import json_schema, render_json
from advisor.render.junit import render_junit
from advisor.render.markdown import render_markdown
from advisor.render.order import actions, items, worst
from advisor.render.prometheus import render_prometheus
from advisor.render.sarif import render_sarif
from advisor.render.sql import render_sql
from advisor.render.steps import Action
from advisor.render.text import render_text

_PLAIN: dict[str, Callable[[Report], str]] = {
    "json": render_json,
    "markdown": render_markdown,
    "html": render_html,
    "sarif": render_sarif,
    "junit": render_junit,
    "github": render_github,
    "gitlab": render_gitlab,
    "csv": render_csv,
    "sql": render_sql,
    "prometheus": render_prometheus,
}
_SURROGATE = re.compile("[\ud800-\udfff]")
FORMATS = ("text", *_PLAIN)


def render(report: Report, format: str, *, color: bool = False, width: int | None = None) -> str:
    """Return the report in `format`, ending in a line break. `color` and `width` matter to 'text' only.

    The result is meant for UTF-8. Raises UsageError for a format that does not exist.
    """
    if format == "text":
        text = render_text(report, color=color, width=width)
    elif format in _PLAIN:
        text = _PLAIN[format](report)
    else:
        raise UsageError(f"There is no format '{format}'.", f"Choose one of {', '.join(FORMATS)}.")
    # Texts read from files may hold bytes that are no characters; what leaves here can always be written.
    return _SURROGATE.sub("\ufffd", text)


__all__ = ["FORMATS", "Action", "actions", "for_encoding", "items", "json_schema", "render", "worst"]
