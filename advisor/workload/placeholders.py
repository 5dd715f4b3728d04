"""The placeholders of drivers and tools in statement files: `:name`, `?`, `%s`, `%(name)s`, `@name` become $n."""

from __future__ import annotations

import re

_SCAN = re.compile(
    r"""
    (?P<kept> [eE]'(?:[^'\\]|''|\\.)*' | '(?:[^']|'')*' | "(?:[^"]|"")*" | --[^\n]* | /\*.*?\*/
            | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$ | :: | := )
  | (?<![\w\]]):(?P<colon>[A-Za-z_]\w*) | :'(?P<psql>\w+)' | %\((?P<percent>\w+)\)s | (?<!\w)@(?P<at>[A-Za-z_]\w*)
  | (?P<anonymous> %s\b | \? )
    """,
    re.DOTALL | re.VERBOSE,
)
_NUMBERED = re.compile(r"\$(\d+)")


def numbered(text: str) -> str:
    """Return the text with its placeholders as $n: the same name gets the same number, each ? and %s its own.

    Only for texts that are no SQL as they stand: in those that are, ? and @ are operators.

    >>> numbered("select * from t where a = :a and b in (%s, :a) and c = '?'::text")
    "select * from t where a = $1 and b in ($2, $1) and c = '?'::text"
    """
    last = max((int(number) for number in _NUMBERED.findall(text)), default=0)
    names: dict[str, int] = {}

    def replace(match: re.Match[str]) -> str:
        nonlocal last
        if match["kept"] is not None:
            return match[0]
        name = match["colon"] or match["psql"] or match["percent"] or match["at"]
        if name is not None and name in names:
            return f"${names[name]}"
        last += 1
        if name is not None:
            names[name] = last
        return f"${last}"

    return _SCAN.sub(replace, text)
