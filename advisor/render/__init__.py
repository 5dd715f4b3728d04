"""From a Report to text: one function per format. Nothing here reads a server or a clock.

A format's module is loaded when it is asked for: whoever wants one does not pay for HTML's templates.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from advisor.errors import UsageError

if TYPE_CHECKING:
    from advisor.model.report import Report
    from advisor.render.clean import for_encoding
    from advisor.render.json_ import json_schema
    from advisor.render.order import actions, items, worst
    from advisor.render.steps import Action

# Format -> the module of this package that has `render_<format>`.
_MODULES = {
    "json": "json_", "markdown": "markdown", "html": "html", "sarif": "sarif", "junit": "junit", "github": "github",
    "gitlab": "gitlab", "csv": "csv", "sql": "sql", "prometheus": "prometheus",
}  # fmt: skip
# What the package offers besides `render` -> the module that has it.
_OFFERED = {
    "Action": "steps", "actions": "order", "for_encoding": "clean", "items": "order", "json_schema": "json_",
    "worst": "order",
}  # fmt: skip
_SURROGATE = re.compile("[\ud800-\udfff]")
FORMATS = ("text", *_MODULES)


def __getattr__(name: str) -> Any:
    if name not in _OFFERED:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    return getattr(import_module(f"{__name__}.{_OFFERED[name]}"), name)


def render(report: Report, format: str, *, color: bool = False, width: int | None = None) -> str:
    """Return the report in `format`, ending in a line break. `color` and `width` matter to 'text' only.

    The result is meant for UTF-8. Raises UsageError for a format that does not exist.
    """
    if format == "text":
        from advisor.render.text import render_text

        text = render_text(report, color=color, width=width)
    elif format in _MODULES:
        plain: Callable[[Report], str] = getattr(import_module(f"{__name__}.{_MODULES[format]}"), f"render_{format}")
        text = plain(report)
    else:
        raise UsageError(f"There is no format '{format}'.", f"Choose one of {', '.join(FORMATS)}.")
    # Texts read from files may hold bytes that are no characters; what leaves here can always be written.
    return _SURROGATE.sub("\ufffd", text)


__all__ = ["FORMATS", "Action", "actions", "for_encoding", "items", "json_schema", "render", "worst"]
