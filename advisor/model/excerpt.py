"""Query texts shortened for reports, without the comments that may hold secrets."""

from __future__ import annotations

import re

_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)|--[^\n]*", re.DOTALL)
_UTILITY_WITH_SECRET = re.compile(r"\b(password|secret|credential|conninfo)\b|\bconnection\s+'", re.IGNORECASE)
_KEPT = frozenset(["select", "insert", "update", "delete", "merge", "with", "values", "table"])


def excerpt(query: str | None, width: int = 200) -> str:
    """Return one line of at most `width` characters: comments removed, utility statements by their first word only
    (CREATE ROLE … PASSWORD), since pg_stat_statements keeps their constants.

    >>> excerpt("select  1 /* key=x */\\n from t"), excerpt("create role a password 'b'"), excerpt(None)
    ('select 1 from t', 'create …', '(text not visible to this role)')
    """
    if query is None:
        return "(text not visible to this role)"
    text = " ".join(_COMMENT.sub(" ", query[: width * 20]).split())
    first = text.split(" ", 1)[0].lower().lstrip("(")
    if first not in _KEPT or (_UTILITY_WITH_SECRET.search(text) and first not in ("select", "with")):
        return f"{first} …" if first else "(empty)"
    return text if len(text) <= width else text[: width - 1] + "…"
