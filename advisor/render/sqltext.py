"""SQL laid out for people: folded and indented only where blanks have no meaning, so that it can be pasted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from rich.cells import cell_len

from advisor.render.clean import CONTROL

# What must never be broken: strings, quoted names, dollar quotes, comments.
_ATOM = re.compile(
    r"""(?P<atom>(?<![A-Za-z0-9_])[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"
    |\$(?P<tag>[A-Za-z_]\w*|)\$.*?\$(?P=tag)\$)
    |(?P<comment>--[^\n]*|/\*.*?\*/)
    |(?P<blank>\s+)
    |(?P<open>\()|(?P<close>\))""",
    re.VERBOSE | re.DOTALL,
)
# In a name a line break or tab is as unwelcome as a control character.
_BREAK = re.compile(CONTROL.pattern + r"|[\n\t]")
# A long statement is broken before these, outside parentheses.
_CLAUSES = frozenset({"ON", "INCLUDE", "WHERE", "WITH", "SET", "VALUES", "FROM", "USING", "RETURNING", "FOR"})
_STEP = "    "
# Statements whose dollar quotes hold code of ours (plpgsql); elsewhere a dollar quote is a value and stays untouched.
_CODE = re.compile(
    r"\s*(do|create\s+(or\s+replace\s+)?(function|procedure))\b(?!.*\blanguage\s+plpy)", re.I | re.DOTALL
)
# Longer texts are scripts or worse; laying them out is not worth the time.
_FOLD_LIMIT = 20_000


def paste_safe(sql: str) -> str:
    """Return the same statement with control characters in quoted names and strings written as escapes.

    A name may hold an escape sequence or a line break; shown raw it would drive the terminal, shown as a picture it
    would be another name. PostgreSQL reads U&"..." as the name itself.

    >>> paste_safe('drop index "a\x1b[31m"')
    'drop index U&"a\\\\001b[31m"'
    """
    return _ATOM.sub(_escaped_atom, sql) if CONTROL.search(sql) or "\n" in sql or "\t" in sql else sql


def _escaped_atom(match: re.Match[str]) -> str:
    text, quote = match[0], match[0][:1]
    if quote == '"' and (CONTROL.search(text) or "\n" in text or "\t" in text):
        return "U&" + _BREAK.sub(_code_point, text.replace("\\", "\\\\"))
    if quote == "'" and CONTROL.search(text):
        return "U&" + CONTROL.sub(_code_point, text.replace("\\", "\\\\"))
    if text[:2] in ("E'", "e'"):
        return CONTROL.sub(lambda control: f"\\u{ord(control[0]):04x}", text)
    return text


def _code_point(match: re.Match[str]) -> str:
    return f"\\{ord(match[0]):04x}"


def terminated(sql: str) -> str:
    """Return the statement with its semicolon; a text that ends in a comment or has one already stays.

    >>> terminated("select 1"), terminated("select 1; -- done")
    ('select 1;', 'select 1; -- done')
    """
    text = sql.strip()
    last, only_comments = None, True
    position = 0
    for match in _ATOM.finditer(text):
        if text[position : match.start()].strip():
            only_comments = False
            last = None
        if match.lastgroup == "comment" or match["comment"] is not None:
            last = match
        elif match["blank"] is None:
            only_comments = False
            last = None
        position = match.end()
    if text[position:].strip():
        only_comments, last = False, None
    if not text or only_comments or text.endswith(";"):
        return text
    if last is None:
        return text + ";"
    head = text[: last.start()].rstrip()
    return text if head.endswith(";") else text + "\n;"


def _words(sql: str) -> Iterator[tuple[str, int]]:
    """Yield the parts between bare blanks with the parenthesis depth at their start."""
    word: list[str] = []
    depth = start_depth = position = 0
    for match in _ATOM.finditer(sql):
        word.append(sql[position : match.start()])
        position = match.end()
        if match["blank"] is not None:
            if "".join(word):
                yield "".join(word), start_depth
            word, start_depth = [], depth
            continue
        depth += 1 if match["open"] else -1 if match["close"] else 0
        word.append(match[0])
    word.append(sql[position:])
    if "".join(word):
        yield "".join(word), start_depth


def fold(sql: str, width: int) -> list[str]:
    """Return the statement in lines of at most `width` cells where bare blanks allow it.

    Joined by newlines the lines are the same statement. Texts with line breaks or comments of their own come back
    as they are.

    >>> fold("create index concurrently i on t (a) where b", 40)
    ['create index concurrently i', '    on t (a)', '    where b']
    >>> fold("create table p partition of t for values from (1) to (2)", 40)
    ['create table p partition of t', '    for values from (1) to (2)']
    """
    if cell_len(sql) <= width or len(sql) > _FOLD_LIMIT or _has_layout(sql):
        return sql.split("\n") if not _has_layout(sql) else [sql]
    lines: list[str] = []
    current = ""
    for word, depth in _words(sql):
        # FOR VALUES FROM and ON … are begun by their first word only.
        begun = current.strip().upper() in _CLAUSES or current.strip().upper() == "FOR VALUES"
        clause = depth == 0 and word.upper().rstrip("(") in _CLAUSES and not begun
        if current and (clause or cell_len(current) + 1 + cell_len(word) > width):
            lines.append(current)
            current = _STEP + word
        else:
            current = f"{current} {word}" if current.strip() else current + word
    return [*lines, current]


def _has_layout(sql: str) -> bool:
    return any(match["comment"] is not None or "\n" in match[0] for match in _ATOM.finditer(sql))


def indented(sql: str, prefix: str) -> str:
    """Return `sql` with `prefix` before its first line and after every line break that is not inside a quote."""
    parts = [prefix]
    position = 0
    code = _CODE.match(sql) is not None
    for match in _ATOM.finditer(sql):
        parts.append(sql[position : match.start()])
        text = match[0]
        if match["blank"] is not None:
            text = text.replace("\n", "\n" + prefix)
        elif code and text.startswith("$"):
            # The body of a procedure is SQL again, in which the same blanks have no meaning.
            tag = text[: text.index("$", 1) + 1]
            text = tag + indented(text[len(tag) : -len(tag)], prefix)[len(prefix) :] + tag
        parts.append(text)
        position = match.end()
    parts.append(sql[position:])
    return "".join(parts)


def block(statements: Iterable[str], width: int, prefix: str = "") -> str:
    """Return statements ready to paste: terminated, folded to `width`, each on lines of its own."""
    room = width - len(prefix)
    return "\n".join(indented("\n".join(fold(terminated(paste_safe(sql)), room)), prefix) for sql in statements)


def preview(statements: Sequence[str], width: int, prefix: str = "", lines: int | None = None) -> tuple[str, int]:
    """Return `block` of the first statements that fit into `lines` lines, and how many statements are left out.

    A statement is shown whole or not at all.
    """
    shown: list[str] = []
    used = 0
    for place, sql in enumerate(statements):
        text = block([sql], width, prefix)
        used += text.count("\n") + 1
        if lines is not None and used > lines:
            return "\n".join(shown), len(statements) - place
        shown.append(text)
    return "\n".join(shown), 0


def commented(text: str) -> str:
    """Return any text as SQL comment lines; nothing in it can end the comment."""
    return "\n".join(f"-- {line}".rstrip() for line in re.split(r"[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]", text))


_COMMANDS = frozenset({"ALTER", "ANALYZE", "CREATE", "DROP", "GRANT", "REINDEX", "SELECT", "SET", "VACUUM"})


def is_sql(text: str) -> bool:
    """True when the advice is a statement to paste rather than a sentence.

    >>> is_sql("GRANT pg_monitor TO me"), is_sql("Set track_io_timing in the console.")
    (True, False)
    """
    first = text.split(maxsplit=1)[:1]
    return bool(first) and first[0] in _COMMANDS | {word.lower() for word in _COMMANDS}
