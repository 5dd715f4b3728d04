"""Types for the parameters: what the server infers, and where it cannot, the first combination it accepts."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pglast import ast

from advisor.workload.classify import Unusable
from advisor.workload.parse import (
    Tree,
    apply_edits,
    code_tokens,
    find,
    is_parameter,
    operator_name,
    parameters,
    parse_tree,
)
from advisor.workload.session import ParsedTypes, ParseError, ParseSession

TEXT = "pg_catalog.text"
_COUNT = "pg_catalog.int8"
# In the order of how often each was the right one.
_CANDIDATES = tuple(
    f"pg_catalog.{name}"
    for name in (
        "int4",
        "numeric",
        "text",
        "interval",
        "timestamptz",
        "int8",
        "date",
        "uuid",
        "jsonb",
        "bool",
        "float8",
        "_text",
    )
)
# (how many groups of parameters at once, how many groups, how many types to try for each)
_ROUNDS = ((1, 40, 12), (2, 12, 6), (3, 6, 4))
# Of two parameters that are added or subtracted, where one type alone does not do.
_SUMS = tuple(
    (f"pg_catalog.{left}", f"pg_catalog.{right}")
    for left, right in (("date", "int4"), ("timestamptz", "interval"), ("timestamp", "interval"), ("date", "interval"))
)
# What is added to a moment is a span of time; anything else is added to its like.
_ADDED_TO = {"timestamptz": "interval", "timestamp": "interval", "time": "interval", "date": "int4"}
_MOST_TRIES = 400
_MOST_STEPS = 24
# Only a refusal that other types could cure is worth a search: unknown function or operator, ambiguity, datatype
# mismatch, no conversion, indeterminate types, bad text of a value.
_CURABLE = frozenset(
    ["42883", "42725", "42804", "42846", "42P18", "42P08", "42P38", "42P22", "22P02", "22007", "22023"]
)
_ARITHMETIC = frozenset(["+", "-", "*", "/", "%", "^", "&", "|", "#", "<<", ">>", "||", "->", "->>"])
_ELEMENT_OF_RANGE = {
    "tstzrange": "timestamptz",
    "tsrange": "timestamp",
    "daterange": "date",
    "int4range": "int4",
    "int8range": "int8",
    "numrange": "numeric",
}
_NO_COUNT = re.compile(r"argument of (?:LIMIT|OFFSET|FETCH FIRST) must be type bigint")
_UNDETERMINED = re.compile(r"could not determine data type of parameter \$(\d+)")


@dataclass(frozen=True, slots=True)
class Typed:
    """A text the server accepts with these parameter types ('schema.typname').

    `variables`: parameters added in the place of names that only a function's body knows.
    """

    text: str
    tree: Tree
    types: tuple[str, ...]
    variables: dict[int, str]
    notes: tuple[str, ...] = ()


class _Inference:
    """The state of one statement's inference."""

    def __init__(self, session: ParseSession, text: str, tree: Tree, search_path: Sequence[str]) -> None:
        self.session = session
        self.text = text
        self.tree = tree
        self.search_path = search_path
        self.count = max(parameters(tree), default=0)
        self.hints: dict[int, str] = {}
        self.variables: dict[int, str] = {}
        self.notes: dict[str, None] = {}
        self.tries = 0

    def ask(self, extra: dict[int, str] | None = None) -> ParsedTypes | ParseError:
        """Parse with the hints so far and `extra`."""
        known = {**self.hints, **(extra or {})}
        self.tries += 1
        return self.session.parse(
            self.text, [known.get(number) for number in range(1, self.count + 1)], self.search_path
        )

    def result(self, types: Sequence[str]) -> Typed:
        return Typed(self.text, self.tree, tuple(types), dict(self.variables), tuple(self.notes))


def infer_types(session: ParseSession, text: str, tree: Tree, search_path: Sequence[str]) -> Typed:
    """Return the statement with the types of its parameters. Raises Unusable when the server takes no typing of it."""
    state = _Inference(session, text, tree, search_path)
    answer = state.ask()
    for _ in range(_MOST_STEPS):
        if isinstance(answer, ParsedTypes):
            return state.result(_elements_for_ranges(state, answer.parameter_types))
        if not (_hint_as_text(state, answer) or _hint_as_count(state, answer) or _variable_to_parameter(state, answer)):
            break
        answer = state.ask()
    if isinstance(answer, ParsedTypes):
        return state.result(_elements_for_ranges(state, answer.parameter_types))
    found = _search(state, answer) if answer.sqlstate in _CURABLE and state.count else None
    if found is None:
        raise refused(answer)
    state.notes["types of parameters were found by trying"] = None
    return state.result(found.parameter_types)


