"""Literal values: found by laying a text with constants over the same text with parameters.

pg_stat_statements has lost the constants; texts from pg_stat_activity and from files still have them. Several
texts that differ only in constants become one statement: constants that vary turn into parameters, constants
that are always the same stay, so that a partial index can rest on them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from advisor.workload.parse import COMMENTS, NotParsed, Token, apply_edits, parameter_number, parse_tree, tokens
from advisor.workload.repair import SQUASHED
from advisor.workload.values import array_of

_STRINGS = frozenset(["SCONST", "USCONST", "BCONST", "XCONST"])
_CONSTANTS = _STRINGS | {"ICONST", "FCONST", "TRUE_P", "FALSE_P", "NULL_P"}
_SIGNS = frozenset(["ASCII_45", "ASCII_43"])

Literals = dict[int, str | None]  # parameter -> value's text
_NONE: Mapping[int, str | None] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class _Scanned:
    """A text's tokens without comments, and the ends of the parameters that stand for a squashed list."""

    text: str
    code: list[Token]
    squashed: frozenset[int]

    def word(self, index: int) -> str:
        """The text of the token at `index`."""
        return self.text[self.code[index].start : self.code[index].end]


def _scan(text: str) -> _Scanned:
    scanned = tokens(text)
    squashed = frozenset(
        scanned[index - 1].end
        for index, token in enumerate(scanned)
        if index and token.name == "C_COMMENT" and text[token.start : token.end] == SQUASHED
    )
    return _Scanned(text, [token for token in scanned if token.name not in COMMENTS], squashed)


def shape_of_text(text: str) -> tuple[str, str]:
    """Return two forms of a text without its constants: exact, and with lists of values of any length as one.

    Raises NotParsed. Case and spacing do not matter.
    """
    scanned = _scan(text)
    words: list[str] = []
    for token in scanned.code:
        if token.name in _CONSTANTS - {"NULL_P", "TRUE_P", "FALSE_P"} or token.name == "PARAM":
            words.append("$")
        else:
            words.append(_plain(text, token))
    collapsed: list[str] = []
    for word in words:
        collapsed.append(word)
        if collapsed[-3:] == ["$", ",", "$"]:
            del collapsed[-2:]
    return " ".join(words), " ".join(collapsed)


def _plain(text: str, token: Token) -> str:
    word = text[token.start : token.end]
    return word if word.startswith('"') else word.lower()


def has_parameters(text: str) -> bool:
    """Return whether the text has a parameter. Raises NotParsed."""
    return any(token.name == "PARAM" for token in _scan(text).code)


def align(pattern: str, text: str, values: Mapping[int, str | None] = _NONE) -> Literals | None:
    """Return the constants that `text` has where `pattern` has parameters; None when they are not the same statement.

    `values` are those of the text's own $n, which count as constants then.

    >>> align("select * from t where a = $1 and b in ($2, $3)", "SELECT * FROM t WHERE a = -5 AND b IN ('x', NULL)")
    {1: '-5', 2: 'x', 3: None}
    """
    try:
        mine, theirs = _scan(pattern), _scan(text)
    except NotParsed:
        return None
    found: Literals = {}
    position = 0
    for token in mine.code:
        if token.name != "PARAM":
            if position >= len(theirs.code) or _plain(pattern, token) != _plain(text, theirs.code[position]):
                return None
            position += 1
            continue
        number = parameter_number(pattern, token)
        if token.end in mine.squashed:
            members: list[str | None] = []
            while True:
                read = _constant(theirs, position, values)
                if read is None:
                    return None
                value, position = read
                members.append(value)
                if position >= len(theirs.code) or theirs.code[position].name != "ASCII_44":
                    break
                position += 1
            found[number] = array_of(members)
            continue
        if values and _unknown(theirs, position, values):
            position += 1
            continue
        read = _constant(theirs, position, values)
        if read is None:
            return None
        found[number], position = read
    return found if position == len(theirs.code) or _rest_is_semicolons(theirs, position) else None


def is_prefix_of(cut: str, pattern: str) -> bool:
    """Return whether `cut`, a text the server truncated, can be the beginning of `pattern` (constants aside)."""
    try:
        words, whole = _words_of_cut(cut), shape_of_text(pattern)[0].split(" ")
    except NotParsed:
        return False
    return len(words) >= 4 and whole[: len(words)] == words


