"""Query texts shortened for reports: one line, without the comments and constants that may hold secrets."""

from __future__ import annotations

import re

# Whatever comes first wins, so that a quote inside a comment, or a dash inside a string, means nothing.
_TOKEN = re.compile(
    r"""(?P<name>"(?:[^"]|"")*(?:"|\Z))
    |(?P<constant>
        (?<!\w)[eE]'(?:[^'\\]|\\.|'')*(?:'|\Z)
        |'(?:[^']|'')*(?:'|\Z)
        |\$(?P<tag>[^\W\d]\w*|)\$.*?(?:\$(?P=tag)\$|\Z)
    )
    |(?P<comment>/\*.*?(?:\*/|\Z) | --[^\n]*)""",
    re.DOTALL | re.VERBOSE,
)
_KEPT = frozenset(["select", "insert", "update", "delete", "merge", "with", "values", "table"])
# Texts of several megabytes exist; what is cut here is not shown anyway.
_LOOKED_AT = 20_000


def excerpt(query: str | None, width: int = 200) -> str:
    """Return one line of at most `width` characters: string constants and comments taken out.

    Utility statements are named by their first word only (CREATE ROLE … PASSWORD keeps its constant everywhere).

    >>> excerpt("select  1 /* key=x */\\n from t where a = 'b'"), excerpt("create role a password 'b'"), excerpt(None)
    ("select 1 from t where a = '…'", 'create …', '(text not visible to this role)')
    """
    if query is None:
        return "(text not visible to this role)"
    text = " ".join(_TOKEN.sub(_masked, query[:_LOOKED_AT]).split())
    first = text.split(" ", 1)[0].lower().lstrip("(")
    if first not in _KEPT:
        return f"{first[: width - 2]} …" if first else "(empty)"
    return text if len(text) <= width else text[: width - 1] + "…"


def _masked(match: re.Match[str]) -> str:
    if match["name"] is not None:
        return match["name"]
    return "'…'" if match["constant"] is not None else " "