def refused(error: ParseError) -> Unusable:
    """Return what to report for a text the server does not accept."""
    if error.sqlstate == "42P01":
        return Unusable(f"{error.message} (dropped, temporary, or in another schema)", "unplannable", error.sqlstate)
    return Unusable(f"the server refuses it: {error.message}", "unplannable", error.sqlstate)


def _hint_as_text(state: _Inference, error: ParseError) -> bool:
    """Take text where nothing tells the type: of one parameter, or of a polymorphic function's."""
    match = _UNDETERMINED.match(error.message)
    if match is not None and int(match[1]) not in state.hints and int(match[1]) <= state.count:
        state.hints[int(match[1])] = TEXT
        state.notes["a parameter of no particular type is taken as text"] = None
        return True
    if not error.message.startswith("could not determine polymorphic type"):
        return False
    calls = find(state.tree, ast.FuncCall)
    exact = [call for call in calls if call.location == error.position]
    for group in (exact, calls):
        numbers = [
            argument.number
            for call in group
            for argument in call.args or ()
            if is_parameter(argument) and argument.number not in state.hints
        ]
        if numbers:
            state.hints.update(dict.fromkeys(numbers, TEXT))
            state.notes["a parameter of no particular type is taken as text"] = None
            return True
    return False


def _hint_as_count(state: _Inference, error: ParseError) -> bool:
    """Take whole numbers in LIMIT and OFFSET: `coalesce($1, $2)` is text to the server, and refused there."""
    if _NO_COUNT.match(error.message) is None:
        return False
    numbers = [
        node.number
        for select in find(state.tree, ast.SelectStmt)
        for place in (select.limitCount, select.limitOffset)
        if place is not None and not find(place, ast.SubLink)
        for node in find(place, ast.ParamRef)
    ]
    new = {number: _COUNT for number in numbers if state.hints.get(number) != _COUNT}
    state.hints.update(new)
    return bool(new)


def _variable_to_parameter(state: _Inference, error: ParseError) -> bool:
    """Turn a name the server does not know into a parameter: inside functions variables appear by name."""
    if error.sqlstate not in ("42703", "42P01") or error.position is None:
        return False
    references = find(state.tree, ast.ColumnRef)
    here = next((node for node in references if node.location == error.position), None)
    if here is None:
        return False
    name = _plain_name(here)
    if name is None or len(name) > 2 or (error.sqlstate == "42P01" and len(name) < 2):
        return False
    number = state.count + 1
    code = code_tokens(state.text)
    at = {token.start: index for index, token in enumerate(code)}
    edits = [
        (node.location, code[at[node.location] + 2 * (len(name) - 1)].end, f"${number}")
        for node in references
        if _plain_name(node) == name
    ]
    state.text = apply_edits(state.text, edits)
    state.tree = parse_tree(state.text)
    state.count = number
    state.variables[number] = ".".join(name)
    state.notes[f"{'.'.join(name)} is taken as a variable of the function around it"] = None
    return True


def _plain_name(reference: Any) -> tuple[str, ...] | None:
    if all(isinstance(field, ast.String) for field in reference.fields):
        return tuple(field.sval for field in reference.fields)
    return None


def _elements_for_ranges(state: _Inference, types: tuple[str, ...]) -> tuple[str, ...]:
    """`range @> $1` is inferred as a range; where its element type is accepted too, that is what was meant."""
    for node in find(state.tree, ast.A_Expr):
        operator = operator_name(node)
        parameter: Any = node.rexpr if operator == "@>" else node.lexpr if operator == "<@" else None
        if not is_parameter(parameter) or parameter.number in state.hints:
            continue
        element = _ELEMENT_OF_RANGE.get(types[parameter.number - 1].removeprefix("pg_catalog."))
        if element is None:
            continue
        answer = state.ask({parameter.number: f"pg_catalog.{element}"})
        if isinstance(answer, ParsedTypes):
            state.hints[parameter.number] = f"pg_catalog.{element}"
            types = answer.parameter_types
    return types