def _words_of_cut(cut: str) -> list[str]:
    """Return the plain words of a truncated text, without the last ones, which may be cut themselves."""
    for _ in range(3):
        try:
            return shape_of_text(cut)[0].split(" ")[:-1]
        except NotParsed:  # it was cut within a string or comment: drop from where that began
            opening = max(cut.rfind("'"), cut.rfind('"'), cut.rfind("/*"), cut.rfind("$"))
            if opening <= 0:
                return []
            cut = cut[:opening] + " x"
    return []


def _rest_is_semicolons(scanned: _Scanned, position: int) -> bool:
    return all(token.name == "ASCII_59" for token in scanned.code[position:])


def _unknown(scanned: _Scanned, position: int, values: Mapping[int, str | None]) -> bool:
    """Return whether a parameter stands at `position` whose value is not among those known."""
    if position >= len(scanned.code) or scanned.code[position].name != "PARAM":
        return False
    return parameter_number(scanned.text, scanned.code[position]) not in values


def _constant(scanned: _Scanned, position: int, values: Mapping[int, str | None]) -> tuple[str | None, int] | None:
    """Return (value, next position) of the constant at `position`, with its sign; None when there is none."""
    if position < len(scanned.code) and scanned.code[position].name == "PARAM":
        number = parameter_number(scanned.text, scanned.code[position])
        return (values[number], position + 1) if number in values else None
    sign = ""
    if position < len(scanned.code) and scanned.code[position].name in _SIGNS:
        sign = "-" if scanned.code[position].name == "ASCII_45" else ""
        position += 1
    if position >= len(scanned.code) or scanned.code[position].name not in _CONSTANTS:
        return None
    token = scanned.code[position]
    value = constant_value(scanned.text[token.start : token.end], token.name)
    if sign and value is not None:
        value = sign + value
    return value, position + 1


def constant_value(word: str, token_name: str) -> str | None:
    """Return the value of a constant's SQL text: 'it''s' -> it's, true -> t, NULL -> None."""
    if token_name == "NULL_P":
        return None
    if token_name in ("TRUE_P", "FALSE_P"):
        return "t" if token_name == "TRUE_P" else "f"
    if token_name not in _STRINGS:
        return word.replace("_", "") if token_name == "ICONST" and not word.lower().startswith("0x") else word
    if word.startswith("'") and "\\" not in word and "\n" not in word:
        return word[1:-1].replace("''", "'")
    # E'', U&'', dollar quotes, bit strings and continued strings: PostgreSQL's parser knows.
    tree: Any = parse_tree("SELECT " + word)
    value = tree[0].stmt.targetList[0].val.val
    return str(value.sval) if hasattr(value, "sval") else str(value.bsval)[1:]


@dataclass(frozen=True, slots=True)
class Generalised:
    """Texts that differ in constants only, as one text with parameters where they differ, and the values they had."""

    text: str
    literals: tuple[Literals, ...]  # one per text, in order


def generalise(texts: Sequence[str], values: Sequence[Mapping[int, str | None]] | None = None) -> Generalised:
    """Return one text for texts of the same exact shape (shape_of_text); alone, a text keeps all its constants.

    `values` holds, per text, the known values of its own $n; a $n that all texts have at one place stays.
    """
    scans = [_scan(text) for text in texts]
    known = values if values is not None else [_NONE] * len(scans)
    first = scans[0]
    highest = max((number for scan in scans for number in _numbers(scan)), default=0)
    edits = []
    literals: list[Literals] = [{} for _ in texts]
    for index, token in enumerate(first.code):
        if all(scan.code[index].name not in _CONSTANTS and scan.code[index].name != "PARAM" for scan in scans):
            continue
        words = [scan.word(index) for scan in scans]
        if len(set(words)) > 1:
            highest += 1
            number = highest
            edits.append((token.start, token.end, f"${number}"))
        elif token.name == "PARAM":
            number = parameter_number(first.text, token)
        else:
            continue
        for found, scan, word, mine in zip(literals, scans, words, known, strict=True):
            if scan.code[index].name != "PARAM":
                found[number] = constant_value(word, scan.code[index].name)
            elif (own := parameter_number(scan.text, scan.code[index])) in mine:
                found[number] = mine[own]
    return Generalised(apply_edits(first.text, edits), tuple(literals))


def _numbers(scanned: _Scanned) -> list[int]:
    return [parameter_number(scanned.text, token) for token in scanned.code if token.name == "PARAM"]
