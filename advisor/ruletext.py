"""Templates of rules: prose for people and SQL to run, from the values a rule found.

Prose may print anything. SQL may print only what is safe as SQL: numbers, RelationNames (their text is quoted) and
what passed one of the filters `ident`, `idents`, `literal`, `relation` or `sql`; a bare string is an error, so that
a column called `x"; drop table y` can never leave its quotes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import jinja2

from advisor.model.excerpt import excerpt
from advisor.model.names import RelationName, quote_ident, quote_literal
from advisor.units import format_count, format_duration, format_size

# Ends a statement within one `sql` template: no identifier or constant of PostgreSQL can contain it.
NEXT_STATEMENT = "\x00"
_UNKNOWN = "unknown"
_LINE_BREAK = re.compile(r"(?<!\n)\n(?![ \t]*\n)")
_BLANK_LINE = re.compile(r"\n[ \t]*\n\s*")


class Sql(str):
    """A piece of SQL that is safe to print: quoted, or a name PostgreSQL itself quoted."""

    __slots__ = ()


def _size(value: float | None) -> str:
    return _UNKNOWN if value is None else format_size(value)


def _count(value: float | None) -> str:
    return _UNKNOWN if value is None else format_count(value)


def _duration(value: float | None) -> str:
    return _UNKNOWN if value is None else format_duration(value)


def _percent(value: float | None) -> str:
    if value is None:
        return _UNKNOWN
    number = value * 100
    return f"{number:.0f} %" if abs(number) >= 10 or number == int(number) else f"{number:.2g} %"


def _listing(values: Iterable[Any], limit: int = 5) -> str:
    """Return 'a, b and 7 more'."""
    items = [str(value) for value in values]
    if len(items) <= limit + 1:
        return ", ".join(items)
    return f"{', '.join(items[:limit])} and {len(items) - limit} more"


def _plural(number: float, one: str, many: str | None = None) -> str:
    return f"{format_count(number)} {one if number == 1 else many or one + 's'}"


def _ident(name: str) -> Sql:
    return Sql(quote_ident(name))


def _idents(names: Iterable[str]) -> Sql:
    return Sql(", ".join(quote_ident(name) for name in names))


def _literal(value: Any) -> Sql:
    return Sql(quote_literal(str(value)))


def _relation(schema: str, name: str) -> Sql:
    return Sql(RelationName(schema, name))


def _only_safe_sql(value: Any) -> Any:
    """Return the value as SQL, or refuse it."""
    if isinstance(value, Sql | RelationName | jinja2.Undefined):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    raise jinja2.TemplateRuntimeError(
        f"'{value}' is printed into SQL unquoted: use | ident, | literal, or | sql for a name the server quoted"
    )


def _environment(finalize: Any) -> jinja2.Environment:
    # Output is plain text and SQL, never HTML: the renderers escape, and `_only_safe_sql` guards the SQL.
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        autoescape=False,
        finalize=finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        size=_size,
        count=_count,
        duration=_duration,
        percent=_percent,
        listing=_listing,
        plural=_plural,
        excerpt=excerpt,
        ident=_ident,
        idents=_idents,
        literal=_literal,
        relation=_relation,
        sql=Sql,
    )
    environment.globals.update(next_statement=Sql(NEXT_STATEMENT))
    return environment


@cache
def _prose() -> jinja2.Environment:
    return _environment(None)


@cache
def _sql() -> jinja2.Environment:
    return _environment(_only_safe_sql)


@cache
def _compiled(text: str, as_sql: bool) -> jinja2.Template:
    # In prose a line break is a space, also beside a block; only blank lines of the template end a paragraph.
    return _sql().from_string(text) if as_sql else _prose().from_string(_LINE_BREAK.sub(" ", text.strip()))


def check_template(text: str, *, as_sql: bool = False) -> None:
    """Raise jinja2.TemplateError when `text` is not a template."""
    _compiled(text, as_sql)


def render_line(text: str, values: Mapping[str, Any]) -> str:
    """Return one line of prose; raises jinja2.TemplateError."""
    return " ".join(_compiled(text, False).render(values).split())


def render_prose(text: str, values: Mapping[str, Any]) -> str:
    """Return prose: lines joined, blank lines kept as ends of paragraphs; raises jinja2.TemplateError."""
    paragraphs = _BLANK_LINE.split(_compiled(text, False).render(values).strip())
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def render_sql(templates: Iterable[str], values: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the statements of `templates`, those that render to nothing left out; raises jinja2.TemplateError."""
    rendered = (_compiled(template, True).render(values) for template in templates)
    return tuple(
        statement.strip() for text in rendered for statement in text.split(NEXT_STATEMENT) if statement.strip()
    )