def _search(state: _Inference, error: ParseError) -> ParsedTypes | None:
    """Try types for one group of suspects, then two, then three; the first that the server accepts wins."""
    limit = state.tries + _MOST_TRIES
    expected = _types_of_sums(state)
    likely = [expected] if expected else []
    for extra in itertools.chain(likely, _typings(state.tree, _suspects(state.tree, error.position))):
        if state.tries >= limit:
            return None
        answer = state.ask(extra)
        if isinstance(answer, ParseError) and (match := _UNDETERMINED.match(answer.message)):
            answer = state.ask({**extra, int(match[1]): TEXT})
        if isinstance(answer, ParsedTypes):
            return answer
    return None


def _types_of_sums(state: _Inference) -> dict[int, str]:
    """Return the types of parameters that are added up, by what the server expects in the place of the sums.

    `lat < $1 + $2` is ambiguous to it, `lat < $1` is not: without this whole numbers would do, and no coordinate fits.
    """
    tokens = {token.start: token for token in code_tokens(state.text)}
    sums: list[tuple[int, int]] = []
    edits = []
    for node in find(state.tree, ast.A_Expr):
        left, right = node.lexpr, node.rexpr
        if operator_name(node) in ("+", "-") and is_parameter(left) and is_parameter(right):
            sums.append((left.number, right.number))
            edits.append((node.location, tokens[right.location].end, ""))
    if not sums:
        return {}
    state.tries += 1
    gone = {added for _, added in sums}
    hints = [TEXT if number in gone else state.hints.get(number) for number in range(1, state.count + 1)]
    answer = state.session.parse(apply_edits(state.text, edits), hints, state.search_path)
    if not isinstance(answer, ParsedTypes):
        return {}
    found = {}
    for first, added in sums:
        found[first] = answer.parameter_types[first - 1]
        found[added] = "pg_catalog." + _ADDED_TO.get(name := found[first].removeprefix("pg_catalog."), name)
    return found


def _typings(tree: Tree, groups: Sequence[tuple[int, ...]]) -> Iterator[dict[int, str]]:
    """Yield types by parameter, the likelier first."""
    for together, most_groups, most_types in _ROUNDS:
        for chosen in itertools.combinations(groups[:most_groups], together):
            for types in itertools.product(_CANDIDATES[:most_types], repeat=together):
                yield {number: name for group, name in zip(chosen, types, strict=True) for number in group}
        if together == 1:
            for expression in find(tree, ast.A_Expr):
                left, right = expression.lexpr, expression.rexpr
                if operator_name(expression) in ("+", "-") and is_parameter(left) and is_parameter(right):
                    yield from ({left.number: first, right.number: second} for first, second in _SUMS)


def _suspects(tree: Tree, position: int | None) -> list[tuple[int, ...]]:
    """Return groups of parameters that should share a type, the most doubtful first.

    Parameters under the very expression the server complained about come before all others.
    """
    groups: list[tuple[int, ...]] = []
    seen: set[int] = set()
    for numbers in _groups(tree):
        fresh = tuple(sorted(set(numbers) - seen))
        if fresh:
            groups.append(fresh)
            seen.update(fresh)
    if position is None:
        return groups
    near = {
        number
        for node in find(tree, ast.A_Expr, ast.FuncCall, ast.CoalesceExpr, ast.CaseExpr, ast.MinMaxExpr, ast.TypeCast)
        if node.location == position
        for number in parameters(node)
    } | {node.number for node in find(tree, ast.ParamRef) if node.location == position}
    return sorted(groups, key=lambda group: not near.intersection(group))


def _groups(tree: Tree) -> Iterator[list[int]]:
    for select in find(tree, ast.SelectStmt):
        for column in zip(*(select.valuesLists or ()), strict=False):
            yield [item.number for item in column if is_parameter(item)]
    for array in find(tree, ast.A_ArrayExpr):
        yield [item.number for item in array.elements or () if is_parameter(item)]
    for expression in find(tree, ast.A_Expr):
        if operator_name(expression) in _ARITHMETIC:
            for side in (expression.lexpr, expression.rexpr):
                yield [side.number] if is_parameter(side) else []
    for target in find(tree, ast.ResTarget):
        yield [target.val.number] if is_parameter(target.val) else []
    for call in find(tree, ast.FuncCall):
        for argument in call.args or ():
            value: Any = argument.arg if isinstance(argument, ast.NamedArgExpr) else argument
            yield [value.number] if is_parameter(value) else []
    for test in find(tree, ast.NullTest):
        yield [test.arg.number] if is_parameter(test.arg) else []
    for choice in find(tree, ast.CoalesceExpr, ast.CaseExpr, ast.MinMaxExpr):
        for number in parameters(choice):
            yield [number]
    for number in parameters(tree):
        yield [number]
