"""Undo what normalisation broke: pg_stat_statements puts $n where PostgreSQL's grammar takes only a constant.

The text is edited by tokens, never deparsed: deparsing changes some expressions, and even fingerprints.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

from pglast import ast

from advisor.model.names import quote_literal
from advisor.workload.parse import (
    COMMENTS,
    Token,
    Tree,
    apply_edits,
    code_tokens,
    fields,
    find,
    function_name,
    is_parameter,
    parameter_number,
    parameters,
    parse_tree,
    renumber,
    tokens,
)

Edit = tuple[int, int, str]
SQUASHED = "/*, ... */"  # what PostgreSQL 18 leaves of the rest of a list
# A list of parameters longer than this becomes one array parameter; plans and costs are the same.
_LONGEST_LIST = 32
_INTERVAL_FIELDS = frozenset(["YEAR_P", "MONTH_P", "DAY_P", "HOUR_P", "MINUTE_P", "SECOND_P", "TO"])
_IGNORED = frozenset(["location", "list_start", "list_end", "rexpr_list_start", "rexpr_list_end", "stmt_location"])


@dataclass(frozen=True, slots=True)
class Repaired:
    """A text the server's grammar accepts, with parameters $1…$n and no holes.

    `numbers` maps the parameters of the text before to those of `text`; `lists` are parameters (new numbers)
    that stand for a whole IN list as one array; `units` names the field of interval constants: of
    `interval $1 day` the value '7' must be bound as '7 day', else it would be seconds.
    """

    text: str
    tree: Tree
    numbers: dict[int, int]
    lists: frozenset[int] = frozenset()
    units: dict[int, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def repair(text: str, tree: Tree, major: int) -> Repaired:
    """Return the repaired statement for a server of `major`. Raises NotParsed when an edit broke it."""
    notes: list[str] = []
    # First, and alone: what it puts back may lie inside the spans of the other edits.
    constants = _group_literals(text, tree)
    if constants:
        text = apply_edits(text, constants)
        tree = parse_tree(text)
        notes.append("constants that GROUP BY or ORDER BY still shows are put back")
    code = code_tokens(text)
    edits: list[Edit] = []
    units: dict[int, str] = {}
    for found, note in (
        (_typed_literals(text, tree, code, units), "a typed constant is written as CAST"),
        (_extract(tree, code, major), "EXTRACT is written as a plain function call"),
    ):
        if found:
            edits += found
            notes.append(note)
    list_edits, lists = _lists(text)
    if list_edits:
        edits += list_edits
        notes.append("a list of values is bound as one array")
    if edits:
        text = apply_edits(text, edits)
        tree = parse_tree(text)
    numbers = {old: new for new, old in enumerate(parameters(tree), start=1)}
    if any(old != new for old, new in numbers.items()):
        text = renumber(text, numbers)
        tree = parse_tree(text)
    return Repaired(
        text,
        tree,
        numbers,
        frozenset(numbers[number] for number in lists if number in numbers),
        {numbers[number]: unit for number, unit in units.items() if unit},
        tuple(notes),
    )


def _typed_literals(text: str, tree: Tree, code: list[Token], units: dict[int, str]) -> list[Edit]:
    """`interval $1 day`, `date $1`, `user_role $1` -> CAST($1 AS interval day)."""
    at = {token.start: index for index, token in enumerate(code)}
    edits = []
    for node in find(tree, ast.TypeCast):
        argument, type_start = node.arg, node.typeName.location
        if not is_parameter(argument) or not 0 <= type_start < argument.location:
            continue
        index = at[argument.location]
        end, span = code[index].end, ""
        if node.typeName.names[-1].sval == "interval":
            last = index
            while last + 1 < len(code) and code[last + 1].name in _INTERVAL_FIELDS:
                last += 1
            if last > index and code[last].name == "SECOND_P" and _is(code, last + 1, "ASCII_40"):
                last += 3  # second(3)
            if last > index:
                units[argument.number] = text[code[index + 1].start : code[index + 1].end] if last == index + 1 else ""
                span, end = " " + text[code[index + 1].start : code[last].end], code[last].end
        type_text = text[type_start : argument.location].strip()
        edits.append((type_start, end, f"CAST(${argument.number} AS {type_text}{span})"))
    return edits


def _extract(tree: Tree, code: list[Token], major: int) -> list[Edit]:
    """`EXTRACT($1 FROM x)` -> pg_catalog."extract"($1, x); before 14 the function is called date_part."""
    at = {token.start: index for index, token in enumerate(code)}
    name = 'pg_catalog."extract"' if major >= 14 else "pg_catalog.date_part"
    edits = []
    for node in find(tree, ast.FuncCall):
        if function_name(node) != "extract" or not node.args or not is_parameter(node.args[0]):
            continue
        call, argument = code[at[node.location]], at[node.args[0].location]
        if call.name == "EXTRACT" and _is(code, argument + 1, "FROM"):
            edits.append((call.start, call.end, name))
            edits.append((code[argument + 1].start, code[argument + 1].end, ","))
    return edits


def _lists(text: str) -> tuple[list[Edit], set[int]]:
    """`x IN ($1 /*, ... */)` and very long lists of parameters -> x = ANY ($1); ARRAY[$1 /*, ... */] likewise."""
    scanned = tokens(text)
    code = [token for token in scanned if token.name not in COMMENTS]
    squashed = {
        before.end: comment
        for before, comment in itertools.pairwise(scanned)
        if comment.name == "C_COMMENT" and text[comment.start : comment.end] == SQUASHED
    }
    edits: list[Edit] = []
    lists: set[int] = set()
    for index, token in enumerate(code):
        if token.name != "PARAM":
            continue
        short = token.end in squashed
        opening = code[index - 1].name if index else ""
        if opening == "ASCII_40" and index >= 2 and code[index - 2].name == "IN_P":
            last = _end_of_parameters(code, index)
            if not _is(code, last + 1, "ASCII_41") or not (short or last - index >= 2 * _LONGEST_LIST):
                continue
            negated = code[index - 3].name in ("NOT", "NOT_LA")
            start = code[index - 3].start if negated else code[index - 2].start
            edits.append((start, code[index - 2].end, "<> ALL" if negated else "= ANY"))
            edits.append((token.end, code[last + 1].start, ""))
            lists.add(parameter_number(text, token))
        elif short and opening == "ASCII_91" and _is(code, index - 2, "ARRAY") and _is(code, index + 1, "ASCII_93"):
            whole = _is(code, index + 2, "TYPECAST") or (
                _is(code, index - 3, "ASCII_40") and code[index - 4].name in ("ANY", "ALL", "SOME")
            )
            if whole:
                edits.append((code[index - 2].start, code[index + 1].end, f"${parameter_number(text, token)}"))
                lists.add(parameter_number(text, token))
    return edits, lists


def _end_of_parameters(code: list[Token], index: int) -> int:
    """Return the index of the last parameter of the list of bare parameters that begins at `index`."""
    while _is(code, index + 1, "ASCII_44") and _is(code, index + 2, "PARAM"):
        index += 2
    return index


def _is(code: list[Token], index: int, name: str) -> bool:
    return 0 <= index < len(code) and code[index].name == name


def _group_literals(text: str, tree: Tree) -> list[Edit]:
    """Put constants back: of `date_trunc($1, t) … GROUP BY date_trunc('week', t)` both were the same expression."""
    known: dict[int | None, Any] = {}
    for select in find(tree, ast.SelectStmt):
        expressions = [item.val for item in select.targetList or () if isinstance(item, ast.ResTarget)]
        for clause in (select.groupClause, select.sortClause, select.distinctClause):
            expressions += [item.node if isinstance(item, ast.SortBy) else item for item in clause or ()]
        compound = [
            item
            for item in expressions
            if item is not None and not isinstance(item, (ast.ParamRef, ast.A_Const, ast.ColumnRef))
        ]
        if len(compound) > 60:
            continue  # pairs would be thousands; such texts are generated and have no surviving constants
        for one, other in itertools.combinations(compound, 2):
            bound: dict[int | None, Any] = {}
            if _unify(one, other, bound):
                known.update(bound)
    if not known:
        return []
    return [
        (token.start, token.end, _constant(known[number]))
        for token in code_tokens(text)
        if token.name == "PARAM" and (number := parameter_number(text, token)) in known
    ]


def _unify(one: Any, other: Any, bound: dict[int | None, Any]) -> bool:
    """Return whether two expressions are equal when a parameter may equal any constant; note such pairs in `bound`."""
    if isinstance(one, ast.ParamRef) and isinstance(other, ast.A_Const):
        bound[one.number] = other
        return True
    if isinstance(one, ast.A_Const) and isinstance(other, ast.ParamRef):
        bound[other.number] = one
        return True
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(_unify(a, b, bound) for a, b in zip(one, other, strict=True))
    if isinstance(one, ast.Node):
        if type(one) is not type(other):
            return False
        names = [name for name in fields(one) if name not in _IGNORED]
        return all(_unify(getattr(one, name), getattr(other, name), bound) for name in names)
    return bool(one == other)


def _constant(node: Any) -> str:
    """Return the SQL text of a constant node."""
    value: Any = node.val
    if node.isnull:
        return "NULL"
    if isinstance(value, ast.Integer):
        return str(value.ival)
    if isinstance(value, ast.Float):
        return str(value.fval)
    if isinstance(value, ast.Boolean):
        return "true" if value.boolval else "false"
    if isinstance(value, ast.BitString):
        return f"{value.bsval[0]}'{value.bsval[1:]}'"
    return quote_literal(value.sval)
