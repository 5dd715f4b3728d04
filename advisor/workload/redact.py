"""Statement texts for other eyes: constants become $n, comments go, credentials never show."""

from __future__ import annotations

import re
from dataclasses import replace

import pglast

from advisor.model.report import IndexAdvice, Report, StatementEffect
from advisor.model.workload import UnusableStatement

# Statements whose text can hold a credential: CREATE/ALTER ROLE|USER, USER MAPPING, SUBSCRIPTION, SERVER, dblink …
_CREDENTIALS = re.compile(
    # Inside another literal (dynamic SQL in DO) the quotes are doubled.
    r"(password|identified\s+by|connection|secret|token|api_?key)\s*(?:=>?|:=|\s)\s*"
    r"(?:E|U&)?(?:(?P<doubled>''+)[^']+(?P=doubled)|'(?:[^']|'')*')",
    re.IGNORECASE,
)
_CONSTANTS = frozenset({"ICONST", "FCONST", "SCONST", "USCONST", "BCONST", "XCONST"})
_COMMENTS = frozenset({"C_COMMENT", "SQL_COMMENT"})
# A text that was cut short may end inside a comment or a string.
_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)|--[^\n]*", re.DOTALL)
_STRING = re.compile(r"(?:E|U&)?'(?:[^']|'')*(?:'|\Z)|\$(\w*)\$.*?(?:\$\1\$|\Z)", re.DOTALL)
_QUOTED = re.compile(r'"([^"]*)"')


def without_credentials(text: str) -> str:
    """Return the text with every literal that follows a credential's keyword replaced.

    >>> without_credentials("create role x login password 's3cret'")
    "create role x login password '***'"
    """
    return _CREDENTIALS.sub(lambda match: match[0][: match[0].index("'")] + "'***'", text)


def without_literals(text: str) -> str:
    """Return the text with constants as $n and without comments; a text that does not parse loses its strings.

    >>> without_literals("select * from t where a = 'x' -- for Bob")
    'select * from t where a = $1'
    """
    try:
        tokens = pglast.parser.scan(text)
    except pglast.parser.ParseError:
        return _STRING.sub("'***'", _COMMENT.sub(" ", text)).rstrip()
    number = max((int(text[t.start + 1 : t.end + 1]) for t in tokens if t.name == "PARAM"), default=0)
    parts, position = [], 0
    for token in tokens:
        if token.name in _CONSTANTS:
            number += 1
            replacement = f"${number}"
        elif token.name in _COMMENTS:
            replacement = ""
        else:
            continue
        parts += [text[position : token.start], replacement]
        position = token.end + 1
    return ("".join(parts) + text[position:]).rstrip()


def redact_report(report: Report) -> Report:
    """Return the report without constants in statement texts; names and numbers stay."""
    indexes = report.indexes
    return replace(
        report,
        indexes=None if indexes is None else _redact_advice(indexes),
        workload=tuple(replace(row, query=without_literals(row.query)) for row in report.workload),
    )


def _redact_advice(advice: IndexAdvice) -> IndexAdvice:
    return replace(
        advice,
        create=tuple(
            replace(p, statements=_redact_effects(p.statements), hurt=_redact_effects(p.hurt)) for p in advice.create
        ),
        drop=tuple(replace(d, hurt=_redact_effects(d.hurt)) for d in advice.drop),
        unusable=tuple(_redact_unusable(u) for u in advice.unusable),
    )


def _redact_effects(effects: tuple[StatementEffect, ...]) -> tuple[StatementEffect, ...]:
    return tuple(replace(effect, query=without_literals(effect.query)) for effect in effects)


def _redact_unusable(row: UnusableStatement) -> UnusableStatement:
    """PostgreSQL's messages quote names and values alike: what stays in the text is a name."""
    text = without_literals(row.text)
    reason = _QUOTED.sub(lambda quoted: quoted[0] if quoted[1] in text else '"***"', row.reason)
    return replace(row, text=text, reason=reason)
