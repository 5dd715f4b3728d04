"""PostgreSQL's own scanner and parser (pglast), with the few operations the other modules need.

All offsets are characters from the start of the text, as in pglast's locations and the server's error positions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeGuard

from pglast import ast, parser

# Longer texts are not parsed: 300 kB take about half a second, and what is longer is a bulk load or a generated list.
LONGEST_TEXT = 300_000
COMMENTS = frozenset({"C_COMMENT", "SQL_COMMENT"})
PLANNABLE = (ast.SelectStmt, ast.InsertStmt, ast.UpdateStmt, ast.DeleteStmt, ast.MergeStmt)

Tree = tuple[Any, ...]  # pglast's RawStmt nodes


class NotParsed(Exception):
    """PostgreSQL's grammar refuses the text."""

    def __init__(self, message: str, *, at_end: bool) -> None:
        super().__init__(message)
        self.at_end = at_end  # the text stops too early: it was probably cut


@dataclass(frozen=True, slots=True)
class Token:
    """One token of a text: text[start:end] is it. `name` is the grammar's name, 'ASCII_40' for '('."""

    name: str
    start: int
    end: int


def parse_tree(text: str) -> Tree:
    """Return the statements of `text`. Raises NotParsed."""
    _refuse_nul(text)
    try:
        return tuple(parser.parse_sql(text))
    except parser.ParseError as error:
        raise _not_parsed(error) from error


def tokens(text: str) -> list[Token]:
    """Return all tokens of `text`, comments included. Raises NotParsed."""
    return list(_scanned(text))


@lru_cache(maxsize=64)  # several steps in a row look at the same text
def _scanned(text: str) -> tuple[Token, ...]:
    _refuse_nul(text)
    try:
        return tuple(Token(token.name, token.start, token.end + 1) for token in parser.scan(text))
    except parser.ParseError as error:
        raise _not_parsed(error) from error


def code_tokens(text: str) -> list[Token]:
    """Return the tokens of `text` without comments. Raises NotParsed."""
    return [token for token in tokens(text) if token.name not in COMMENTS]


def fingerprint(text: str) -> str:
    """Return pglast's fingerprint of `text`: the same for all constants and list lengths. Raises NotParsed."""
    try:
        return str(parser.fingerprint(text))
    except parser.ParseError as error:
        raise _not_parsed(error) from error


def _refuse_nul(text: str) -> None:
    if "\x00" in text:
        raise NotParsed("the text has a NUL character in it", at_end=False)


def _not_parsed(error: parser.ParseError) -> NotParsed:
    message = str(error.args[0])
    return NotParsed(message, at_end="at end of input" in message or message.startswith("unterminated"))


def fields(node: Any) -> list[str]:
    """Return the names of a node's attributes."""
    return list(node.__slots__)


def nodes(root: Any) -> Iterator[Any]:
    """Yield every node under `root`, without recursion: generated texts nest deeper than Python's stack."""
    waiting = [root]
    while waiting:
        item = waiting.pop()
        if isinstance(item, ast.Node):
            yield item
            waiting.extend(
                value
                for value in (getattr(item, name) for name in reversed(fields(item)))
                if isinstance(value, (ast.Node, tuple))
            )
        elif isinstance(item, tuple):
            waiting.extend(value for value in reversed(item) if isinstance(value, (ast.Node, tuple)))


def find(root: Any, *types: type) -> list[Any]:
    """Return the nodes of `types` under `root`, in the order of the text as far as the grammar keeps it."""
    return [node for node in nodes(root) if isinstance(node, types)]


def parameters(root: Any) -> list[int]:
    """Return the numbers of the parameters under `root`, sorted, each once."""
    return sorted({int(node.number or 0) for node in nodes(root) if isinstance(node, ast.ParamRef)})


def is_parameter(node: Any) -> TypeGuard[Any]:
    """Return whether `node` is a bare $n, whose `number` is n."""
    return isinstance(node, ast.ParamRef)


def apply_edits(text: str, edits: Iterable[tuple[int, int, str]]) -> str:
    """Return `text` with every (start, end, replacement) applied. Equal edits count once: the grammar shares nodes.

    >>> apply_edits("a b c", [(0, 1, "x"), (4, 5, "z"), (0, 1, "x")])
    'x b z'
    """
    for start, end, replacement in sorted(set(edits), reverse=True):
        text = text[:start] + replacement + text[end:]
    return text


def parameter_number(text: str, token: Token) -> int:
    """Return n of the token $n."""
    return int(text[token.start + 1 : token.end])


def renumber(text: str, mapping: dict[int, int]) -> str:
    """Return `text` with every $n replaced by $mapping[n]; others stay.

    >>> renumber("a = $2 and b = $5", {2: 1, 5: 2})
    'a = $1 and b = $2'
    """
    edits = []
    for token in tokens(text):
        if token.name == "PARAM" and (number := parameter_number(text, token)) in mapping:
            edits.append((token.start, token.end, f"${mapping[number]}"))
    return apply_edits(text, edits)


def function_name(call: Any) -> str:
    """Return the unqualified name of a function call."""
    return str(call.funcname[-1].sval)


def operator_name(expression: Any) -> str:
    """Return the operator of an A_Expr, unqualified; '' where it has none."""
    return str(expression.name[-1].sval) if expression.name else ""
