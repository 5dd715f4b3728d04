"""Whether a condition from a policy file may be put into generated SQL: one boolean expression over plain columns."""

from __future__ import annotations

from advisor.retention.sqltext import Token, tokens
from advisor.retention.vocabulary import words

# Words that would make the text more than an expression over the row.
_REFUSED = words(
    "select insert update delete merge drop alter create truncate copy call do execute with from union grant revoke"
    " vacuum returning into limit offset order group having set table values"
)
# Functions without side effects that people do use in such conditions.
_FUNCTIONS = words(
    "coalesce nullif lower upper now date_trunc extract abs length trim greatest least any all in and or not"
    " jsonb_typeof"
)


def condition_problem(text: str) -> str | None:
    """Return why `text` is not a usable condition, or None when it is.

    >>> condition_problem("is_read = false") is None, condition_problem("true; drop table x")
    (True, 'it holds ";"')
    """
    if "--" in text or "/*" in text:
        return "it holds a comment"
    if "$$" in text:
        return 'it holds "$$"'
    depth = 0
    stream = tokens(text)
    if not stream:
        return "it is empty"
    for position, token in enumerate(stream):
        if token.kind == "sign" and token.text == ";":
            return 'it holds ";"'
        if token.kind == "sign" and token.text in ("'", '"', "\\"):
            return "a quote is not closed"
        if token.kind == "parameter":
            return f"{token.text} is a parameter"
        if token.text == "(" and token.kind == "sign":
            depth += 1
            before = stream[position - 1] if position else None
            if before is not None and before.is_name and before.text not in _FUNCTIONS:
                return f"it calls {before.text}()"
        elif token.text == ")" and token.kind == "sign":
            depth -= 1
            if depth < 0:
                return "a bracket is not opened"
        if (
            token.kind == "word"
            and token.text in _REFUSED
            and not (token.text == "from" and _distinct(stream, position))
        ):
            return f'it holds "{token.text.upper()}"'
    if text.count("'") % 2:
        return "a quote is not closed"
    return None if depth == 0 else "a bracket is not closed"


def _distinct(stream: tuple[Token, ...], position: int) -> bool:
    """IS DISTINCT FROM is a comparison."""
    return position > 0 and stream[position - 1].text == "distinct"
